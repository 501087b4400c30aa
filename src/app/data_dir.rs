//! The data directory belongs to one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::base::error::{Error, ErrorKind, Result};

/// A claimed directory; dropping it gives the directory free.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    // The kernel releases the lock when the file is closed, also when the process is killed.
    _lock: File,
}

impl DataDir {
    /// Creates the directory if needed and claims it.
    ///
    /// # Errors
    /// `Conflict` when another process holds it; `Internal` when it cannot be created or written.
    pub(crate) fn claim(path: &Path) -> Result<Self> {
        let context = |error: std::io::Error| {
            Error::from(error).context(format!("cannot use the data directory {}", path.display()))
        };
        fs::create_dir_all(path).map_err(context)?;
        let path = path.canonicalize().map_err(context)?;
        let mut options = OpenOptions::new();
        let mut lock = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("LOCK"))
            .map_err(context)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(taken(&path, &mut lock));
        }
        lock.set_len(0).map_err(context)?;
        lock.rewind().map_err(context)?;
        writeln!(lock, "{}", std::process::id()).map_err(context)?;
        Ok(DataDir { path, _lock: lock })
    }

    /// Returns the absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn taken(path: &Path, lock: &mut File) -> Error {
    let mut owner = String::new();
    let _ = lock.read_to_string(&mut owner);
    let owner = match owner.trim() {
        "" => String::new(),
        pid => format!(" (process {pid})"),
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "another appliance{owner} uses the data directory {}; stop it, or choose another one \
             with --data-dir",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_claimed_once_and_is_free_again_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        let first = DataDir::claim(&path).unwrap();
        let refused = DataDir::claim(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert!(refused.message().contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        assert!(DataDir::claim(&path).is_ok());
    }
}
