//! Makes a data directory from a backup.

use std::fs::File;
use std::path::Path;

use crate::app::backup::files;
use crate::app::backup::manifest::{FileEntry, Manifest};
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::lock::DirectoryLock;

/// Stands in a data directory from the first copied file to the last.
pub(crate) const UNFINISHED: &str = "restore.unfinished";
/// What an empty data directory may hold.
const HARMLESS: [&str; 3] = ["LOCK", "lost+found", UNFINISHED];

/// How far a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreStep {
    /// Bytes that are there.
    pub done: u64,
    /// All bytes.
    pub total: u64,
    /// Files of the backup.
    pub files: u64,
}

/// Copies the backup in `from` into the data directory `to`, which must be missing or empty, and
/// checks every file. A restore that was broken off goes on. Blocks; returns the last step.
///
/// # Errors
/// `Conflict` when `to` holds data or an appliance runs on it, `NotFound` when `from` holds no
/// complete backup, `Corrupt` when a file of it is damaged, and those of the disk.
pub fn restore(from: &Path, to: &Path, see: &mut dyn FnMut(RestoreStep)) -> Result<RestoreStep> {
    let Some(manifest) = Manifest::read(from)? else {
        let text = format!("{} holds no complete backup", from.display());
        return Err(Error::not_found(text));
    };
    let _lock = DirectoryLock::take(to)?;
    let marker = to.join(UNFINISHED);
    if !marker.exists() {
        refuse_data(to)?;
        File::create(&marker)?.sync_all()?;
        files::sync_dir(to)?;
    }
    let total = manifest.files.iter().map(|file| file.bytes).sum();
    let mut step = RestoreStep { done: 0, total, files: manifest.files.len() as u64 };
    for file in &manifest.files {
        restore_file(file, from, to)?;
        step.done += file.bytes;
        see(step);
    }
    std::fs::remove_file(&marker)?;
    files::sync_dir(to)?;
    Ok(step)
}

fn refuse_data(to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(to)? {
        let name = entry?.file_name();
        if !HARMLESS.iter().any(|harmless| name == *harmless) {
            let text = format!(
                "the data directory {} is not empty; choose another --data-dir, or move it away",
                to.display()
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
    }
    Ok(())
}

fn restore_file(file: &FileEntry, from: &Path, to: &Path) -> Result<()> {
    let expected = (file.bytes, file.sha256.to_ascii_lowercase());
    let target = to.join(&file.path);
    if target.exists() && files::sum(&target)? == expected {
        return Ok(());
    }
    let dir = target.parent().unwrap_or(to);
    std::fs::create_dir_all(dir)?;
    let copied = files::copy(&from.join(file.object()), &target)
        .map_err(|error| error.context(format!("the backup's {}", file.path)))?;
    if copied != expected {
        let text = format!("the backup's {} is damaged: its checksum is wrong", file.path);
        return Err(Error::corrupt(text));
    }
    files::sync_dir(dir)?;
    files::sync_dir(dir.parent().unwrap_or(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(dir: &Path) -> std::path::PathBuf {
        let from = dir.join("backup");
        let text = dir.join("text");
        std::fs::write(&text, "hello").unwrap();
        let (bytes, sha256) = files::sum(&text).unwrap();
        let entry = FileEntry { path: "logs/2026-11-28/a".to_owned(), bytes, sha256 };
        let object = from.join(entry.object());
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        std::fs::rename(&text, object).unwrap();
        Manifest::new(1, vec![entry]).write(&from).unwrap();
        from
    }

    #[test]
    fn an_empty_directory_is_filled_and_one_with_data_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (backup(dir.path()), dir.path().join("data"));
        let step = restore(&from, &to, &mut |_| {}).unwrap();
        assert_eq!(step, RestoreStep { done: 5, total: 5, files: 1 });
        assert_eq!(std::fs::read(to.join("logs/2026-11-28/a")).unwrap(), b"hello");
        assert!(!to.join(UNFINISHED).exists());
        let again = restore(&from, &to, &mut |_| {}).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        let nowhere = restore(&to, &dir.path().join("other"), &mut |_| {}).unwrap_err();
        assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn damage_is_named_and_a_restore_that_failed_goes_on_once_it_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (backup(dir.path()), dir.path().join("data"));
        let object = from.join(Manifest::read(&from).unwrap().unwrap().files[0].object());
        std::fs::write(&object, "hellO").unwrap();
        let error = restore(&from, &to, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("logs/2026-11-28/a"), "{error}");
        assert!(to.join(UNFINISHED).exists());
        std::fs::write(&object, "hello").unwrap();
        restore(&from, &to, &mut |_| {}).unwrap();
        assert!(!to.join(UNFINISHED).exists());
    }

    #[test]
    fn the_directory_of_a_running_appliance_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (backup(dir.path()), dir.path().join("data"));
        let _running = DirectoryLock::take(&to).unwrap();
        let error = restore(&from, &to, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}
