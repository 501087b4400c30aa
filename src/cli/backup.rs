//! `backup` and `restore`.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

use crate::app::{self, RestoreStep};
use crate::cli::arguments::Settings;
use crate::cli::endpoint::Running;
use crate::cli::outcome::{Failure, say};
use crate::cli::progress::Progress;
use crate::cli::{appliance, serve};

/// The longest line of an answer.
const LINE_BYTES: usize = 64 << 10;

/// Where to back up to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Backup {
    /// Add a backup to this directory of the appliance's machine; what an earlier one holds is not
    /// copied again
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Back up the appliance at this address instead of the one of the data directory; where none
    /// runs, the data directory is opened
    #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
    url: Option<String>,
}

/// What to restore.
#[derive(Debug, Clone, Args)]
pub(crate) struct Restore {
    /// The directory of the backup; it becomes the data directory (--data-dir), which must be empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// One line of the appliance's answer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Copying { copying: String },
    Stored { stored_bytes: u64, total_bytes: u64 },
    Done { done: Done },
    Error { error: String },
}

#[derive(Debug, Deserialize)]
struct Done {
    files: u64,
    bytes: u64,
    copied_bytes: u64,
}

/// Backs up the appliance.
///
/// # Errors
/// When the appliance or the disk refuses.
pub(crate) fn backup(settings: &Settings, what: &Backup) -> Result<(), Failure> {
    let runtime = serve::runtime()?;
    let stopped = Err(Failure::failed("stopped; the same command goes on from here"));
    let dir = std::path::absolute(&what.dir)
        .map_err(|error| Failure::usage(format!("{}: {error}", what.dir.display())))?;
    let done = runtime.block_on(appliance::with(
        settings,
        what.url.as_deref(),
        stopped,
        async |running| order(running, &dir).await,
    ));
    runtime.shutdown_background();
    done.and_then(|text| say(&text))
}

async fn order(running: Running, dir: &Path) -> Result<String, Failure> {
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.map_err(|error| Failure::failed(error.to_string()))?;
    let broken = |error: reqwest::Error| {
        Failure::failed(format!("{} does not answer: {error}", running.url))
    };
    let mut request =
        client.post(format!("{}/api/x/admin/backup", running.url)).json(&json!({"dir": dir}));
    if let Some(token) = &running.token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(broken)?;
    let status = answer.status();
    if !status.is_success() {
        let text = answer.text().await.unwrap_or_default();
        return Err(Failure::failed(format!("no backup was made ({status}): {}", text.trim())));
    }
    let mut progress = Progress::new("backup", 1, 0);
    let mut total = 1;
    let mut held: Vec<u8> = Vec::new();
    let mut body = answer.bytes_stream();
    while let Some(piece) = body.next().await {
        held.extend_from_slice(&piece.map_err(broken)?);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let line: Line = serde_json::from_slice(&line)
                .map_err(|error| Failure::failed(format!("the answer is unreadable: {error}")))?;
            match line {
                Line::Copying { copying } => progress.set(0, format!("{copying} copies itself")),
                Line::Stored { stored_bytes, total_bytes } => {
                    if total != total_bytes {
                        total = total_bytes;
                        progress.end();
                        progress = Progress::new("backup", total, 0);
                    }
                    progress.set(stored_bytes, size(stored_bytes));
                }
                Line::Done { done } => {
                    progress.end();
                    return Ok(format!(
                        "{} files, {}, of which {} were copied\n",
                        done.files,
                        size(done.bytes),
                        size(done.copied_bytes),
                    ));
                }
                Line::Error { error } => {
                    progress.end();
                    return Err(Failure::failed(format!("no backup was made: {error}")));
                }
            }
        }
        if held.len() > LINE_BYTES {
            return Err(Failure::failed("the answer is unreadable: a line is too long"));
        }
    }
    Err(Failure::failed("the appliance ended before the backup did"))
}

/// Restores a backup into the data directory.
///
/// # Errors
/// When the data directory is not empty or in use, and when the backup is damaged.
pub(crate) fn restore(settings: &Settings, what: &Restore) -> Result<(), Failure> {
    let config = settings.load()?;
    let mut progress = None;
    let restored = app::restore(&what.dir, &config.data_dir, &mut |step: RestoreStep| {
        let progress = progress.get_or_insert_with(|| Progress::new("restore", step.total, 0));
        progress.set(step.done, size(step.done));
    });
    if let Some(mut progress) = progress {
        progress.end();
    }
    let step = restored?;
    say(&format!(
        "{} files, {}, are in {}; start it with `belvedere serve --data-dir {}`\n",
        step.files,
        size(step.done),
        config.data_dir.display(),
        config.data_dir.display()
    ))
}

fn size(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
