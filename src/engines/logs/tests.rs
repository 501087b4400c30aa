//! The engine as a whole: the contract, cut flushes, damage, and random lives compared with the
//! memory store.

mod lives;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::base::clock::ManualClock;
use crate::engines::kit::EngineContext;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::faulty_disk::FaultyDisk;
use crate::engines::kit::log::{Log, LogOptions};
use crate::engines::logs::LogEngine;
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::LogRecord;
use crate::model::log_filter::LogFilter;
use crate::model::log_query::{Direction, LogPage, LogSearch, LogSelect};
use crate::model::time::{TimeRange, TimestampNs};
use crate::storage::conformance::log::{self, NOON, Subject};
use crate::storage::lifecycle::Lifecycle;
use crate::storage::log_store::LogStore;

/// An engine that can be ended and opened again: its files on the real disk, its log on one whose
/// power can be cut.
struct House {
    dir: TempDir,
    disk: FaultyDisk,
    log: Log,
    engine: Arc<LogEngine>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (log, engine) = open(&dir, &disk);
        House { dir, disk, log, engine }
    }

    /// Ends the engine without a flush, does `meanwhile`, and opens it again.
    async fn reopen(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        self.engine.abandon().await;
        let House { dir, disk, log, engine } = self;
        assert_eq!(Arc::strong_count(&engine), 1, "somebody still holds the engine");
        drop(engine);
        let _ = log.close();
        drop(log);
        meanwhile(&dir.path().join("logs"));
        let (log, engine) = open(&dir, &disk);
        House { dir, disk, log, engine }
    }
}

fn open(dir: &TempDir, disk: &FaultyDisk) -> (Log, Arc<LogEngine>) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = LogOptions { segment_bytes: 256 << 10, ..LogOptions::default() };
    let log = Log::open(Arc::clone(&disk), std::path::Path::new("wal"), options).unwrap();
    let clock = ManualClock::at_ms(NOON / 1_000_000);
    let context = EngineContext { log: log.clone(), disk, dir: dir.path().join("logs"), clock };
    (log, Arc::new(LogEngine::open(context).unwrap()))
}

#[derive(Default)]
struct OnDisk {
    current: Mutex<Option<House>>,
}

#[async_trait]
impl Subject for OnDisk {
    async fn empty(&self) -> Arc<dyn LogStore> {
        let house = House::new();
        let engine: Arc<dyn LogStore> = house.engine.clone();
        *self.current.lock() = Some(house);
        engine
    }

    async fn reopened(&self, store: Arc<dyn LogStore>) -> Option<Arc<dyn LogStore>> {
        drop(store);
        let house = self.current.lock().take()?;
        let house = house.reopen(|_| ()).await;
        let engine: Arc<dyn LogStore> = house.engine.clone();
        *self.current.lock() = Some(house);
        Some(engine)
    }
}

#[tokio::test]
async fn the_engine_keeps_the_contract() {
    log::run(&OnDisk::default()).await;
}

const DAY: i64 = 86_400_000_000_000;

fn put(at: i64, id: &str) -> LogOp {
    let mut record = LogRecord::new(TimestampNs(NOON + at), format!("body of {id}"));
    (record.index, record.id) = ("i".to_owned(), id.to_owned());
    LogOp::Put { record: Box::new(record), replace: true }
}

async fn everything(store: &dyn LogStore) -> LogPage {
    let range = TimeRange::<TimestampNs>::ALL;
    let select = LogSelect { indices: Vec::new(), range, filter: LogFilter::All };
    let (direction, after) = (Direction::Forward, None);
    store.search(LogSearch { select, direction, after, limit: 100_000 }).await.unwrap()
}

#[tokio::test]
async fn a_flush_that_was_cut_short_before_its_mark_is_done_again_exactly_once() {
    let house = House::new();
    house.engine.append(LogBatch { ops: vec![put(0, "a"), put(-DAY, "b")] }).await.unwrap();
    house.engine.flush().await.unwrap();
    let mark = std::fs::read(house.dir.path().join("logs/MARK")).unwrap();
    // "a" moves to another day and "b" within its own, so both days have old and new records.
    house.engine.append(LogBatch { ops: vec![put(-DAY, "a"), put(-DAY, "b")] }).await.unwrap();
    house.engine.append(LogBatch { ops: vec![put(0, "c")] }).await.unwrap();
    let before = everything(&*house.engine).await;
    house.engine.flush().await.unwrap();
    // The days are committed, and the mark of before comes back as after a power cut.
    let house = house.reopen(|logs| std::fs::write(logs.join("MARK"), &mark).unwrap()).await;
    assert_eq!(everything(&*house.engine).await, before);
    assert_eq!(before.hits.iter().map(|hit| hit.version).collect::<Vec<_>>(), [2, 2, 1]);
    for _ in 0..3 {
        house.engine.flush().await.unwrap();
        assert_eq!(everything(&*house.engine).await, before);
    }
    let house = house.reopen(|_| ()).await;
    assert_eq!(everything(&*house.engine).await, before);
}

#[tokio::test]
async fn a_damaged_day_is_put_aside_and_named_and_the_rest_serves() {
    let house = House::new();
    house.engine.append(LogBatch { ops: vec![put(0, "a"), put(-DAY, "b")] }).await.unwrap();
    house.engine.flush().await.unwrap();
    let house =
        house.reopen(|logs| std::fs::write(logs.join("2026-11-22/meta.json"), b"{").unwrap()).await;
    let page = everything(&*house.engine).await;
    assert_eq!(page.hits.iter().map(|hit| hit.record.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(page.warnings, ["logs of 2026-11-22 are damaged and left out"]);
    house.engine.append(LogBatch { ops: vec![put(-DAY, "b")] }).await.unwrap();
    house.engine.flush().await.unwrap();
    assert_eq!(everything(&*house.engine).await.total, 2);
    assert!(house.dir.path().join("logs/2026-11-22.damaged-0").exists());
}
