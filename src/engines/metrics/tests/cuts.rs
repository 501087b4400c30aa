//! Power cuts and refusing disks at any moment of a life, against a ledger of what was acknowledged.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::base::clock::ManualClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::EngineContext;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::faulty_disk::FaultyDisk;
use crate::engines::kit::log::{Log, LogOptions};
use crate::engines::metrics::Engine;
use crate::engines::metrics::tests::ledger::{Ledger, SERIES};
use crate::engines::metrics::tests::{DIR, OPTIONS};
use crate::model::matcher::Matcher;
use crate::model::time::{DAY_MS, Day, TimeRange, TimestampMs};
use crate::storage::conformance::metric::NOON;
use crate::storage::lifecycle::{Lifecycle, RetentionLimits};
use crate::storage::metric_store::MetricStore;

const HOUR: i64 = 3_600_000;

/// Log and engine of one life.
pub(super) struct Life {
    pub(super) log: Log,
    pub(super) engine: Arc<Engine>,
}

impl Life {
    /// Opens what is on the disk.
    pub(super) fn begin(disk: &FaultyDisk) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
        let log = Log::open(Arc::clone(&disk), Path::new("/wal"), options)?;
        let clock = ManualClock::at_ms(NOON);
        let context = EngineContext { log: log.clone(), disk, dir: DIR.into(), clock };
        Ok(Life { engine: Arc::new(Engine::open(context, OPTIONS)?), log })
    }

    /// Ends as a crash does: nothing is flushed.
    pub(super) async fn end(self) {
        self.engine.abandon().await;
        drop(self.engine);
        // A log that failed cannot be closed in order; that is part of the story.
        let _ = self.log.close();
    }

    /// Does one random thing. Returns whether the disk took it.
    async fn act(&self, ledger: &mut Ledger) -> bool {
        let now = ledger.now;
        let done = match ledger.random.random_range(0..100) {
            0..70 => self.append(ledger).await,
            70..86 => self.engine.flush().await,
            86..92 => self.engine.seal(Day(Day::of_ms(TimestampMs(now)).0 - 1)).await.map(drop),
            92..95 => {
                let oldest = (now - 36 * HOUR).div_euclid(DAY_MS) * DAY_MS;
                ledger.expire(oldest);
                let limits = RetentionLimits { oldest_ns: oldest * 1_000_000, max_bytes: None };
                self.engine.enforce_retention(limits).await.map(drop)
            }
            95..99 => self.delete(ledger).await,
            _ => self.engine.purge_deleted().await,
        };
        match done {
            Ok(()) => true,
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Unavailable | ErrorKind::Internal), "{error:?}");
                false
            }
        }
    }

    /// Appends up to four batches at once.
    pub(super) async fn append(&self, ledger: &mut Ledger) -> Result<()> {
        let count = ledger.random.random_range(1..4);
        let sent: Vec<_> = (0..count).map(|_| ledger.send()).collect();
        let writes = sent.iter().map(|one| self.engine.append(one.batch.clone()));
        let mut outcome = Ok(());
        for (one, done) in sent.iter().zip(futures_util::future::join_all(writes).await) {
            match done {
                Ok(receipt) => {
                    assert_eq!(receipt.accepted, one.points, "{receipt:?}");
                    ledger.acknowledge(one);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    async fn delete(&self, ledger: &mut Ledger) -> Result<()> {
        let series = ledger.random.random_range(0..SERIES);
        let to = ledger.now - ledger.random.random_range(0..20 * HOUR);
        let from = to - ledger.random.random_range(0..5 * HOUR);
        let range = TimeRange::new(TimestampMs(from), TimestampMs(to));
        let matchers = vec![Matcher::equal("series", series.to_string())];
        let done = self.engine.delete(vec![matchers], range).await;
        ledger.delete(series, from, to, done.is_ok());
        done.map(drop)
    }
}

#[tokio::test]
async fn two_hundred_power_cuts_lose_and_double_nothing_acknowledged() {
    let (mut cuts, mut owed) = (0, 0);
    for seed in 0..40 {
        let mut ledger = Ledger::new(StdRng::seed_from_u64(seed));
        let disk = FaultyDisk::default();
        for life in 0..5 {
            let story = format!("seed {seed}, life {life}");
            let begun = Life::begin(&disk);
            let begun = begun.unwrap_or_else(|error| panic!("{story}: it does not open: {error}"));
            ledger.check(&*begun.engine, &story).await;
            // The power goes at this operation: nothing behind it reaches the disk.
            disk.fail_after(ledger.random.random_range(1..150), io::ErrorKind::Other);
            for _ in 0..40 {
                if !begun.act(&mut ledger).await {
                    break;
                }
            }
            let mut survives = StdRng::seed_from_u64(ledger.random.random());
            disk.cut_power(|| survives.random_bool(0.5));
            cuts += 1;
            begun.end().await;
        }
        let last = Life::begin(&disk).unwrap();
        ledger.check(&*last.engine, &format!("seed {seed}, end")).await;
        last.engine.flush().await.unwrap();
        ledger.check(&*last.engine, &format!("seed {seed}, flushed")).await;
        owed += ledger.owed();
        last.end().await;
    }
    assert!(cuts >= 200 && owed > 5_000, "{cuts} cuts, {owed} points: too little to tell");
}

/// Lives a short life on a disk that refuses the change number `after`, and returns how many
/// changes there were.
async fn refused(after: u64, kind: io::ErrorKind, once: bool) -> u64 {
    let story = format!("{kind:?} at {after}, once: {once}");
    let disk = FaultyDisk::default();
    let mut ledger = Ledger::new(StdRng::seed_from_u64(4));
    match once {
        true => disk.fail_once(after, kind),
        false => disk.fail_after(after, kind),
    }
    if let Ok(life) = Life::begin(&disk) {
        let mut refused = Vec::new();
        for step in 0..24 {
            ledger.now += 2 * HOUR;
            let yesterday = Day(Day::of_ms(TimestampMs(ledger.now)).0 - 1);
            let done = match step % 8 {
                3 | 6 => life.engine.flush().await,
                5 => life.delete(&mut ledger).await,
                7 if step > 8 => life.engine.seal(yesterday).await.map(drop),
                _ => life.append(&mut ledger).await,
            };
            if let Err(error) = done {
                assert!(is_refusal(&error), "{story}: {error:?}");
                refused.push(step);
            }
        }
        // What was acknowledged is still answered, by a store that may write nothing any more.
        if once || refused.is_empty() {
            ledger.check_acknowledged(&*life.engine, &story).await;
        }
        let closed = life.engine.close().await;
        assert!(closed.as_ref().err().is_none_or(is_refusal), "{story}: {closed:?}");
        life.end().await;
    }
    let operations = disk.operations();
    disk.heal();
    let life = Life::begin(&disk).unwrap_or_else(|error| panic!("{story}: no start: {error}"));
    ledger.check(&*life.engine, &story).await;
    life.append(&mut ledger).await.unwrap_or_else(|error| panic!("{story}: {error}"));
    life.engine.flush().await.unwrap_or_else(|error| panic!("{story}: {error}"));
    ledger.check(&*life.engine, &story).await;
    life.end().await;
    operations
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Internal)
}

#[tokio::test]
async fn a_disk_that_refuses_any_one_write_costs_nothing_acknowledged() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for once in [true, false] {
            for after in 1.. {
                if refused(after, kind, once).await < after {
                    assert!(after > 100, "only {after} changes: too little to tell");
                    break;
                }
            }
        }
    }
}
