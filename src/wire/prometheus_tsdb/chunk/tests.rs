//! Chunks as Prometheus 3.14 writes them.

use proptest::prelude::*;

use super::*;
use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::sample::{Sample, StartTime};
use crate::model::stale::{STALE_NAN_BITS, is_stale};
use crate::model::time::TimestampMs;

const XOR: &str = "0009d00f3ff0000000000000e807309bffd8001c0740077ffd83fbff8000000000003894731ff6000000 \
     000001f00000000000f42407fffffffffff839c447fd8000000000003c00000008618480a24049999999 \
     99999a";
const XOR2_FALSE: &str = "000900d00f3ff0000000000000e807509bffdc001c03a003dffefc09473400be00000000000f42407bff \
     ffffffffc1ce223fefc0000000430c2405183f404999999999999a";
const XOR2_TRUE: &str = "000984d00f3ff0000000000000e807e807509bffdc001c03a003dffefec23e04a39a005fbb5c7f000000 \
     000007a1203f7c2f703dffffffffffe0e7111ff7f81f18f1e0000000218612028c1fa024cccccccccccd \
     fefffffde79edfd8";
const HIST: &str = "000500ff3f50624dd2f1a9fc8ca494631af8fa319240326666666666668c6ec2f8fa30b1de0e222c2c76 \
     85c4470fbbbee0bb8bee4c5e7f8cccccccccccc8";
const FHIST: &str = "000500ff3f50624dd2f1a9fc8ca494631af8fa100a0000000000001000000000000000100c9999999999 \
     998ffc00000000000010000000000000000ffc0000000000000ffc00000000000010050000000000003c \
     7d1ac5cec07bc1e12fffec0784bfff84bfffb02d2b587f685c007587e003001d41fc3e91fdcf705ed073 \
     da0f683dc0f7384980e13200f179fe33333333333320";
const HIST_ST: &str = "000482ff3f50624dd2f1a9fc8ca494631af8fa319240326666666666668c6ec2d804f8fa30b1de0e222c \
     2c7685c447d83b87dddf705dc5f720";
const FHIST_ST: &str = "000482ff3f50624dd2f1a9fc8ca494631af8fa100a0000000000001000000000000000100c9999999999 \
     998ffc00000000000010000000000000000ffc0000000000000ffc00000000000010050000000000002c \
     027c7d1ac5cec07bc1e12fffec0784bfff84bfffb02d2b587f685c007587e003001d41ff60ee1f48fee7 \
     b82f6839ed07b41ee07b90";
const NHCB: &str = "00020000ee5c664ede9c520e6e6b28000000078fa26402300000000000089e3e899100";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn decoded(encoding: u8, hex: &str) -> SeriesWrite {
    let mut write = SeriesWrite::default();
    decode(encoding, &bytes(hex), &mut write).unwrap();
    write
}

const TIMES: [i64; 9] =
    [1_000, 2_000, 3_000, 4_001, 5_000, 25_000, 1_045_000, 1_046_000, 9_000_000_000];

fn floats() -> Vec<Sample> {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let values = [1.0, 1.0, 2.5, -3.0, stale, 7.0, 7.0, f64::INFINITY, 0.1];
    TIMES.into_iter().zip(values).map(|(at, value)| Sample::new(at, value)).collect()
}

#[test]
fn floats_come_back_bit_for_bit_in_both_encodings() {
    assert_eq!(decoded(1, XOR).samples, floats());
    let second = decoded(4, XOR2_FALSE);
    assert_eq!((second.samples, second.starts), (floats(), vec![]));
    let started = decoded(4, XOR2_TRUE);
    assert_eq!(started.samples, floats());
    let starts: Vec<i64> = started.starts.iter().map(|start| start.start.0).collect();
    let later = TIMES[4..].iter().map(|at| at - 10);
    assert_eq!(starts, [500; 4].into_iter().chain(later).collect::<Vec<_>>());
}

fn exponential(step: f64, hint: CounterResetHint) -> Histogram {
    Histogram {
        counter_reset_hint: hint,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: 2.0 + step,
        count: 12.0 + 5.0 * step,
        sum: 18.4 + step,
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 1, length: 2 }],
        positive_buckets: vec![1.0 + step, 2.0 + step, 1.0 + step, 1.0 + step],
        negative_spans: vec![Span { offset: -3, length: 1 }],
        negative_buckets: vec![5.0 + step],
        custom_values: vec![],
    }
}

#[test]
fn histograms_of_whole_and_float_counts_come_back_with_what_is_known_of_resets() {
    use CounterResetHint::{NotReset, Unknown};
    let expected = [(0.0, Unknown), (1.0, NotReset), (3.0, NotReset), (4.0, NotReset)];
    for (encoding, hex) in [(2, HIST), (3, FHIST), (5, HIST_ST), (6, FHIST_ST)] {
        let write = decoded(encoding, hex);
        for (place, (step, hint)) in expected.into_iter().enumerate() {
            let sample = &write.histograms[place];
            assert_eq!(*sample.histogram, exponential(step, hint), "{encoding} {place}");
            let at = if place > 2 { 4_007 } else { 1_000 + 1_000 * place as i64 };
            assert_eq!(sample.timestamp, TimestampMs(at));
        }
        match encoding {
            2 | 3 => {
                assert!(write.histograms[4].histogram.is_stale());
                assert_eq!(write.starts, []);
            }
            _ => {
                let starts = [(1_000, 400), (2_000, 400), (3_000, 2_995), (4_007, 4_002)];
                let start = |(at, start)| StartTime {
                    timestamp: TimestampMs(at),
                    start: TimestampMs(start),
                };
                assert_eq!(write.starts, starts.map(start));
            }
        }
    }
}

#[test]
fn custom_bounds_come_back_whether_short_or_long() {
    let write = decoded(2, NHCB);
    let second = &write.histograms[1].histogram;
    assert_eq!(second.custom_values, [0.005, 2.5, 1e9]);
    assert_eq!(second.positive_buckets, [2.0, 2.0, 2.0]);
    assert_eq!((second.schema, second.count, second.sum), (-53, 6.0, 9.5));
}

#[test]
fn a_chunk_that_is_cut_keeps_what_came_before_and_an_unknown_encoding_is_named() {
    let mut write = SeriesWrite::default();
    let whole = bytes(XOR);
    assert!(decode(1, &whole[..whole.len() - 9], &mut write).is_err());
    assert!(!write.samples.is_empty() && write.samples.len() < 9);
    let error = decode(77, &whole, &mut write).unwrap_err();
    assert_eq!(error.message(), "chunk encoding 77 is not known");
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic_or_take_much(
        encoding in 1_u8..7,
        mut data in proptest::collection::vec(any::<u8>(), 0..400),
        like in proptest::option::of(0_usize..8),
        at in any::<prop::sample::Index>(),
    ) {
        if let Some(known) = like {
            let known = [XOR, XOR2_FALSE, XOR2_TRUE, HIST, FHIST, HIST_ST, FHIST_ST, NHCB][known];
            let flipped = data.first().copied().unwrap_or(1);
            data = bytes(known);
            let at = at.index(data.len());
            data[at] ^= flipped;
        }
        let mut write = SeriesWrite::default();
        let _ = decode(encoding, &data, &mut write);
        prop_assert!(write.samples.len() <= data.len() * 8);
        prop_assert!(write.histograms.iter().all(|one| is_stale(one.histogram.sum)
            || one.histogram.positive_buckets.len() <= data.len() * 8));
    }
}
