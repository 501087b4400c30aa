//! `export`: metrics into files that others can read, day by day.
//!
//! ```text
//! DIR/export.json         what is exported, and which days are there
//! DIR/2026-11-28.om.gz    OpenMetrics text with timestamps: floats
//! DIR/2026-11-28.rw       what text cannot say: native histograms, stale markers, exemplars and
//!                         metadata, as requests of remote write; only where there is any
//! ```
//! `belvedere import DIR` reads both; `promtool tsdb create-blocks-from openmetrics` reads the text.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::error::Error;
use crate::cli::arguments::Settings;
use crate::cli::endpoint::Running;
use crate::cli::outcome::{Failure, say};
use crate::cli::progress::Progress;
use crate::cli::{appliance, serve};
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::wire::exposition::{END, text_keeps, write_history};
use crate::wire::remote_write::{FILE_MARK, Frames, LabelCache, Schema, decode, encode, frame};

/// The most bytes of one inflated request.
const MESSAGE_BYTES: usize = 64 << 20;
const LIST: &str = "export.json";

/// How text is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compress {
    /// As it is, for promtool
    None,
    /// .gz
    Gzip,
    /// .zst
    Zstd,
}

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    /// Write into this directory; days that are there already are not exported again
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Only series that this selector chooses; may be repeated [default: all]
    #[arg(long = "match", value_name = "SELECTOR")]
    matches: Vec<String>,
    /// From this day on, YYYY-MM-DD [default: the oldest]
    #[arg(long, value_name = "DAY")]
    start: Option<String>,
    /// Up to this day, YYYY-MM-DD [default: the newest]
    #[arg(long, value_name = "DAY")]
    end: Option<String>,
    /// How to compress text
    #[arg(long, value_enum, default_value = "gzip")]
    compress: Compress,
    /// Export from the appliance at this address instead of the one of the data directory; where
    /// none runs, the data directory is opened
    #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
    url: Option<String>,
}

/// What a directory of exports holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    version: u32,
    matches: Vec<String>,
    /// Days that were over when they were exported, and are whole.
    days: Vec<String>,
}

/// Exports.
///
/// # Errors
/// A usage failure for a wrong day or a directory of another export; others when the appliance or
/// the disk refuses.
pub(crate) fn export(settings: &Settings, what: &Export) -> Result<(), Failure> {
    let day = |text: &Option<String>| {
        let read = |text: &String| {
            Day::from_name(text)
                .ok_or_else(|| Failure::usage(format!("{text:?} is no day like 2026-11-28")))
        };
        text.as_ref().map(read).transpose()
    };
    let (start, end) = (day(&what.start)?, day(&what.end)?);
    std::fs::create_dir_all(&what.to).map_err(|error| unwritable(&what.to, &error))?;
    let list = open_list(what)?;
    let runtime = serve::runtime()?;
    let stopped = Err(Failure::failed("stopped; the same command goes on from here"));
    let done = runtime.block_on(appliance::with(
        settings,
        what.url.as_deref(),
        stopped,
        async |running| carry(&running, what, (start, end), list).await,
    ));
    runtime.shutdown_background();
    done.and_then(|text| say(&text))
}

fn open_list(what: &Export) -> Result<List, Failure> {
    let path = what.to.join(LIST);
    let fresh = List { version: 1, matches: what.matches.clone(), days: Vec::new() };
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(fresh),
        bytes => bytes.map_err(|error| unwritable(&path, &error))?,
    };
    let known: List = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    if known.version != 1 || known.matches != what.matches {
        let text = format!("{} holds an export of other series", what.to.display());
        return Err(Failure::usage(text));
    }
    Ok(known)
}

/// Label sets that are kept while a day is written.
const LABEL_BYTES: usize = 8 << 20;

/// What was written.
#[derive(Default)]
struct Sum {
    days: u64,
    samples: u64,
    histograms: u64,
    /// Floats that text cannot say.
    marked: u64,
    exemplars: u64,
}

