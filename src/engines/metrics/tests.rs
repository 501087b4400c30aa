//! The engine as a whole: the contract, and long random lives compared with the memory store.

mod golden;
mod lives;
mod seals;
mod ledger;
mod cuts;
mod damage;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::base::clock::ManualClock;
use crate::engines::kit::EngineContext;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::faulty_disk::FaultyDisk;
use crate::engines::kit::log::{Log, LogOptions};
use crate::engines::metrics::{Engine, MetricOptions};
use crate::storage::conformance::metric::{self, NOON, OUT_OF_ORDER_WINDOW, Subject};
use crate::storage::metric_store::MetricStore;

const OPTIONS: MetricOptions = MetricOptions {
    out_of_order_window: OUT_OF_ORDER_WINDOW,
    max_active_series: 1_000_000,
    cache_bytes: 1 << 20,
};

/// Where the engine's files lie on the disk of the tests.
const DIR: &str = "/metrics";

/// An engine that can be ended and opened again, on a disk whose power can be cut.
struct House {
    disk: FaultyDisk,
    log: Log,
    engine: Arc<Engine>,
}

impl House {
    fn new() -> Self {
        let disk = FaultyDisk::default();
        let (log, engine) = open(&disk);
        House { disk, log, engine }
    }

    /// Ends the engine without a flush, does `meanwhile`, and opens it again.
    async fn reopen(self, meanwhile: impl FnOnce(&FaultyDisk)) -> Self {
        self.engine.abandon().await;
        let House { disk, log, engine } = self;
        assert_eq!(Arc::strong_count(&engine), 1, "somebody still holds the engine");
        drop(engine);
        // A log that failed cannot be closed in order; that is part of the story.
        let _ = log.close();
        drop(log);
        meanwhile(&disk);
        let (log, engine) = open(&disk);
        House { disk, log, engine }
    }
}

fn open(disk: &FaultyDisk) -> (Log, Arc<Engine>) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = LogOptions { segment_bytes: 256 << 10, ..LogOptions::default() };
    let log = Log::open(Arc::clone(&disk), Path::new("/wal"), options).unwrap();
    let context =
        EngineContext { log: log.clone(), disk, dir: DIR.into(), clock: ManualClock::at_ms(NOON) };
    (log, Arc::new(Engine::open(context, OPTIONS).unwrap()))
}

/// Opens a copy of an engine's files with a log of its own.
fn open_copy(disk: &FaultyDisk, dir: &Path) -> Arc<Engine> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let log = Log::open(Arc::clone(&disk), &dir.join("wal"), LogOptions::default()).unwrap();
    let context = EngineContext { log, disk, dir: dir.into(), clock: ManualClock::at_ms(NOON) };
    Arc::new(Engine::open(context, OPTIONS).unwrap())
}

#[derive(Default)]
struct OnDisk {
    current: Mutex<Option<House>>,
}

#[async_trait]
impl Subject for OnDisk {
    async fn empty(&self) -> Arc<dyn MetricStore> {
        let house = House::new();
        let engine: Arc<dyn MetricStore> = house.engine.clone();
        *self.current.lock() = Some(house);
        engine
    }

    async fn reopened(&self, store: Arc<dyn MetricStore>) -> Option<Arc<dyn MetricStore>> {
        drop(store);
        let house = self.current.lock().take()?;
        let house = house.reopen(|_| ()).await;
        let engine: Arc<dyn MetricStore> = house.engine.clone();
        *self.current.lock() = Some(house);
        Some(engine)
    }
}

#[tokio::test]
async fn the_engine_keeps_the_contract() {
    metric::run(&OnDisk::default()).await;
}
