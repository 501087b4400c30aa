//! Files of a directory, their checksums, and copies that are durable.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::error::{Error, Result};

const PIECE_BYTES: usize = 256 << 10;

/// Returns the files below a directory, as paths relative to it, sorted.
///
/// # Errors
/// `Internal` when it cannot be read.
pub(super) fn below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(inside) = todo.pop() {
        for entry in std::fs::read_dir(dir.join(&inside))? {
            let entry = entry?;
            let path = inside.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => todo.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns a file's length and SHA-256.
///
/// # Errors
/// Those of the file system; likewise below.
pub(super) fn sum(path: &Path) -> Result<(u64, String)> {
    read_through(path, |_| Ok(()))
}

/// Copies a file and returns length and SHA-256 of what was copied. The copy is durable; its name
/// is after [`sync_dir`].
pub(super) fn copy(from: &Path, to: &Path) -> Result<(u64, String)> {
    let mut file = File::create(to).map_err(|error| Error::from(error).context(to.display()))?;
    let copied = read_through(from, |piece| file.write_all(piece).map_err(Error::from))?;
    file.sync_all()?;
    Ok(copied)
}

/// Makes the entries of a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    Ok(File::open(dir)?.sync_all()?)
}

fn read_through(path: &Path, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<(u64, String)> {
    let about = |error: std::io::Error| Error::from(error).context(path.display());
    let mut file = File::open(path).map_err(about)?;
    let mut piece = vec![0; PIECE_BYTES];
    let (mut bytes, mut sum) = (0, Sha256::new());
    loop {
        let read = file.read(&mut piece).map_err(about)?;
        if read == 0 {
            break;
        }
        sum.update(&piece[..read]);
        see(&piece[..read])?;
        bytes += read as u64;
    }
    let sum: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, sum))
}