async fn carry(
    running: &Running,
    what: &Export,
    (start, end): (Option<Day>, Option<Day>),
    mut list: List,
) -> Result<String, Failure> {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.map_err(|error| Failure::failed(error.to_string()))?;
    let (days, today) = days(&client, running).await?;
    let wanted: Vec<Day> = days
        .into_iter()
        .filter(|day| start.is_none_or(|start| start <= *day))
        .filter(|day| end.is_none_or(|end| *day <= end))
        .collect();
    let known = |list: &List, day: Day| list.days.contains(&day.to_string());
    let before = wanted.iter().filter(|day| known(&list, **day)).count() as u64;
    let total = wanted.len() as u64;
    let mut progress = Progress::new("export", total, before);
    let mut sum = Sum::default();
    for day in wanted {
        if known(&list, day) {
            continue;
        }
        let mut files = DayFiles::create(&what.to, day, what.compress)?;
        export_day(&client, running, (what, day), &mut files, &mut sum).await?;
        files.finish()?;
        sum.days += 1;
        // Samples may still come for a day that is not over, also for a while after its end.
        if day < today.previous() {
            list.days.push(day.to_string());
            save(&list, &what.to)?;
        }
        progress.set(before + sum.days, format!("{day}, {} samples", sum.samples));
    }
    progress.end();
    save(&list, &what.to)?;
    Ok(format!(
        "{} days: {} samples as text; as .rw {} histograms, {} stale markers, {} exemplars\n",
        sum.days, sum.samples, sum.histograms, sum.marked, sum.exemplars
    ))
}

/// Returns the days that hold metrics, and today by the appliance's newest point.
async fn days(client: &reqwest::Client, running: &Running) -> Result<(Vec<Day>, Day), Failure> {
    let answer = ask(client, running, "/api/x/storage", &[]).await?;
    let unreadable = |error: reqwest::Error| Failure::failed(format!("the answer: {error}"));
    let kept: Value = answer.json().await.map_err(unreadable)?;
    let signals = kept["signals"].as_array().cloned().unwrap_or_default();
    let metrics = signals.iter().find(|signal| signal["signal"] == "metrics");
    let partitions = metrics.and_then(|signal| signal["partitions"].as_array().cloned());
    let mut days: Vec<Day> = partitions
        .unwrap_or_default()
        .iter()
        .filter_map(|one| one["day"].as_str().and_then(Day::from_name))
        .collect();
    let at = |key: &str| kept[key].as_i64().map(|ms| Day::of_ms(TimestampMs(ms)));
    if let (Some(first), Some(last)) = (at("metrics_min_ms"), at("metrics_max_ms")) {
        // Points in memory may lie on days that have no file yet.
        days.extend((first.0..=last.0).take(40_000).map(Day));
    }
    days.sort();
    days.dedup();
    let today = days.last().copied().unwrap_or(Day(0));
    Ok((days, today))
}

async fn ask(
    client: &reqwest::Client,
    running: &Running,
    path: &str,
    pairs: &[(&str, String)],
) -> Result<reqwest::Response, Failure> {
    let mut request = client.get(format!("{}{path}", running.url)).query(pairs);
    if let Some(token) = &running.token {
        request = request.bearer_auth(token);
    }
    let answer = request
        .send()
        .await
        .map_err(|error| Failure::failed(format!("{} does not answer: {error}", running.url)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    Err(Failure::failed(format!("the appliance refuses ({status}): {}", text.trim())))
}

async fn export_day(
    client: &reqwest::Client,
    running: &Running,
    (what, day): (&Export, Day),
    files: &mut DayFiles,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let TimeRange { start, end } = day.range_ms();
    let mut pairs = vec![("start", start.0.to_string()), ("end", end.0.to_string())];
    pairs.extend(what.matches.iter().map(|selector| ("match[]", selector.clone())));
    let mut body = ask(client, running, "/api/x/export/metrics", &pairs).await?.bytes_stream();
    let mut frames = Frames::of_stream();
    let mut is_whole = false;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Failure::failed(format!("{day}: {error}")))?;
        frames.push(&piece);
        while let Some(frame) = frames.next()? {
            is_whole = frame.is_empty();
            if !is_whole {
                files.take(&frame, sum)?;
            }
        }
    }
    match is_whole {
        true => Ok(()),
        false => Err(Failure::failed(format!("the appliance broke off the export of {day}"))),
    }
}

