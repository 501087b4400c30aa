//! The data directory belongs to one process at a time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::app::backup::UNFINISHED;
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::lock::DirectoryLock;

/// A claimed directory; dropping it gives the directory free.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: DirectoryLock,
}

impl DataDir {
    /// Creates the directory if needed, claims it and wipes what was never finished.
    ///
    /// # Errors
    /// `Conflict` when another process holds it or a restore into it was broken off; `Internal` when
    /// it cannot be created or written.
    pub(crate) fn claim(path: &Path) -> Result<Self> {
        let about = || format!("cannot use the data directory {}", path.display());
        let lock = DirectoryLock::take(path)?;
        let path = path.canonicalize().map_err(|error| Error::from(error).context(about()))?;
        if path.join(UNFINISHED).exists() {
            let text = "a backup was not restored whole; run the same `belvedere restore` again";
            return Err(Error::new(ErrorKind::Conflict, text).context(path.display()));
        }
        let unfinished = path.join("tmp");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(|error| Error::from(error).context(about()))?;
        }
        Ok(DataDir { path, _lock: lock })
    }

    /// Returns the absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
