//! Reads what a Prometheus server has in no block yet: mapped chunks, the write-ahead log with its
//! checkpoint, and the log of points that came out of order.
//!
//! The log is read twice: first for the names of series and for deletions, then for points. Points
//! are collected by series up to a bound, because a record holds one point of many series each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::cli::import::block::remove;
use crate::cli::import::feed::Feed;
use crate::cli::import::window::{Window, unreadable};
use crate::cli::outcome::Failure;
use crate::model::batch::{MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::prometheus_tsdb::{
    ExemplarPoint, FILE_HEADER_BYTES, FileKind, FloatPoint, HistogramPoint, LogReader,
    MAX_FRAME_BYTES, PAGE_BYTES, Record, check_header, decode_chunk, decode_record, head_chunk,
};

/// Points that are collected before they are handed over.
const MOST_POINTS: usize = 1_500_000;

/// The files of a head, in the order they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeadFiles {
    chunks: Vec<PathBuf>,
    log: Vec<PathBuf>,
    out_of_order: Vec<PathBuf>,
}

impl HeadFiles {
    /// Finds the files below a data directory; `None` when there is no log.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub(crate) fn find(dir: &Path) -> std::result::Result<Option<Self>, Failure> {
        let wal = dir.join("wal");
        if !wal.is_dir() {
            return Ok(None);
        }
        let mut checkpoint: Option<(u64, PathBuf)> = None;
        for path in entries(&wal)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let number = name.strip_prefix("checkpoint.").and_then(|number| number.parse().ok());
            let newer = |number: u64| checkpoint.as_ref().is_none_or(|(known, _)| number > *known);
            if let Some(number) = number.filter(|number| newer(*number)) {
                checkpoint = Some((number, path));
            }
        }
        let mut log = Vec::new();
        let mut first = 0;
        if let Some((number, path)) = checkpoint {
            log.extend(numbered(&path, 0)?);
            first = number + 1;
        }
        log.extend(numbered(&wal, first)?);
        let chunks = numbered(&dir.join("chunks_head"), 0)?;
        Ok(Some(HeadFiles { chunks, log, out_of_order: numbered(&dir.join("wbl"), 0)? }))
    }

    /// Returns the length of all files together, and a text that changes when they do.
    pub(crate) fn measure(&self) -> (u64, String) {
        let files = self.chunks.iter().chain(&self.log).chain(&self.out_of_order);
        let lengths: Vec<u64> =
            files.map(|path| path.metadata().map_or(0, |metadata| metadata.len())).collect();
        let last = self.log.last().map(|path| path.display().to_string()).unwrap_or_default();
        let total = lengths.iter().sum();
        (total, format!("{last} of {} files, {total} bytes", lengths.len()))
    }
}

fn entries(dir: &Path) -> std::result::Result<Vec<PathBuf>, Failure> {
    let found = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.and_then(|found| found.map(|entry| Ok(entry?.path())).collect()),
    };
    let mut paths: Vec<PathBuf> = found.map_err(|error| unreadable(dir, &error))?;
    paths.sort();
    Ok(paths)
}

