//! Running totals of senders that only tell what is new since their last point (delta temporality).
//!
//! Each series has one stream: the total so far, when its counting began and the time of the last
//! point. A point that is the last one again, as after a lost answer, changes nothing and gives the
//! same total; one that is older than the last is refused, because later totals were told already.
//! Where the layout of a histogram changes, the total begins anew, which readers see as the reset of
//! a counter; so do restarts of the appliance and senders that were silent for longer than
//! [`SILENCE`]. Streams are bounded in bytes; what does not fit is refused by name.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::labels::Labels;
use crate::model::reject::RejectReason;
use crate::model::time::{TimestampMs, TimestampNs};
use crate::wire::otlp::metrics::points::Fault;
use crate::wire::otlp::metrics::total::Total;

/// How long a stream is remembered after its last point.
pub const SILENCE: Duration = Duration::from_secs(3_600);
/// How often silent streams are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Bytes of all streams unless said otherwise: some 100,000 counters, or 15,000 histograms.
const USUAL_BYTES: usize = 32 << 20;
/// What a stream costs beside its total.
const STREAM_BYTES: usize = 160;

/// The streams of all senders.
#[derive(Debug)]
pub struct DeltaStreams {
    streams: HashMap<Labels, Stream>,
    bytes: usize,
    max_bytes: usize,
    swept: TimestampNs,
}

#[derive(Debug)]
struct Stream {
    total: Total,
    /// When counting began; 0 when the sender did not say.
    start: TimestampMs,
    last: TimestampMs,
    /// What the last point said, to know it again.
    print: (u64, u64),
    /// When the last point arrived.
    seen: TimestampNs,
}

/// The times of a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    /// When the counting of the point began; 0 when the sender did not say.
    pub(crate) start: TimestampMs,
    /// Until when it counted.
    pub(crate) at: TimestampMs,
    /// When it arrived.
    pub(crate) arrival: TimestampNs,
}

impl Default for DeltaStreams {
    fn default() -> Self {
        DeltaStreams::new(USUAL_BYTES)
    }
}

impl DeltaStreams {
    /// Creates streams of at most about `max_bytes` together.
    pub fn new(max_bytes: usize) -> Self {
        DeltaStreams { streams: HashMap::new(), bytes: 0, max_bytes, swept: TimestampNs(i64::MIN) }
    }

    /// Returns how many series have a total.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Returns whether no series has a total.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Adds what is new of a series and returns its total, and when its counting began.
    ///
    /// # Errors
    /// The refusal of a point that comes too late or for which there is no room.
    pub(crate) fn advance(
        &mut self,
        series: Labels,
        when: When,
        delta: Total,
    ) -> Result<(Total, TimestampMs), Fault> {
        self.sweep(when.arrival);
        let print = delta.print();
        let Some(stream) = self.streams.get_mut(&series) else {
            return self.begin(series, when, delta);
        };
        if when.at == stream.last && print == stream.print {
            stream.seen = when.arrival;
            return Ok((stream.total.clone(), stream.start));
        }
        if when.at == stream.last {
            let why = format!("duplicate sample for timestamp for series {series}");
            return Err((RejectReason::DuplicateTimestamp, why));
        }
        if when.at < stream.last {
            let why = format!("out of order sample for series {series}: its delta comes too late");
            return Err((RejectReason::TooOld, why));
        }
        let before = stream.total.weight();
        if let Err(delta) = stream.total.add(delta) {
            (stream.total, stream.start) = (delta, when.start);
        }
        (stream.last, stream.print, stream.seen) = (when.at, print, when.arrival);
        self.bytes = (self.bytes + stream.total.weight()).saturating_sub(before);
        Ok((stream.total.clone(), stream.start))
    }

    /// Ends a stream whose sender says that there is no value any more.
    pub(crate) fn end(&mut self, series: &Labels) {
        if let Some((series, stream)) = self.streams.remove_entry(series) {
            self.bytes = self.bytes.saturating_sub(weight(&series, &stream));
        }
    }

