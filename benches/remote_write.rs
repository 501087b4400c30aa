//! The way of a sample from the body of a remote write request into the model.
//!
//! Input: 20 targets of 500 series with nine labels as the node exporter has them, one sample each and
//! one snappy body a target, in both versions. Guards the snappy block, the reading of the messages
//! and the cache of labels. Wanted: 150 ns a sample at 3 GHz once the labels are known.
//!
//! Run: `cargo bench --bench remote_write`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and may panic")]

use std::collections::HashMap;
use std::time::Instant;

use belvedere::base::decompress::{Encoding, decompress};
use belvedere::wire::remote_write::{LabelCache, Schema, decode};
use prost::Message;

const TARGETS: usize = 20;
const SERIES: usize = 500;
const ROUNDS: usize = 400;
const START_MS: i64 = 1_795_435_200_000;

#[derive(Clone, PartialEq, Message)]
struct FirstRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<FirstSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct FirstSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct SecondRequest {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<SecondSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct SecondSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

fn labels(target: usize, series: usize) -> Vec<(String, String)> {
    [
        ("__name__", format!("node_bench_metric_{}_total", series % 50)),
        ("cluster", "eu-west-1".to_owned()),
        ("cpu", (series % 8).to_string()),
        ("device", format!("nvme{}n1", series / 50)),
        ("instance", format!("10.0.0.{target}:9100")),
        ("job", "node-exporter".to_owned()),
        ("mode", ["idle", "user", "system", "iowait"][series % 4].to_owned()),
        ("namespace", "monitoring".to_owned()),
        ("pod", format!("node-exporter-{}", series / 25)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn packed(message: &impl Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

fn point(series: usize) -> Vec<Point> {
    vec![Point { value: series as f64 * 1.25, timestamp: START_MS }]
}

fn first(target: usize) -> Vec<u8> {
    let label = |(name, value)| Label { name, value };
    let series = (0..SERIES).map(|series| FirstSeries {
        labels: labels(target, series).into_iter().map(label).collect(),
        samples: point(series),
    });
    packed(&FirstRequest { series: series.collect() })
}

fn second(target: usize) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut places = HashMap::new();
    let mut series = Vec::new();
    for number in 0..SERIES {
        let texts = labels(target, number).into_iter().flat_map(|(name, value)| [name, value]);
        let references = texts.map(|text| {
            *places.entry(text.clone()).or_insert_with(|| {
                symbols.push(text);
                symbols.len() as u32 - 1
            })
        });
        series.push(SecondSeries { labels: references.collect(), samples: point(number) });
    }
    packed(&SecondRequest { symbols, series })
}

fn main() {
    let of_version = [
        (Schema::V1, (0..TARGETS).map(first).collect::<Vec<_>>()),
        (Schema::V2, (0..TARGETS).map(second).collect()),
    ];
    let per_sample = |begin: Instant, rounds: usize| {
        begin.elapsed().as_nanos() as f64 / (rounds * TARGETS * SERIES) as f64
    };
    for (schema, bodies) in of_version {
        let cache = LabelCache::new(64 << 20);
        let read = |body: &Vec<u8>, cache: &LabelCache| {
            let inflated = decompress(Encoding::Snappy, body, 64 << 20).unwrap();
            let decoded = decode(schema, &inflated, cache).unwrap();
            assert_eq!(decoded.batch.series.len(), SERIES);
        };
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            bodies.iter().for_each(|body| drop(decompress(Encoding::Snappy, body, 64 << 20)));
        }
        let snappy = per_sample(begin, ROUNDS);
        let begin = Instant::now();
        for _ in 0..ROUNDS / 10 {
            bodies.iter().for_each(|body| read(body, &LabelCache::new(64 << 20)));
        }
        let unknown = per_sample(begin, ROUNDS / 10);
        bodies.iter().for_each(|body| read(body, &cache));
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            bodies.iter().for_each(|body| read(body, &cache));
        }
        let known = per_sample(begin, ROUNDS);
        println!(
            "{schema:?}: {known:.0} ns a sample, {unknown:.0} ns with unknown labels, of which \
             snappy {snappy:.0} ns ({} bytes a body)",
            bodies[0].len()
        );
    }
}