/// Returns the files of a directory whose names are numbers from `first` on, in their order.
fn numbered(dir: &Path, first: u64) -> std::result::Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.parse::<u64>() {
            Ok(number) if number >= first && path.is_file() => found.push((number, path)),
            _ => {}
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// What is known of the head while its points are read.
#[derive(Default)]
struct Head {
    names: HashMap<u64, Labels>,
    deleted: HashMap<u64, Vec<TimeRange<TimestampMs>>>,
    /// Up to where the points of a series were in mapped chunks.
    mapped: HashMap<u64, i64>,
    families: HashMap<String, MetricMetadata>,
    pending: HashMap<u64, SeriesWrite>,
    points: usize,
    /// Bytes of files that were read.
    bytes: u64,
}

/// Hands over all points of a head.
///
/// # Errors
/// When a file cannot be opened; what is damaged inside is counted.
pub(crate) fn read(files: &HeadFiles, feed: &mut Feed) -> std::result::Result<(), Failure> {
    let mut head = Head::default();
    for path in files.log.iter().chain(&files.out_of_order) {
        each_record(path, feed, |record, _| {
            head.learn(record);
            Ok(())
        })?;
    }
    for path in &files.chunks {
        head.mapped_chunks(path, feed)?;
        head.read_file(path, feed)?;
    }
    for path in &files.log {
        each_record(path, feed, |record, feed| head.take(record, true, feed))?;
        head.read_file(path, feed)?;
    }
    for path in &files.out_of_order {
        each_record(path, feed, |record, feed| head.take(record, false, feed))?;
        head.read_file(path, feed)?;
    }
    head.hand_over(feed)?;
    for about in head.families.into_values() {
        feed.about(about);
    }
    feed.finish(0, head.bytes)
}

/// Shows the records of a segment; behind damage nothing can be found, which is counted.
fn each_record(
    path: &Path,
    feed: &mut Feed,
    mut see: impl FnMut(Record, &mut Feed) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    let mut file = Window::open(path)?;
    let mut reader = LogReader::default();
    for place in (0..file.len()).step_by(PAGE_BYTES) {
        let mut outcome = Ok(());
        let bytes = file.at(place, PAGE_BYTES)?;
        let page = &bytes[..bytes.len().min(PAGE_BYTES)];
        let read = reader.page(page, |record| {
            match decode_record(&record) {
                Ok(record) if outcome.is_ok() => outcome = see(record, feed),
                Ok(_) => {}
                Err(error) => feed.unreadable("log record", &error, &path.display().to_string()),
            }
            Ok(())
        });
        outcome?;
        if let Err(error) = read {
            let at = format!("{} from page {} on", path.display(), place / PAGE_BYTES as u64);
            feed.unreadable("rest of a log segment", &error, &at);
            break;
        }
    }
    if reader.is_open() {
        let place = || path.display().to_string();
        feed.skipped.add("log record that was cut at the end of its segment", 1, place);
    }
    Ok(())
}

impl Head {
    /// Takes what must be known before the first point.
    fn learn(&mut self, record: Record) {
        match record {
            Record::Series(series) => self.names.extend(series),
            Record::Stones(stones) => {
                for stone in stones {
                    self.deleted.entry(stone.series).or_default().push(stone.range);
                }
            }
            Record::Metadata(known) => {
                for (series, kind, unit, help) in known {
                    self.family(series, kind, unit, help);
                }
            }
            Record::Floats(_)
            | Record::Histograms(_)
            | Record::Exemplars(_)
            | Record::MapMarkers
            | Record::Unknown(_) => {}
        }
    }

    fn family(&mut self, series: u64, kind: MetricType, unit: String, help: String) {
        let Some(name) = self.names.get(&series).map(|labels| labels.metric_name().to_owned())
        else {
            return;
        };
        // Prometheus keeps what it knows of a family with each of its series.
        let suffixes: &[&str] = match kind {
            MetricType::Histogram => &["_bucket", "_sum", "_count"],
            MetricType::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
            MetricType::Summary => &["_sum", "_count"],
            _ => &[],
        };
        let stem = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(&name);
        let metric = stem.to_owned();
        self.families.insert(metric.clone(), MetricMetadata { metric, kind, help, unit });
    }

    /// Takes the points of a record; `in_order` are those of which mapped chunks may hold the older.
    fn take(
        &mut self,
        record: Record,
        in_order: bool,
        feed: &mut Feed,
    ) -> std::result::Result<(), Failure> {
        match record {
            Record::Floats(points) => {
                for FloatPoint { series, at, start, value } in points {
                    if self.is_wanted(series, at, in_order, feed) {
                        let write = self.write(series);
                        write.samples.push(Sample::new(at, value));
                        note(start, at, write);
                    }
                }
            }
            Record::Histograms(points) => {
                for HistogramPoint { series, at, start, histogram } in points {
                    if self.is_wanted(series, at, in_order, feed) {
                        let (timestamp, histogram) = (TimestampMs(at), histogram.into());
                        let write = self.write(series);
                        write.histograms.push(HistogramSample { timestamp, histogram });
                        note(start, at, write);
                        self.points += 10;
                    }
                }
            }
            Record::Exemplars(points) => {
                for ExemplarPoint { series, exemplar } in points {
                    if self.is_wanted(series, i64::MAX, in_order, feed) {
                        self.write(series).exemplars.push(exemplar);
                    }
                }
            }
            Record::Unknown(kind) => {
                feed.skipped.add("log record of an unknown type", 1, || format!("type {kind}"));
            }
            Record::Series(_) | Record::Stones(_) | Record::Metadata(_) | Record::MapMarkers => {}
        }
        match self.points > MOST_POINTS {
            true => self.hand_over(feed),
            false => Ok(()),
        }
    }

    fn is_wanted(&self, series: u64, at: i64, in_order: bool, feed: &mut Feed) -> bool {
        if !self.names.contains_key(&series) {
            // Prometheus counts and passes over them, too.
            feed.skipped.add("point of a series without a name", 1, || format!("series {series}"));
            return false;
        }
        !in_order || self.mapped.get(&series).is_none_or(|mapped| at > *mapped)
    }

    fn write(&mut self, series: u64) -> &mut SeriesWrite {
        self.points += 1;
        self.pending.entry(series).or_default()
    }

    fn mapped_chunks(&mut self, path: &Path, feed: &mut Feed) -> std::result::Result<(), Failure> {
        let mut file = Window::open(path)?;
        let checked = check_header(FileKind::Head, file.at(0, FILE_HEADER_BYTES)?);
        if let Err(error) = checked {
            feed.unreadable("chunk file", &error, &path.display().to_string());
            return Ok(());
        }
        let mut place = FILE_HEADER_BYTES as u64;
        while place < file.len() {
            match self.mapped_chunk(file.at(place, MAX_FRAME_BYTES)?, feed) {
                Ok(Some(bytes)) => place += bytes as u64,
                Ok(None) => break,
                Err(error) => {
                    let at = format!("{} at {place}", path.display());
                    feed.unreadable("rest of a chunk file", &error, &at);
                    break;
                }
            }
            if self.points > MOST_POINTS {
                self.hand_over(feed)?;
            }
        }
        Ok(())
    }

    /// Takes the points of the chunk at the beginning of `bytes` and returns its length.
    fn mapped_chunk(&mut self, bytes: &[u8], feed: &mut Feed) -> Result<Option<usize>> {
        let Some(chunk) = head_chunk(bytes)? else { return Ok(None) };
        if !self.names.contains_key(&chunk.series) {
            let name = || format!("series {}", chunk.series);
            feed.skipped.add("mapped chunk of a series without a name", 1, name);
            return Ok(Some(chunk.frame.bytes));
        }
        let write = self.pending.entry(chunk.series).or_default();
        let before = write.samples.len() + 10 * write.histograms.len();
        let decoded: Result<()> = decode_chunk(chunk.frame.encoding, chunk.frame.data, write);
        self.points += write.samples.len() + 10 * write.histograms.len() - before;
        match decoded {
            Ok(()) if !chunk.out_of_order => {
                let mapped = self.mapped.entry(chunk.series).or_insert(i64::MIN);
                *mapped = chunk.max_time.max(*mapped);
            }
            Ok(()) => {}
            Err(error) => {
                let error: Error = error;
                feed.unreadable("mapped chunk", &error, &format!("series {}", chunk.series));
            }
        }
        Ok(Some(chunk.frame.bytes))
    }

    fn read_file(&mut self, path: &Path, feed: &mut Feed) -> std::result::Result<(), Failure> {
        self.bytes += path.metadata().map_or(0, |metadata| metadata.len());
        feed.reached(0, self.bytes)
    }

    fn hand_over(&mut self, feed: &mut Feed) -> std::result::Result<(), Failure> {
        self.points = 0;
        for (series, mut write) in std::mem::take(&mut self.pending) {
            let Some(labels) = self.names.get(&series) else { continue };
            write.labels = labels.clone();
            if let Some(deleted) = self.deleted.get(&series) {
                remove(deleted, &mut write);
            }
            feed.add(write);
            feed.reached(0, self.bytes)?;
        }
        Ok(())
    }
}

fn note(start: i64, at: i64, write: &mut SeriesWrite) {
    if start != 0 {
        write.starts.push(StartTime { timestamp: TimestampMs(at), start: TimestampMs(start) });
    }
}
