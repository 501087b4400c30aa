//! Times of a sealed day: what many series share is stored once.
//!
//! ```text
//! stream   0, count, integers | 1, number of the whole stream, runs: count, each (left out, taken)
//! ```
//! All series of one scrape have the same times, and one that came late or missed some has a part
//! of them; so jitter is paid once a target and not once a series. Streams are numbered in the order
//! in which series name them, and packed like entries of series.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::codec::integers;

/// The number of a stream within its day.
pub(super) type StreamRef = u32;

/// The most times of one stream, and so points of one sealed chunk.
pub(super) const MAX_STREAM_TIMES: usize = 1 << 14;

const WHOLE: u8 = 0;
const PART: u8 = 1;

/// Streams shorter than this are not worth looking for the whole they are a part of.
const SMALL: usize = 24;

/// Whole streams in which a part is looked for.
const RECENT: usize = 16;

/// The most different streams that are remembered; further ones are stored again.
const MAX_KNOWN: usize = 1 << 20;

/// Numbers streams while a day is sealed.
#[derive(Default)]
pub(super) struct Streams {
    known: HashMap<u128, StreamRef>,
    recent: VecDeque<(StreamRef, Vec<i64>)>,
    next: StreamRef,
}

impl Streams {
    /// Returns the number of the stream with these times, of which there is at least one and which
    /// rise, and its bytes if it is new.
    ///
    /// # Errors
    /// `Internal` when numbers are used up.
    pub(super) fn number(&mut self, times: &[i64]) -> Result<(StreamRef, Option<Vec<u8>>)> {
        debug_assert!((1..=MAX_STREAM_TIMES).contains(&times.len()));
        let bytes: Vec<u8> = times.iter().flat_map(|time| time.to_le_bytes()).collect();
        let hash = xxh3_128(&bytes);
        if let Some(known) = self.known.get(&hash) {
            return Ok((*known, None));
        }
        let number = self.next;
        let full = || Error::internal("a day has no numbers left for streams of times");
        self.next = number.checked_add(1).ok_or_else(full)?;
        if self.known.len() < MAX_KNOWN {
            self.known.insert(hash, number);
        }
        let mut whole = vec![WHOLE];
        put_varint(&mut whole, times.len() as u64);
        integers::encode(times, &mut whole);
        if whole.len() > SMALL {
            let parts = self.recent.iter().filter_map(|(of, all)| part(*of, all, times));
            if let Some(part) = parts.min_by_key(Vec::len).filter(|part| part.len() < whole.len()) {
                return Ok((number, Some(part)));
            }
            self.recent.truncate(RECENT - 1);
            self.recent.push_front((number, times.to_vec()));
        }
        Ok((number, Some(whole)))
    }
}

/// Returns the bytes of a part of a stream; `None` when `times` are not among `all`.
fn part(of: StreamRef, all: &[i64], times: &[i64]) -> Option<Vec<u8>> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut place = 0;
    let mut left_out = 0;
    for time in times {
        while *all.get(place)? < *time {
            place += 1;
            left_out += 1;
        }
        if all[place] != *time {
            return None;
        }
        match runs.last_mut().filter(|_| left_out == 0) {
            Some((_, taken)) => *taken += 1,
            None => runs.push((left_out, 1)),
        }
        place += 1;
        left_out = 0;
    }
    let mut out = vec![PART];
    put_varint(&mut out, u64::from(of));
    put_varint(&mut out, runs.len() as u64);
    for (left_out, taken) in runs {
        put_varint(&mut out, left_out);
        put_varint(&mut out, taken);
    }
    Some(out)
}

/// Decodes a stream. `whole` gives the times of the stream that another one is a part of.
///
/// # Errors
/// `Corrupt` when the bytes are no stream; those of `whole`.
pub(super) fn decode(
    stream: &[u8],
    whole: impl FnOnce(StreamRef) -> Result<Arc<Vec<i64>>>,
) -> Result<Vec<i64>> {
    let mut bytes = Reader::new(stream);
    match bytes.byte()? {
        WHOLE => {
            let count = bytes.count(MAX_STREAM_TIMES)?.max(1);
            integers::decode(&mut bytes, count)
        }
        PART => {
            let all = whole(bytes.count(StreamRef::MAX as usize)? as StreamRef)?;
            let mut rest = all.as_slice();
            let mut times = Vec::new();
            for _ in 0..bytes.count(MAX_STREAM_TIMES)? {
                let (left_out, taken) = (bytes.count(rest.len())?, bytes.count(rest.len())?);
                rest = &rest[left_out..];
                let (run, after) = rest.split_at_checked(taken).ok_or_else(beyond)?;
                times.extend_from_slice(run);
                rest = after;
            }
            Ok(times)
        }
        other => Err(Error::corrupt(format!("unknown form {other} of a stream of times"))),
    }
}

fn beyond() -> Error {
    Error::corrupt("a part of a stream of times ends behind the whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(streams: &[Vec<u8>], number: StreamRef) -> Vec<i64> {
        let whole = |of| Ok(Arc::new(read(streams, of)));
        decode(&streams[number as usize], whole).unwrap()
    }

    #[test]
    fn equal_times_are_stored_once_and_parts_cost_little_even_with_jitter() {
        let jitter = |i: i64| (i * 7_919 + i * i % 83) % 200;
        let all: Vec<i64> = (0..5_760).map(|i| i * 15_000 + jitter(i)).collect();
        let late = all[1_000..].to_vec();
        let gaps: Vec<_> = all.iter().copied().filter(|at| at % 977 > 3).collect();
        let other: Vec<_> = all.iter().map(|at| at + 1).collect();
        let mut streams = Streams::default();
        let mut rows = Vec::new();
        let wanted = [&all, &late, &gaps, &other, &all, &late];
        let mut numbers = Vec::new();
        for times in wanted {
            let (number, row) = streams.number(times).unwrap();
            numbers.push(number);
            rows.extend(row);
        }
        assert_eq!(numbers, [0, 1, 2, 3, 0, 1]);
        for (number, times) in numbers.into_iter().zip(wanted) {
            assert_eq!(read(&rows, number), *times);
        }
        assert!(rows[0].len() > 5_000 && rows[1].len() < 10 && rows[2].len() < 200);
        assert!(decode(&rows[1], |_| Ok(Arc::new(vec![1, 2, 3]))).is_err());
        assert!(decode(&rows[0][..100], |_| Ok(Arc::default())).is_err());
    }
}
