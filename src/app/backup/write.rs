//! Writes a backup: every store copies itself into a directory of its own beside the data, from
//! where the files go into the backup.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::app::backup::files;
use crate::app::backup::manifest::{FileEntry, Manifest};
use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};

/// How far a backup has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackupStep {
    /// A store copies itself.
    Copying(&'static str),
    /// So many bytes of all are in the backup.
    Storing {
        /// Bytes that are there.
        done: u64,
        /// All bytes.
        total: u64,
    },
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BackupSum {
    /// Its files.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The bytes that an earlier backup did not have.
    pub(crate) copied: u64,
}

/// Makes backups, one at a time. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Backups {
    stores: OpenStores,
    data_dir: PathBuf,
    clock: SharedClock,
    turn: Arc<Mutex<()>>,
}

impl Backups {
    /// Makes backups of the stores, whose files lie in `data_dir`.
    pub(crate) fn new(stores: OpenStores, data_dir: &Path, clock: SharedClock) -> Self {
        Backups { stores, data_dir: data_dir.to_owned(), clock, turn: Arc::default() }
    }

    /// Adds a backup to the directory `to`, making it when it is missing. Steps that nobody waits
    /// for are dropped.
    ///
    /// # Errors
    /// `Conflict` while another backup is made, `InvalidInput` for a relative path or one inside the
    /// data directory, `Unsupported` for stores in memory, and those of the disk. An earlier backup
    /// in the directory stays.
    pub(crate) async fn make(
        &self,
        to: &Path,
        steps: mpsc::Sender<BackupStep>,
    ) -> Result<BackupSum> {
        let busy = || Error::new(ErrorKind::Conflict, "another backup is being made");
        let _turn = self.turn.try_lock().map_err(|_| busy())?;
        self.check(to)?;
        let began_ms = self.clock.now_ms();
        let staging = self.data_dir.join("tmp").join("backup");
        let made = self.copy_stores(&staging, &steps).await;
        let stored = match made {
            Ok(()) => {
                let (staging, to) = (staging.clone(), to.to_owned());
                let store = move || store(&staging, &to, began_ms, &steps);
                let stored = tokio::task::spawn_blocking(store).await;
                stored.map_err(|error| Error::internal(format!("backup: {error}")))?
            }
            Err(error) => Err(error),
        };
        if let Err(error) = tokio::fs::remove_dir_all(&staging).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what a backup was made from could not be removed");
        }
        stored
    }

    fn check(&self, to: &Path) -> Result<()> {
        if !to.is_absolute() {
            return Err(Error::invalid(format!("{} is no absolute path", to.display())));
        }
        if to.starts_with(&self.data_dir) || self.data_dir.starts_with(to) {
            let text = "a backup must lie outside of the data directory, which it is to survive";
            return Err(Error::invalid(text));
        }
        Ok(())
    }

    async fn copy_stores(&self, staging: &Path, steps: &mpsc::Sender<BackupStep>) -> Result<()> {
        if staging.exists() {
            tokio::fs::remove_dir_all(staging).await?;
        }
        tokio::fs::create_dir_all(staging).await?;
        for (signal, store) in self.stores.lifecycles() {
            let _ = steps.try_send(BackupStep::Copying(signal));
            store.snapshot(&staging.join(signal)).await.map_err(|error| error.context(signal))?;
        }
        let _ = steps.try_send(BackupStep::Copying("state"));
        let copied = self.stores.state.snapshot(&staging.join("meta.redb")).await;
        copied.map_err(|error| error.context("state"))
    }
}

/// Puts the files of `staging` into the backup's directory and lists them, last of all.
fn store(
    staging: &Path,
    to: &Path,
    began_ms: i64,
    steps: &mpsc::Sender<BackupStep>,
) -> Result<BackupSum> {
    std::fs::create_dir_all(to).map_err(|error| Error::from(error).context(to.display()))?;
    let earlier = Manifest::read(to)?;
    let found = files::below(staging)?;
    let mut total = 0;
    for path in &found {
        total += staging.join(path).metadata()?.len();
    }
    let (mut sum, mut entries) = (BackupSum::default(), Vec::new());
    for path in found {
        let (entry, copied) = store_file(&staging.join(&path), &path, to)?;
        sum.files += 1;
        sum.bytes += entry.bytes;
        sum.copied += copied;
        entries.push(entry);
        let _ = steps.try_send(BackupStep::Storing { done: sum.bytes, total });
    }
    let manifest = Manifest::new(began_ms, entries);
    manifest.write(to)?;
    if let Some(earlier) = earlier {
        remove_unused(&earlier, &manifest, to);
    }
    Ok(sum)
}

/// Stores one file unless it is there; returns how many bytes were copied.
fn store_file(from: &Path, path: &Path, to: &Path) -> Result<(FileEntry, u64)> {
    let (bytes, sha256) = files::sum(from)?;
    let path = path.to_str().ok_or_else(|| Error::internal("a file's name is no text"))?;
    let entry = FileEntry { path: path.to_owned(), bytes, sha256 };
    let object = to.join(entry.object());
    // What is there is read again: a backup must not count on a file that rotted.
    let known = object.exists().then(|| files::sum(&object)).transpose()?;
    if known.is_some_and(|known| known == (entry.bytes, entry.sha256.clone())) {
        return Ok((entry, 0));
    }
    let dir = object.parent().unwrap_or(to);
    std::fs::create_dir_all(dir)?;
    let draft = object.with_extension("draft");
    let copied = files::copy(from, &draft)?;
    if copied != (entry.bytes, entry.sha256.clone()) {
        return Err(Error::internal(format!("{} changed while it was copied", from.display())));
    }
    std::fs::rename(&draft, &object)?;
    files::sync_dir(dir)?;
    files::sync_dir(dir.parent().unwrap_or(to))?;
    Ok((entry, bytes))
}

/// Removes files that only the backup before needed. What cannot be removed costs only space.
fn remove_unused(earlier: &Manifest, now: &Manifest, to: &Path) {
    let needed: HashSet<String> = now.files.iter().map(FileEntry::object).collect();
    for file in &earlier.files {
        let object = file.object();
        if !needed.contains(&object)
            && let Err(error) = std::fs::remove_file(to.join(&object))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, object, "an old file of a backup could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_backup_copies_what_changed_and_removes_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir_all(from.join("logs")).unwrap();
        std::fs::write(from.join("logs/a"), "same").unwrap();
        std::fs::write(from.join("b"), "old").unwrap();
        let (steps, _seen) = mpsc::channel(9);
        let first = store(&from, &to, 1, &steps).unwrap();
        assert_eq!(first, BackupSum { files: 2, bytes: 7, copied: 7 });
        std::fs::write(from.join("b"), "newer").unwrap();
        let second = store(&from, &to, 2, &steps).unwrap();
        assert_eq!(second, BackupSum { files: 2, bytes: 9, copied: 5 });
        let objects = files::below(&to.join("objects")).unwrap();
        assert_eq!(objects.len(), 2, "{objects:?}");
        // A file that rotted is stored anew.
        std::fs::write(to.join("objects").join(&objects[0]), "rotten").unwrap();
        assert!(store(&from, &to, 3, &steps).unwrap().copied > 0);
    }
}
