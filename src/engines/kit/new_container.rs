//! A container file that is written once, from its start to its end.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, Durability, WriteTransaction};

use crate::base::error::Result;
use crate::engines::kit::container::{Change, fault, guarded, redb_of, refused};
use crate::engines::kit::disk::Disk;

/// A file that is being filled, and opened as a [`Container`] later.
///
/// [`Container`]: crate::engines::kit::container::Container
pub struct NewContainer {
    database: Database,
    transaction: WriteTransaction,
}

impl NewContainer {
    /// Starts a file in place of whatever is at `path`. `cache_bytes` bounds redb's page cache.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; likewise below.
    pub fn create(disk: &Arc<dyn Disk>, path: &Path, cache_bytes: usize) -> Result<Self> {
        match disk.remove(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(refused(error).context(path.display()));
            }
            _ => {}
        }
        let file = disk.open(path, true).map_err(|error| refused(error).context(path.display()))?;
        let database = redb_of(file, cache_bytes)?;
        let mut transaction = database.begin_write().map_err(fault)?;
        transaction.set_durability(Durability::Immediate).map_err(fault)?;
        Ok(NewContainer { database, transaction })
    }

    /// Returns the change that fills the file.
    pub fn change(&self) -> Change<'_> {
        Change { transaction: &self.transaction }
    }

    /// Makes the file as small as it can be, and durable under the name it was created with, whose
    /// directory the caller syncs.
    pub fn finish(self) -> Result<()> {
        let NewContainer { mut database, transaction } = self;
        guarded(|| {
            transaction.commit().map_err(fault)?;
            database.compact().map_err(fault)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::engines::kit::container::{CRC_BYTES, Container, PAGE_SLACK};
    use crate::engines::kit::disk::RealDisk;

    fn real() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    /// Returns what a file wastes on values of `size` bytes, as a share of them.
    fn overhead(size: usize, write: impl FnOnce(&Path, usize, &[u8])) -> f64 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let count = (16 << 20) / size;
        write(&path, count, &vec![7; size]);
        let allocated = std::fs::metadata(&path).unwrap().blocks() * 512;
        allocated as f64 / (count * size) as f64 - 1.0
    }

    #[test]
    fn values_just_under_a_page_waste_little() {
        let live = overhead((32 << 10) - PAGE_SLACK - CRC_BYTES, |path, count, value| {
            let container = Container::open(&real(), path, 4 << 20).unwrap();
            let rows = (0..count as u64).map(|number| (number.to_be_bytes(), value));
            container.write(|change| change.load("t", rows)).unwrap();
        });
        let sealed = overhead((64 << 10) - PAGE_SLACK - CRC_BYTES, |path, count, value| {
            let new = NewContainer::create(&real(), path, 4 << 20).unwrap();
            for number in 0..count as u64 {
                new.change().put("t", &number.to_be_bytes(), value).unwrap();
            }
            new.finish().unwrap();
            let found = Container::open(&real(), path, 1 << 20).unwrap().snapshot().unwrap();
            assert_eq!(found.scan("t", &[], None).unwrap().len(), count);
        });
        assert!(live < 0.025, "32 KiB: {:.1} % overhead", live * 100.0);
        assert!(sealed < 0.01, "64 KiB: {:.1} % overhead", sealed * 100.0);
    }

    #[test]
    fn a_new_file_holds_what_was_loaded_and_shows_it_row_by_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        std::fs::write(&path, "something else").unwrap();
        let new = NewContainer::create(&real(), &path, 1 << 20).unwrap();
        new.change().load("t", [("a", "1"), ("b", "2")]).unwrap();
        new.change().load("t", [("c", "3")]).unwrap();
        assert!(new.change().load("t", [("a", "4")]).is_err(), "keys must rise");
        new.finish().unwrap();
        let mut seen = Vec::new();
        let snapshot = Container::open(&real(), &path, 1 << 20).unwrap().snapshot().unwrap();
        let see = |key: &[u8], value: Result<Vec<u8>>| {
            seen.push([key, &value?].concat());
            Ok(())
        };
        snapshot.visit("t", see).unwrap();
        assert_eq!(seen, [b"a1", b"b2", b"c3"]);
    }
}