    fn begin(
        &mut self,
        series: Labels,
        when: When,
        delta: Total,
    ) -> Result<(Total, TimestampMs), Fault> {
        let stream = Stream {
            print: delta.print(),
            total: delta,
            start: when.start,
            last: when.at,
            seen: when.arrival,
        };
        let bytes = weight(&series, &stream);
        if self.bytes + bytes > self.max_bytes {
            let why = "there are too many series of delta temporality; let the exporter send \
                       cumulative values \
                       (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative)";
            return Err((RejectReason::LimitExceeded, why.to_owned()));
        }
        self.bytes += bytes;
        let begun = (stream.total.clone(), stream.start);
        self.streams.insert(series, stream);
        Ok(begun)
    }

    /// Forgets streams that were silent for long.
    fn sweep(&mut self, now: TimestampNs) {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        if now.0 < self.swept.0.saturating_add(nanos(SWEEP)) {
            return;
        }
        self.swept = now;
        let oldest = now.0.saturating_sub(nanos(SILENCE));
        self.streams.retain(|_, stream| stream.seen.0 >= oldest);
        self.bytes = self.streams.iter().map(|(series, stream)| weight(series, stream)).sum();
    }
}

fn weight(series: &Labels, stream: &Stream) -> usize {
    STREAM_BYTES + series.as_bytes().len() + stream.total.weight()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn series(name: &str) -> Labels {
        Labels::from_pairs([("__name__", name)])
    }

    fn when(start: i64, at: i64, arrival: i64) -> When {
        When {
            start: TimestampMs(start),
            at: TimestampMs(at),
            arrival: TimestampNs(arrival * SECOND),
        }
    }

    fn number(streams: &mut DeltaStreams, times: When, delta: f64) -> Result<(f64, i64), Fault> {
        let (total, start) = streams.advance(series("m"), times, Total::Number(delta))?;
        let Total::Number(total) = total else { panic!("not a number: {total:?}") };
        Ok((total, start.0))
    }

    #[test]
    fn deltas_add_up_and_a_repetition_adds_nothing() {
        let mut streams = DeltaStreams::default();
        assert_eq!(number(&mut streams, when(10, 20, 0), 5.0), Ok((5.0, 10)));
        assert_eq!(number(&mut streams, when(20, 30, 1), 2.0), Ok((7.0, 10)));
        assert_eq!(number(&mut streams, when(20, 30, 2), 2.0), Ok((7.0, 10)));
        let (reason, _) = number(&mut streams, when(20, 30, 2), 3.0).unwrap_err();
        assert_eq!(reason, RejectReason::DuplicateTimestamp);
        let (reason, _) = number(&mut streams, when(10, 25, 2), 3.0).unwrap_err();
        assert_eq!(reason, RejectReason::TooOld);
        assert_eq!(number(&mut streams, when(40, 50, 3), 1.0), Ok((8.0, 10)));
    }

    #[test]
    fn a_silent_or_ended_stream_begins_anew() {
        let mut streams = DeltaStreams::default();
        assert_eq!(number(&mut streams, when(10, 20, 0), 5.0), Ok((5.0, 10)));
        assert_eq!(number(&mut streams, when(20, 30, 3_500), 1.0), Ok((6.0, 10)));
        assert_eq!(number(&mut streams, when(30, 40, 7_101), 1.0), Ok((1.0, 30)));
        streams.end(&series("m"));
        assert!(streams.is_empty() && streams.bytes == 0);
        assert_eq!(number(&mut streams, when(40, 50, 7_102), 2.0), Ok((2.0, 40)));
    }

    #[test]
    fn streams_beyond_the_bound_are_refused_and_known_ones_go_on() {
        let mut streams = DeltaStreams::new(2 * STREAM_BYTES);
        assert_eq!(number(&mut streams, when(0, 20, 0), 5.0), Ok((5.0, 0)));
        let other = streams.advance(series("other"), when(0, 20, 0), Total::Number(1.0));
        assert_eq!(other.unwrap_err().0, RejectReason::LimitExceeded);
        assert_eq!(number(&mut streams, when(0, 30, 0), 5.0), Ok((10.0, 0)));
    }
}
