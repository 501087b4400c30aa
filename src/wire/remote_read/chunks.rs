//! A series cut into chunks: of one kind each, in time order, never overlapping.

use crate::model::series::SeriesData;
use crate::wire::remote_read::{float_chunk, histogram_chunk};

/// Samples of a chunk, as in Prometheus' head.
const CHUNK_SAMPLES: usize = 120;

/// Encoded samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The time of the first sample in milliseconds.
    pub(super) min_ms: i64,
    /// The time of the last one.
    pub(super) max_ms: i64,
    /// `prometheus.Chunk.Encoding`.
    pub(super) encoding: i64,
    /// The bytes.
    pub(super) data: Vec<u8>,
}

const XOR: i64 = 1;
const FLOAT_HISTOGRAM: i64 = 3;

/// Yields the chunks of a series.
pub(super) struct Chunks<'a> {
    series: &'a SeriesData,
    floats: usize,
    histograms: usize,
}

impl<'a> Chunks<'a> {
    /// Begins with the first points.
    pub(super) fn of(series: &'a SeriesData) -> Self {
        Chunks { series, floats: 0, histograms: 0 }
    }
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let floats = self.series.samples.get(self.floats..).unwrap_or_default();
        let histograms = self.series.histograms.get(self.histograms..).unwrap_or_default();
        let float_at = floats.first().map_or(i64::MAX, |sample| sample.timestamp.0);
        let histogram_at = histograms.first().map_or(i64::MAX, |sample| sample.timestamp.0);
        if let Some(first) = floats.first()
            && float_at <= histogram_at
        {
            let before = floats.iter().take(CHUNK_SAMPLES);
            let count = before.take_while(|sample| sample.timestamp.0 <= histogram_at).count();
            let samples = &floats[..count];
            self.floats += count;
            return Some(Chunk {
                min_ms: first.timestamp.0,
                max_ms: samples.last().unwrap_or(first).timestamp.0,
                encoding: XOR,
                data: float_chunk::encode(samples),
            });
        }
        let first = histograms.first()?;
        let mut count = 1;
        while let Some(next) = histograms.get(count)
            && count < CHUNK_SAMPLES
            && next.timestamp.0 < float_at
            && histogram_chunk::belongs(
                &first.histogram,
                &histograms[count - 1].histogram,
                &next.histogram,
            )
        {
            count += 1;
        }
        let samples = &histograms[..count];
        self.histograms += count;
        Some(Chunk {
            min_ms: first.timestamp.0,
            max_ms: samples.last().unwrap_or(first).timestamp.0,
            encoding: FLOAT_HISTOGRAM,
            data: histogram_chunk::encode(samples),
        })
    }
}
