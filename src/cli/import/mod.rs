//! `import`: history from elsewhere into the metric store.
//!
//! In: a data directory of Prometheus (or one block, or a snapshot), OpenMetrics text with
//! timestamps, or what `export` wrote. Out: requests to the appliance, which writes them however old
//! they are, and a summary. Memory is bounded: everything is read series by series or piece by piece.
//! Deliberately absent: the formats' bytes (`wire`).

mod window;
mod feed;
mod block;
mod head;
mod text;
mod frames;
mod source;
mod state;
mod send;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use tokio::sync::mpsc;

use crate::cli::arguments::Settings;
use crate::cli::endpoint::Running;
use crate::cli::import::feed::{Feed, Skipped};
use crate::cli::import::send::send_all;
use crate::cli::import::source::{Part, recognise};
use crate::cli::import::state::State;
use crate::cli::outcome::{Failure, complain, say};
use crate::cli::progress::Progress;
use crate::cli::{appliance, serve};

/// Requests that wait to be sent.
const QUEUE: usize = 4;

/// What to import.
#[derive(Debug, Clone, Args)]
pub(crate) struct Import {
    /// A data directory, snapshot or block of Prometheus, a file of OpenMetrics text (also .gz,
    /// .zst), or a directory that `export` wrote
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Import into the appliance at this address instead of the one of the data directory; where
    /// none runs, the data directory is opened
    #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
    url: Option<String>,
    /// Remember in this file what is done [default: beside FILE|DIR, with .import-state appended]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin anew, whatever an earlier run did
    #[arg(long)]
    again: bool,
}

/// Imports.
///
/// # Errors
/// A usage failure for a path that holds nothing known; others when something cannot be read or the
/// appliance refuses.
pub(crate) fn import(settings: &Settings, what: &Import) -> Result<(), Failure> {
    let (parts, notes) = recognise(&what.path)?;
    for note in notes {
        complain(&format!("passed over: {note}"));
    }
    let target = match &what.url {
        Some(url) => url.clone(),
        None => directory(settings),
    };
    let path = what.state.clone().unwrap_or_else(|| state_path(&what.path));
    let mut state = State::open(&path, &target, what.again)?;
    let runtime = serve::runtime()?;
    let stopped = Err(Failure::failed("stopped; the same command goes on from here"));
    let done = runtime.block_on(appliance::with(
        settings,
        what.url.as_deref(),
        stopped,
        async |running| carry(running, &parts, &mut state).await,
    ));
    state.save();
    runtime.shutdown_background();
    done.and_then(|summary| say(&summary))
}

fn directory(settings: &Settings) -> String {
    let directory = settings.data_dir.clone().unwrap_or_else(|| "data".into());
    // A directory that is yet to be made has no canonical name.
    let absolute = std::path::absolute(&directory).unwrap_or(directory);
    absolute.canonicalize().unwrap_or(absolute).display().to_string()
}

fn state_path(source: &Path) -> PathBuf {
    let source = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let mut path = source.into_os_string();
    path.push(".import-state");
    path.into()
}

/// What was imported.
#[derive(Default)]
struct Sum {
    samples: u64,
    histograms: u64,
    exemplars: u64,
    skipped: Skipped,
}

async fn carry(running: Running, parts: &[Part], state: &mut State) -> Result<String, Failure> {
    let began = Instant::now();
    let (sender, parcels) = mpsc::channel(QUEUE);
    let mut todo = Vec::new();
    let mut before = 0;
    for (number, part) in parts.iter().enumerate() {
        let reached = state.reached(part);
        before += reached.map_or(part.bytes, |(_, bytes)| bytes);
        todo.extend(reached.map(|(place, _)| (number, part.clone(), place)));
    }
    let total = parts.iter().map(|part| part.bytes).sum();
    let mut progress = Progress::new("import", total, before);
    let reading = tokio::task::spawn_blocking(move || {
        let mut skipped = Skipped::default();
        for (number, part, from) in todo {
            let mut feed = Feed::new(sender.clone(), number);
            let read = part.read(from, &mut feed);
            skipped.join(feed.skipped);
            read?;
        }
        Ok::<Skipped, Failure>(skipped)
    });
    let mut sum = Sum::default();
    let mut bytes: Vec<u64> = parts
        .iter()
        .map(|part| state.reached(part).map_or(part.bytes, |(_, bytes)| bytes))
        .collect();
    let sent = send_all(&running, parcels, |parcel, answer| {
        sum.samples += answer.accepted.saturating_sub(answer.histograms);
        sum.histograms += answer.histograms;
        sum.exemplars += answer.exemplars;
        answer.refusals(&mut sum.skipped);
        let part = &parts[parcel.part];
        bytes[parcel.part] = parcel.bytes;
        match parcel.is_last {
            true => state.whole(part),
            false => state.note(part, parcel.place, parcel.bytes),
        }
        let points = sum.samples + sum.histograms;
        let speed = points as f64 / began.elapsed().as_secs_f64().max(0.001);
        progress.set(bytes.iter().sum(), format!("{points} points, {speed:.0}/s"));
    })
    .await;
    progress.end();
    let read = reading.await.map_err(|error| Failure::failed(format!("reading: {error}")))?;
    // Why sending ended says more than that reading could not go on.
    sent?;
    sum.skipped.join(read?);
    Ok(summary(&sum, parts.len(), began))
}

fn summary(sum: &Sum, parts: usize, began: Instant) -> String {
    let seconds = began.elapsed().as_secs_f64();
    let points = sum.samples + sum.histograms;
    let mut text = format!(
        "{parts} parts: {} samples, {} histograms, {} exemplars in {seconds:.1} s ({:.0} points/s)\n",
        sum.samples,
        sum.histograms,
        sum.exemplars,
        points as f64 / seconds.max(0.001),
    );
    if !sum.skipped.is_empty() {
        text.push_str("left out:\n");
    }
    for (reason, count, example) in sum.skipped.iter() {
        text.push_str(&format!("  {count:>9}  {reason} (such as {example})\n"));
    }
    text
}
