//! Torn and flipped bytes in log and files: what is hit is left out and told, the rest serves.

use std::io;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engines::kit::disk::Disk;
use crate::engines::kit::faulty_disk::FaultyDisk;
use crate::engines::metrics::tests::DIR;
use crate::engines::metrics::tests::cuts::Life;
use crate::engines::metrics::tests::ledger::Ledger;
use crate::model::matcher::Matcher;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::lifecycle::Lifecycle;
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

/// Writes some days, flushed and not, and ends.
async fn written(disk: &FaultyDisk, ledger: &mut Ledger) {
    let life = Life::begin(disk).unwrap();
    for step in 0..30 {
        life.append(ledger).await.unwrap();
        if step % 8 == 7 {
            life.engine.flush().await.unwrap();
        }
    }
    life.end().await;
}

/// Damages one file of log or engine and returns what was done.
fn damage(disk: &FaultyDisk, random: &mut StdRng) -> String {
    let mut files: Vec<PathBuf> = Vec::new();
    for dir in [DIR, "/wal"] {
        files.extend(disk.list(dir.as_ref()).unwrap());
    }
    let path = files.swap_remove(random.random_range(0..files.len()));
    let mut bytes = disk.bytes(&path);
    let at = random.random_range(0..bytes.len());
    let what = match random.random_range(0..4) {
        0 | 1 => {
            let count = random.random_range(1..9);
            for _ in 0..count {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            format!("{count} bits")
        }
        2 => {
            let sector = at / 512 * 512;
            let end = (sector + 512).min(bytes.len());
            random.fill(&mut bytes[sector..end]);
            format!("the sector at {sector}")
        }
        _ => {
            bytes.truncate(at);
            format!("all from {at} on")
        }
    };
    disk.put(&path, &bytes);
    format!("{what} of {}", path.display())
}

/// Returns what the store says of damage.
async fn told(life: &Life, disk: &FaultyDisk) -> Vec<String> {
    let matchers = vec![Matcher::equal("all", "yes")];
    let (range, hints) = (TimeRange::<TimestampMs>::ALL, SelectHints::default());
    let query = SelectQuery { matchers, range, hints, max_samples: None };
    let mut cursor = life.engine.select(query).await.unwrap();
    while cursor.next_block().await.unwrap().is_some() {}
    let repairs = life.log.repairs().into_iter().map(|repair| repair.to_string());
    let aside = disk.list(DIR.as_ref()).unwrap().into_iter().map(|path| path.display().to_string());
    let aside = aside.filter(|path| path.ends_with(".damaged"));
    cursor.warnings().into_iter().chain(repairs).chain(aside).collect()
}

#[tokio::test]
async fn two_hundred_damaged_files_cost_what_they_hit_and_say_so() {
    let (mut lost, mut silent) = (0, Vec::new());
    for seed in 0..200 {
        let disk = FaultyDisk::default();
        let mut ledger = Ledger::new(StdRng::seed_from_u64(seed));
        written(&disk, &mut ledger).await;
        let what = damage(&disk, &mut ledger.random);
        let story = format!("seed {seed}: {what}");
        let life = Life::begin(&disk);
        let life = life.unwrap_or_else(|error| panic!("{story}: it does not open: {error}"));
        let missing = ledger.missing(&*life.engine, &story).await;
        let told = told(&life, &disk).await;
        if !missing.is_empty() {
            lost += 1;
            // Damage of the log's last record looks like one that was never synced.
            let torn = what.contains("/wal/") && ledger.are_last(&missing);
            if told.is_empty() && !torn {
                silent.push(format!("{story}: {} points", missing.len()));
            }
        }
        life.append(&mut ledger).await.unwrap_or_else(|error| panic!("{story}: {error}"));
        // A flush that the disk refuses half way is done by the next one.
        disk.fail_once(ledger.random.random_range(1..40), io::ErrorKind::StorageFull);
        let _ = life.engine.flush().await;
        disk.heal();
        life.engine.flush().await.unwrap_or_else(|error| panic!("{story}: flush: {error}"));
        life.end().await;
    }
    assert!(silent.is_empty(), "lost without a word:\n{}", silent.join("\n"));
    assert!(lost > 50, "only {lost} losses: too little to tell");
}
