//! Reads frames and chunks back, as a peer does; for tests.

use bytes::Bytes;
use prost::Message;

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Histogram, Span};
use crate::model::labels::Labels;
use crate::model::stale::is_stale;

/// `prometheus.ChunkedReadResponse`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Frame {
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<FrameSeries>,
    #[prost(int64, tag = "2")]
    pub(super) query: i64,
}

/// `prometheus.ChunkedSeries`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FrameSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<WireLabel>,
    #[prost(message, repeated, tag = "2")]
    pub(super) chunks: Vec<WireChunk>,
}

/// `prometheus.Label`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireLabel {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// `prometheus.Chunk`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireChunk {
    #[prost(int64, tag = "1")]
    pub(super) min_ms: i64,
    #[prost(int64, tag = "2")]
    pub(super) max_ms: i64,
    #[prost(int32, tag = "3")]
    pub(super) encoding: i32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: Bytes,
}

pub(super) fn labels(wire: &[WireLabel]) -> Labels {
    Labels::from_pairs(wire.iter().map(|label| (label.name.as_str(), label.value.as_str())))
}

/// Takes frames apart and checks their sums.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = prost::encoding::decode_varint(&mut bytes).unwrap() as usize;
        let (sum, rest) = bytes.split_first_chunk::<4>().unwrap();
        let (message, rest) = rest.split_at(length);
        assert_eq!(u32::from_be_bytes(*sum), crc32c::crc32c(message));
        found.push(Frame::decode(message).unwrap());
        bytes = rest;
    }
    found
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> u64 {
        let mut value = 0;
        for _ in 0..count {
            let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.at += 1;
        }
        value
    }

    fn float(&mut self) -> f64 {
        f64::from_bits(self.read(64))
    }

    fn uvarint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.read(8);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    fn ones(&mut self, most: u32) -> u32 {
        (0..most).find(|_| self.read(1) == 0).unwrap_or(most)
    }

    /// A number of so many bits of which the one in the middle is positive.
    fn signed(&mut self, width: u32) -> i64 {
        let bits = self.read(width);
        if width < 64 && bits > 1 << (width - 1) { bits as i64 - (1 << width) } else { bits as i64 }
    }

    fn varbit_width(&mut self) -> u32 {
        [0, 3, 6, 9, 12, 18, 25, 56, 64][self.ones(8) as usize]
    }

    fn varbit(&mut self) -> i64 {
        match self.varbit_width() {
            0 => 0,
            width => self.signed(width),
        }
    }

    fn varbit_unsigned(&mut self) -> u64 {
        let width = self.varbit_width();
        self.read(width)
    }
}

#[derive(Clone, Copy)]
struct Column {
    value: f64,
    leading: u32,
    trailing: u32,
}

impl Column {
    fn first(value: f64) -> Self {
        Column { value, leading: 0, trailing: 0 }
    }

    fn next(&mut self, bits: &mut Bits<'_>) -> f64 {
        if bits.read(1) == 1 {
            if bits.read(1) == 1 {
                self.leading = bits.read(5) as u32;
                let significant = match bits.read(6) as u32 {
                    0 => 64,
                    other => other,
                };
                self.trailing = 64 - self.leading - significant;
            }
            let difference = bits.read(64 - self.leading - self.trailing) << self.trailing;
            self.value = f64::from_bits(self.value.to_bits() ^ difference);
        }
        self.value
    }
}

fn count(data: &[u8]) -> u16 {
    u16::from_be_bytes([data[0], data[1]])
}

/// Reads a chunk of floats as (time, bits of the value).
pub(super) fn floats(data: &[u8]) -> Vec<(i64, u64)> {
    let mut bits = Bits { bytes: &data[2..], at: 0 };
    let mut found = Vec::new();
    let (mut time, mut distance, mut column) = (0_i64, 0_i64, Column::first(0.0));
    for number in 0..count(data) {
        match number {
            0 => {
                let raw = bits.uvarint();
                time = (raw >> 1) as i64 ^ -((raw & 1) as i64);
                column = Column::first(bits.float());
                found.push((time, column.value.to_bits()));
                continue;
            }
            1 => distance = bits.uvarint() as i64,
            _ => {
                distance += match bits.ones(4) {
                    0 => 0,
                    1 => bits.signed(14),
                    2 => bits.signed(17),
                    3 => bits.signed(20),
                    _ => bits.read(64) as i64,
                }
            }
        }
        time += distance;
        found.push((time, column.next(&mut bits).to_bits()));
    }
    found
}

/// Reads a chunk of float histograms as (time, histogram), and the two bits about resets.
pub(super) fn histograms(data: &[u8]) -> (u8, Vec<(i64, Histogram)>) {
    let mut bits = Bits { bytes: &data[3..], at: 0 };
    let layout = layout(&mut bits);
    let positive: u32 = layout.positive_spans.iter().map(|span| span.length).sum();
    let negative: u32 = layout.negative_spans.iter().map(|span| span.length).sum();
    let mut found = Vec::new();
    let (mut time, mut distance, mut columns) = (bits.varbit(), 0_i64, Vec::new());
    for number in 0..count(data) {
        let values: Vec<f64> = match number {
            0 => (0..3 + positive + negative).map(|_| bits.float()).collect(),
            _ => {
                distance += bits.varbit();
                time += distance;
                let mut next = |column: &mut Column| column.next(&mut bits);
                let head: Vec<f64> = columns.iter_mut().take(3).map(&mut next).collect();
                match is_stale(head[2]) {
                    true => head,
                    false => [head, columns.iter_mut().skip(3).map(next).collect()].concat(),
                }
            }
        };
        if number == 0 {
            columns = values.iter().map(|value| Column::first(*value)).collect();
        }
        if is_stale(values[2]) {
            found.push((time, Histogram { sum: values[2], ..Histogram::default() }));
            continue;
        }
        let (positives, negatives) = values[3..].split_at(positive as usize);
        let histogram = Histogram {
            count: values[0],
            zero_count: values[1],
            sum: values[2],
            positive_buckets: positives.to_vec(),
            negative_buckets: negatives.to_vec(),
            ..layout.clone()
        };
        found.push((time, histogram));
    }
    (data[2] >> 6, found)
}

fn layout(bits: &mut Bits<'_>) -> Histogram {
    let zero_threshold = match bits.read(8) {
        0 => 0.0,
        255 => bits.float(),
        exponent => 0.5 * 2_f64.powi(exponent as i32 - 243),
    };
    let schema = bits.varbit() as i32;
    let spans = |bits: &mut Bits<'_>| -> Vec<Span> {
        let count = bits.varbit_unsigned();
        let span = |_| {
            let length = bits.varbit_unsigned() as u32;
            Span { length, offset: bits.varbit() as i32 }
        };
        (0..count).map(span).collect()
    };
    let (positive_spans, negative_spans) = (spans(bits), spans(bits));
    let mut custom_values = Vec::new();
    if schema == CUSTOM_BUCKETS_SCHEMA {
        for _ in 0..bits.varbit_unsigned() {
            custom_values.push(match bits.varbit_unsigned() {
                0 => bits.float(),
                whole => (whole - 1) as f64 / 1_000.0,
            });
        }
    }
    Histogram {
        schema,
        zero_threshold,
        positive_spans,
        negative_spans,
        custom_values,
        ..Histogram::default()
    }
}
