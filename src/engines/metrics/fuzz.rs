//! The engine's own bytes, for fuzzing.

use std::sync::Arc;

use crate::base::error::Result;
use crate::engines::kit::fuzz::Target;
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::blob::{Blob, Limit, Packer};
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::codec::point::{self, Point};
use crate::engines::metrics::entry;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::record::{self, Header, Named, Visit};
use crate::engines::metrics::series_block;
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::histogram::{Histogram, Span};
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::stale::stale_nan;
use crate::model::time::{TimeRange, TimestampMs};

/// Returns the decoders of the engine.
pub fn targets() -> Vec<Target> {
    let target = |name, seeds, decode| Target { name, seeds, decode };
    vec![
        target("float chunk", chunks(&floats()), |bytes| point::decode::<Sample>(bytes).is_ok()),
        target("histogram chunk", chunks(&histograms()), |bytes| {
            point::decode::<HistogramSample>(bytes).is_ok()
        }),
        target("start chunk", chunks(&starts()), |bytes| point::decode::<StartTime>(bytes).is_ok()),
        target("entry", entries(), |bytes| {
            entry::read_points(bytes, TimeRange::<TimestampMs>::ALL).is_ok()
        }),
        target("blob", blobs(), read_blob),
        target("exemplars", vec![exemplars()], |bytes| {
            record::read_exemplars(&mut Reader::new(bytes)).is_ok()
        }),
        target("families", vec![families()], |bytes| {
            record::read_metadata(&mut Reader::new(bytes)).is_ok()
        }),
        target("series block", series(), |bytes| series_block::decode(bytes).is_ok()),
        target("mark", vec![Mark::default().encode()], |bytes| Mark::decode(bytes).is_ok()),
        target("record", vec![batch()], |bytes| record::read(bytes, |_| Ignore).is_ok()),
    ]
}

const MINUTE: i64 = 60_000;

fn floats() -> Vec<Vec<Sample>> {
    let value: [fn(i64) -> f64; 6] = [
        |_| 5.0,
        |i| i as f64 * 10.0,
        |i| (i * i % 97) as f64 / 1_000.0,
        |i| (i as f64).sqrt(),
        |i| if i % 9 == 0 { stale_nan() } else { -0.0 },
        |i| f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    ];
    let times: [fn(i64) -> i64; 2] = [|i| i * MINUTE, |i| i * 15_000 + i * i % 211];
    let run = |value: fn(i64) -> f64, time: fn(i64) -> i64, count| {
        (0..count).map(|i| Sample::new(time(i), value(i))).collect()
    };
    let all = value.into_iter().flat_map(|value| times.map(|time| (value, time)));
    all.flat_map(|(value, time)| [1, 130, 480].map(|count| run(value, time, count))).collect()
}

fn histograms() -> Vec<Vec<HistogramSample>> {
    let of = |histogram: fn(i64) -> Histogram| {
        let one = |i| HistogramSample {
            timestamp: TimestampMs(i * MINUTE),
            histogram: Arc::new(histogram(i)),
        };
        (0..40).map(one).collect()
    };
    vec![
        of(|i| Histogram {
            count: i as f64 * 4.0,
            sum: i as f64 * 0.5,
            zero_count: i as f64,
            positive_spans: vec![Span { offset: -2, length: 2 }, Span { offset: 3, length: 1 }],
            positive_buckets: vec![i as f64, 1.0, i as f64 * 2.0],
            ..Histogram::default()
        }),
        of(|i| Histogram {
            count: i as f64 / 3.0,
            negative_spans: vec![Span { offset: i as i32 / 20, length: 1 }],
            negative_buckets: vec![i as f64 / 3.0],
            ..Histogram::default()
        }),
        of(|i| Histogram {
            schema: -53,
            count: i as f64,
            custom_values: vec![0.1, 0.5, 1.0],
            positive_spans: vec![Span { offset: 0, length: 4 }],
            positive_buckets: vec![i as f64; 4],
            ..Histogram::default()
        }),
    ]
}

fn starts() -> Vec<Vec<StartTime>> {
    let one = |i: i64| StartTime { timestamp: TimestampMs(i * MINUTE), start: TimestampMs(i / 50) };
    vec![(0..200).map(one).collect()]
}

