//! Records as Prometheus 3.14 logs them.

use proptest::prelude::*;

use super::*;

const SERIES: &str = "01000000000000000702085f5f6e616d655f5f016101620163000000000000000901085f5f6e616d655f \
     5f017a";
const SAMPLES: &str = "02000000000000000700000000000003e800003ff8000000000000040240000000000000000201bff000 \
     0000000000";
const SAMPLES2: &str = "0b0ed00f003ff8000000000000040202880e4000000000000000010101bff0000000000000";
const EX: &str = "04000000000000000700000000000003e800003ff0000000000000010874726163655f69640178";
const META: &str = "0607010204554e495401730448454c500468656c70";
const HIST: &str = "07000000000000000700000000000003e8000000023f50624dd2f1a9fc020c4032666666666666020002 \
     02020105010402020100010a040200023f50624dd2f1a9fc031140336666666666660200020202010501 \
     0404020100010c";
const HIST2: &str = "0c0ed00fe80700023f50624dd2f1a9fc020c403266666666666602000202020105010402020100010a04 \
     020100023f50624dd2f1a9fc0311403366666666666602000202020105010404020100010c";
const NHCBF: &str = "0a000000000000000700000000000003e800000069000000000000000000000000000000004018000000 \
     000000402300000000000001000300034000000000000000400000000000000040000000000000000003 \
     3f747ae147ae147b400400000000000041cdcd6500000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn read(hex: &str) -> Record {
    decode(&bytes(hex)).unwrap()
}

#[test]
fn series_samples_exemplars_and_metadata_come_back() {
    let first = Labels::from_pairs([("__name__", "a"), ("b", "c")]);
    let second = Labels::from_pairs([("__name__", "z")]);
    assert_eq!(read(SERIES), Record::Series(vec![(7, first), (9, second)]));
    let points = |starts: [i64; 3]| {
        let places = [(7, 1_000, 1.5), (9, 1_001, 2.0), (8, 999, -1.0)];
        let point = |((series, at, value), start)| FloatPoint { series, at, start, value };
        Record::Floats(places.into_iter().zip(starts).map(point).collect())
    };
    assert_eq!(read(SAMPLES), points([0; 3]));
    assert_eq!(read(SAMPLES2), points([0, 900, 900]));
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "x")]),
        value: 1.0,
        timestamp: TimestampMs(1_000),
    };
    assert_eq!(read(EX), Record::Exemplars(vec![ExemplarPoint { series: 7, exemplar }]));
    let about = (7, MetricType::Counter, "s".to_owned(), "help".to_owned());
    assert_eq!(read(META), Record::Metadata(vec![about]));
}

#[test]
fn histograms_come_back_in_both_versions() {
    for (hex, start) in [(HIST, 0), (HIST2, 500)] {
        let Record::Histograms(points) = read(hex) else { panic!("no histograms") };
        let places: Vec<_> = points.iter().map(|one| (one.series, one.at, one.start)).collect();
        assert_eq!(places, [(7, 1_000, start), (9, 1_001, start)]);
        let second = &points[1].histogram;
        assert_eq!(second.positive_buckets, [2.0, 3.0, 2.0, 2.0]);
        assert_eq!((second.count, second.zero_count, second.sum), (17.0, 3.0, 19.4));
        assert_eq!(second.negative_spans[0].offset, -3);
    }
    let Record::Histograms(points) = read(NHCBF) else { panic!("no histograms") };
    assert_eq!(points[0].histogram.custom_values, [0.005, 2.5, 1e9]);
    assert_eq!(points[0].histogram.positive_buckets, [2.0, 2.0, 2.0]);
}

#[test]
fn a_record_of_an_unknown_type_is_named_and_a_cut_one_refused() {
    assert_eq!(decode(&[99, 1, 2]).unwrap(), Record::Unknown(99));
    let whole = bytes(HIST);
    assert!(decode(&whole[..whole.len() - 1]).is_err());
    assert!(decode(&[]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(kind in 0_u8..16, data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let record = [vec![kind], data].concat();
        let _ = decode(&record);
    }
}
