//! Durable acknowledgements a second of the log, by the number of writers.
//!
//! Input: records of 256 random bytes, each writer waiting for its record before it sends the next,
//! three seconds a case, in a directory below `target/`, so on that disk and no other. Guards the
//! group commit: 64 writers must share their syncs, and one writer must wait for nothing but the
//! disk. Figures mean little without the disk's own time of one fdatasync.
//!
//! Run: `cargo bench --bench log`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use belvedere::engines::kit::disk::RealDisk;
use belvedere::engines::kit::log::{Log, LogOptions, Signal};
use rand::RngCore;

const RECORD_BYTES: usize = 256;
const LENGTH: Duration = Duration::from_secs(3);

fn main() {
    for writers in [1, 64] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let log = Log::open(Arc::new(RealDisk), dir.path(), LogOptions::default()).unwrap();
        let start = Instant::now();
        let waits = write_from(&log, writers, start + LENGTH);
        report(writers, waits, start.elapsed());
        log.close().unwrap();
    }
}

/// Returns how long each record took from its append until it was durable.
fn write_from(log: &Log, writers: usize, end: Instant) -> Vec<Duration> {
    let threads: Vec<_> = (0..writers)
        .map(|_| {
            let log = log.clone();
            std::thread::spawn(move || write_until(&log, end))
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

fn write_until(log: &Log, end: Instant) -> Vec<Duration> {
    let mut payload = [0; RECORD_BYTES];
    rand::rng().fill_bytes(&mut payload);
    let mut waits = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        let pending = log.append(Signal::Metrics, &payload).unwrap();
        let lsn = pending.lsn;
        pending.wait().unwrap();
        waits.push(sent.elapsed());
        if lsn.0.is_multiple_of(10_000) {
            Signal::ALL.into_iter().for_each(|signal| log.checkpoint(signal, lsn));
        }
    }
    waits
}

fn report(writers: usize, mut waits: Vec<Duration>, took: Duration) {
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!(
        "{writers:>3} writers: {:>8.0} durable acknowledgements/s, p50 {:?}, p99 {:?}",
        waits.len() as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
    );
}