fn chunks<P: Point>(runs: &[Vec<P>]) -> Vec<Vec<u8>> {
    let encode = |run: &Vec<P>| {
        let mut bytes = Vec::new();
        point::encode(run, &mut bytes);
        bytes
    };
    runs.iter().map(encode).collect()
}

fn entries() -> Vec<Vec<u8>> {
    let floats = floats().into_iter().map(|floats| Points { floats, ..Points::default() });
    let histograms =
        histograms().into_iter().map(|histograms| Points { histograms, ..Points::default() });
    let both = Points { floats: floats.clone().nth(1).unwrap_or_default().floats, ..mixed() };
    floats.chain(histograms).chain([both]).map(|points| entry::put_points(&points)).collect()
}

fn mixed() -> Points {
    let starts = starts().pop().unwrap_or_default();
    let histograms = histograms().pop().unwrap_or_default();
    Points { starts, histograms, ..Points::default() }
}

fn blobs() -> Vec<Vec<u8>> {
    let mut blobs = Vec::new();
    for mut packer in [Packer::new(Limit(1 << 20)), Packer::cutting(Limit(1 << 10))] {
        (0..).zip(entries()).for_each(|(series, entry)| packer.push(series * 3, entry));
        blobs.extend(packer.finish().into_iter().map(|blob| blob.bytes));
    }
    blobs
}

fn read_blob(bytes: &[u8]) -> bool {
    let Ok(blob) = Blob::open(bytes.to_vec()) else { return false };
    let all = TimeRange::<TimestampMs>::ALL;
    let whole = |(series, _): &(u32, &[u8])| blob.lacks(*series) == 0;
    blob.entries().filter(whole).all(|(_, entry)| entry::read_points(entry, all).is_ok())
}

fn labels(number: usize) -> Labels {
    let number = number.to_string();
    Labels::from_pairs([("__name__", "requests_total"), ("instance", "a:9100"), ("n", &number)])
}

fn series() -> Vec<Vec<u8>> {
    let all: Vec<Labels> = (0..300).map(labels).collect();
    [&all[..1], &all].into_iter().filter_map(|part| series_block::encode(part).ok()).collect()
}

fn exemplar() -> Exemplar {
    Exemplar { labels: labels(1), value: 1.5, timestamp: TimestampMs(MINUTE) }
}

fn exemplars() -> Vec<u8> {
    let mut bytes = Vec::new();
    record::put_exemplars(&vec![exemplar(); 5], &mut bytes);
    bytes
}

fn family() -> MetricMetadata {
    let (metric, help) = ("requests_total".to_owned(), "Requests.".to_owned());
    MetricMetadata { metric, kind: MetricType::Counter, help, unit: String::new() }
}

fn families() -> Vec<u8> {
    let mut bytes = Vec::new();
    record::put_metadata(&vec![family(); 5], &mut bytes);
    bytes
}

fn batch() -> Vec<u8> {
    let floats = floats().into_iter().map(|samples| SeriesWrite { samples, ..Default::default() });
    let histograms =
        histograms().into_iter().map(|histograms| SeriesWrite { histograms, ..Default::default() });
    let starts = starts().pop().unwrap_or_default();
    let exemplars = vec![exemplar()];
    let rest = SeriesWrite { starts, exemplars, ..SeriesWrite::default() };
    let with_labels = |(number, write)| SeriesWrite { labels: labels(number), ..write };
    let series: Vec<_> =
        floats.chain(histograms).chain([rest]).enumerate().map(with_labels).collect();
    let named: Vec<_> = (0..series.len() as SeriesRef)
        .map(|series| Some(Named { series, with_labels: series % 2 == 0 }))
        .collect();
    let header = Header { life: Lsn(3), history: false };
    record::encode(&MetricBatch { series, metadata: vec![family()] }, header, &named)
}

/// Sees a record without keeping anything.
struct Ignore;

impl Visit for Ignore {
    fn labels(&mut self, _: SeriesRef, _: Labels) -> Result<()> {
        Ok(())
    }

    fn float(&mut self, _: SeriesRef, _: Sample) -> Result<()> {
        Ok(())
    }

    fn points(&mut self, _: SeriesRef, _: SeriesWrite) -> Result<()> {
        Ok(())
    }
}
