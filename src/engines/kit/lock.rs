//! One appliance a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::base::error::{Error, ErrorKind, Result};

/// Holds the data directory until dropped, or until the process ends however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the directory, making it when it is missing, and notes this process in `LOCK`.
    ///
    /// # Errors
    /// `Conflict` that names the process which has it; `Internal` from the file system.
    pub fn take(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("LOCK");
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                file.read_to_string(&mut owner)?;
                let text = format!(
                    "another belvedere (pid {}) uses the data directory {}; stop it or choose another --data-dir",
                    owner.trim(),
                    dir.display()
                );
                return Err(Error::new(ErrorKind::Conflict, text));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(DirectoryLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_was_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirectoryLock::take(dir.path()).unwrap();
        let error = DirectoryLock::take(dir.path()).unwrap_err();
        assert!(error.message().contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        assert!(DirectoryLock::take(dir.path()).is_ok());
    }
}