fn save(list: &List, to: &Path) -> Result<(), Failure> {
    let path = to.join(LIST);
    let draft = to.join("export.json.draft");
    let text = serde_json::to_vec_pretty(list)
        .map_err(|error| Failure::failed(format!("{LIST}: {error}")))?;
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
    written.map_err(|error| unwritable(&path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

/// The files of a day, which get their names when they are whole.
struct DayFiles {
    text: Text,
    text_path: PathBuf,
    requests: Option<BufWriter<File>>,
    requests_path: PathBuf,
    lines: String,
    /// Label sets that came in requests before.
    labels: LabelCache,
}

enum Text {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl DayFiles {
    fn create(dir: &Path, day: Day, compress: Compress) -> Result<Self, Failure> {
        let end = match compress {
            Compress::None => "",
            Compress::Gzip => ".gz",
            Compress::Zstd => ".zst",
        };
        let text_path = dir.join(format!("{day}.om{end}"));
        let file = create(&text_path)?;
        let text = match compress {
            Compress::None => Text::Plain(file),
            Compress::Gzip => {
                Text::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::fast()))
            }
            Compress::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(file, 3);
                Text::Zstd(encoder.map_err(|error| unwritable(&text_path, &error))?)
            }
        };
        let requests_path = dir.join(format!("{day}.rw"));
        Ok(DayFiles {
            text,
            text_path,
            requests: None,
            requests_path,
            lines: String::new(),
            labels: LabelCache::new(LABEL_BYTES),
        })
    }

    /// Takes a request: floats become text, the rest stays.
    fn take(&mut self, body: &[u8], sum: &mut Sum) -> Result<(), Failure> {
        let wrong = |error: snap::Error| Failure::failed(format!("the answer: {error}"));
        if snap::raw::decompress_len(body).map_err(wrong)? > MESSAGE_BYTES {
            return Err(Failure::failed("the answer holds a request that is too large"));
        }
        let message = snap::raw::Decoder::new().decompress_vec(body).map_err(wrong)?;
        let decoded = decode(Schema::V1, &message, &self.labels)?;
        if let Some(reject) = decoded.rejects.first() {
            return Err(Error::corrupt(format!("the answer: {}", reject.message)).into());
        }
        let MetricBatch { series, metadata } = decoded.batch;
        let mut rest = MetricBatch { series: Vec::new(), metadata };
        for SeriesWrite { labels, samples, histograms, starts, exemplars } in series {
            let (plain, marked): (Vec<_>, Vec<_>) =
                samples.into_iter().partition(|sample| text_keeps(sample.value));
            self.lines.clear();
            write_history(&labels, &plain, &mut self.lines);
            sum.samples += plain.len() as u64;
            sum.marked += marked.len() as u64;
            sum.histograms += histograms.len() as u64;
            sum.exemplars += exemplars.len() as u64;
            let written = self.text.write_all(self.lines.as_bytes());
            written.map_err(|error| unwritable(&self.text_path, &error))?;
            if !marked.is_empty() || !histograms.is_empty() || !exemplars.is_empty() {
                let samples = marked;
                rest.series.push(SeriesWrite { labels, samples, histograms, starts, exemplars });
            }
        }
        match rest.series.is_empty() && rest.metadata.is_empty() {
            true => Ok(()),
            false => self.keep(&rest),
        }
    }

    fn keep(&mut self, rest: &MetricBatch) -> Result<(), Failure> {
        let body = snap::raw::Encoder::new()
            .compress_vec(&encode(rest))
            .map_err(|error| Failure::failed(format!("snappy: {error}")))?;
        let path = &self.requests_path;
        let file = match &mut self.requests {
            Some(file) => file,
            None => {
                let mut file = create(path)?;
                file.write_all(FILE_MARK).map_err(|error| unwritable(path, &error))?;
                self.requests.insert(file)
            }
        };
        file.write_all(&frame(&body)).map_err(|error| unwritable(path, &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let about = |error: std::io::Error| unwritable(&self.text_path, &error);
        self.text.write_all(END.as_bytes()).map_err(about)?;
        let file = match self.text {
            Text::Plain(file) => Ok(file),
            Text::Gzip(encoder) => encoder.finish(),
            Text::Zstd(encoder) => encoder.finish(),
        };
        let about = |error: std::io::Error| unwritable(&self.text_path, &error);
        name(file.map_err(about)?, &self.text_path)?;
        match self.requests {
            Some(file) => name(file, &self.requests_path),
            None => Ok(()),
        }
    }
}

impl Text {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Text::Plain(file) => file.write_all(bytes),
            Text::Gzip(encoder) => encoder.write_all(bytes),
            Text::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

fn draft(path: &Path) -> PathBuf {
    let mut draft = path.to_owned().into_os_string();
    draft.push(".draft");
    draft.into()
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(draft(path)).map_err(|error| unwritable(path, &error))?;
    Ok(BufWriter::new(file))
}

/// Makes a whole file durable and gives it its name.
fn name(file: BufWriter<File>, path: &Path) -> Result<(), Failure> {
    let named = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(draft(path), path));
    named.map_err(|error| unwritable(path, &error))
}
