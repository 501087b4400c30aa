//! Partitions by day: what there is, what must go. Retention unlinks whole partitions.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};
use crate::engines::kit::disk::Disk;
use crate::model::store::{DamageFacts, PartitionFacts, PartitionState, StoreFacts};
use crate::model::time::Day;
use crate::storage::lifecycle::{Dropped, RetentionLimits};

/// A partition on disk: a file or a directory named by its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The day whose data it holds.
    pub day: Day,
    /// Where it lies.
    pub path: PathBuf,
    /// What it has allocated (`st_blocks`).
    pub bytes: u64,
}

/// Returns the partitions that are files of `dir`, oldest first. `suffix` is what follows the day
/// in their names, such as `.redb`; anything else is left alone.
///
/// # Errors
/// `Internal` when the directory cannot be read.
pub fn files(disk: &dyn Disk, dir: &Path, suffix: &str) -> Result<Vec<Partition>> {
    let mut found = Vec::new();
    for path in disk.list(dir)? {
        if let Some(day) = day_of(&path, suffix) {
            let bytes = disk.allocated(&path)?;
            found.push(Partition { day, path, bytes });
        }
    }
    found.sort_by_key(|partition| partition.day);
    Ok(found)
}

/// Returns the partitions that are directories below `dir`, named by their day, oldest first.
///
/// # Errors
/// `Internal` when the directory cannot be read.
pub fn directories(dir: &Path) -> Result<Vec<Partition>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(day) = day_of(&path, "") {
            let bytes = allocated(&path)?;
            found.push(Partition { day, path, bytes });
        }
    }
    found.sort_by_key(|partition| partition.day);
    Ok(found)
}

fn day_of(path: &Path, suffix: &str) -> Option<Day> {
    Day::from_name(path.file_name()?.to_str()?.strip_suffix(suffix)?)
}

/// Returns the bytes that a file, or all files below a directory, have allocated.
///
/// # Errors
/// `Internal` when it cannot be read; what vanishes meanwhile counts nothing.
pub fn allocated(path: &Path) -> Result<u64> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        metadata => metadata?,
    };
    let mut bytes = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += allocated(&entry?.path())?;
        }
    }
    Ok(bytes)
}

/// Chooses what must go: first what ended before the limit, then the oldest until the rest fits.
/// The `live` day and later ones always stay.
pub fn expired(partitions: &[Partition], limits: RetentionLimits, live: Day) -> Vec<Partition> {
    let oldest_ms = limits.oldest_ns.div_euclid(1_000_000);
    let ended = |partition: &Partition| partition.day.range_ms().end.0 < oldest_ms;
    let mut bytes: u64 = partitions.iter().map(|partition| partition.bytes).sum();
    let mut gone = Vec::new();
    for partition in partitions.iter().filter(|partition| partition.day < live) {
        let too_much = limits.max_bytes.is_some_and(|most| bytes > most);
        if !ended(partition) && !too_much {
            continue;
        }
        bytes = bytes.saturating_sub(partition.bytes);
        gone.push(partition.clone());
    }
    gone
}

/// Returns partitions as a store shows them that knows no more of them than their size.
pub fn facts(partitions: &[Partition]) -> StoreFacts {
    let shown = partitions.iter().map(|partition| PartitionFacts {
        day: partition.day,
        bytes: partition.bytes,
        state: PartitionState::Live,
        series: None,
        points: None,
        times: None,
    });
    StoreFacts { partitions: shown.collect(), damage: DamageFacts::default() }
}

/// Unlinks partitions, all that can be unlinked, durably.
///
/// # Errors
/// `Internal` that names what could not be removed; the rest is gone.
pub fn unlink(disk: &dyn Disk, gone: &[Partition]) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    let mut faults = Vec::new();
    for partition in gone {
        let removed = match partition.path.is_dir() {
            true => std::fs::remove_dir_all(&partition.path),
            false => disk.remove(&partition.path),
        };
        match removed {
            Ok(()) => {
                dropped.partitions.push(partition.day.to_string());
                dropped.bytes += partition.bytes;
            }
            Err(error) => faults.push(format!("{}: {error}", partition.path.display())),
        }
    }
    if let Some(dir) = gone.first().and_then(|partition| partition.path.parent()) {
        disk.sync_dir(dir)?;
    }
    match faults.is_empty() {
        true => Ok(dropped),
        false => Err(Error::internal(format!("not removed: {}", faults.join("; ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::kit::disk::RealDisk;
    use crate::model::time::DAY_MS;

    fn partition(day: i32, bytes: u64) -> Partition {
        Partition { day: Day(day), path: PathBuf::from(Day(day).to_string()), bytes }
    }

    fn days(gone: &[Partition]) -> Vec<i32> {
        gone.iter().map(|partition| partition.day.0).collect()
    }

    #[test]
    fn time_and_bytes_both_limit_and_the_live_day_stays() {
        let all = [partition(1, 10), partition(2, 10), partition(3, 10), partition(4, 10)];
        let begin_of_day_3 = 3 * DAY_MS * 1_000_000;
        let by_time = RetentionLimits { oldest_ns: begin_of_day_3, max_bytes: None };
        assert_eq!(days(&expired(&all, by_time, Day(4))), [1, 2]);
        let by_bytes = RetentionLimits { oldest_ns: 0, max_bytes: Some(15) };
        assert_eq!(days(&expired(&all, by_bytes, Day(4))), [1, 2, 3]);
        let nothing_fits = RetentionLimits { oldest_ns: i64::MAX, max_bytes: Some(0) };
        assert_eq!(days(&expired(&all, nothing_fits, Day(3))), [1, 2]);
    }

    #[test]
    fn partitions_are_found_by_name_and_unlinked_whole() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("2026-11-22")).unwrap();
        std::fs::write(dir.path().join("2026-11-22/part"), vec![1; 10_000]).unwrap();
        std::fs::create_dir(dir.path().join("lost+found")).unwrap();
        std::fs::write(dir.path().join("2026-11-21.redb"), "file").unwrap();
        let files = files(&RealDisk, dir.path(), ".redb").unwrap();
        assert_eq!(days(&files), [20_778]);
        let found = directories(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].bytes >= 10_000);
        let dropped = unlink(&RealDisk, &found).unwrap();
        assert_eq!(dropped.partitions, ["2026-11-22"]);
        assert_eq!(directories(dir.path()).unwrap(), vec![]);
    }
}
