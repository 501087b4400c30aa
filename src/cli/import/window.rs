//! A file that is read piece by piece, mostly forwards.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::cli::outcome::Failure;

/// Bytes that are read at one time.
const PIECE_BYTES: usize = 256 << 10;

/// The part of a file that is in memory.
pub(crate) struct Window {
    file: File,
    path: PathBuf,
    len: u64,
    begin: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened; likewise below.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let len = file.metadata().map_err(|error| unreadable(path, &error))?.len();
        Ok(Window { file, path: path.to_owned(), len, begin: 0, bytes: Vec::new() })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the bytes from `place` on: at least `wanted`, fewer only at the end of the file.
    pub(crate) fn at(&mut self, place: u64, wanted: usize) -> Result<&[u8], Failure> {
        let place = place.min(self.len);
        let wanted = wanted.min(usize::try_from(self.len - place).unwrap_or(usize::MAX));
        let held = self.begin..self.begin + self.bytes.len() as u64;
        if place < held.start || place + wanted as u64 > held.end {
            let left = usize::try_from(self.len - place).unwrap_or(usize::MAX);
            self.bytes.resize(left.min(wanted.max(PIECE_BYTES)), 0);
            self.begin = place;
            let read = self.file.read_exact_at(&mut self.bytes, place);
            if let Err(error) = read {
                self.bytes.clear();
                return Err(unreadable(&self.path, &error));
            }
        }
        Ok(&self.bytes[(place - self.begin) as usize..])
    }
}

/// Says that a file cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_both_ways_and_ends_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let whole: Vec<u8> = (0..PIECE_BYTES as u32 * 2).map(|n| n as u8).collect();
        std::fs::write(&path, &whole).unwrap();
        let mut window = Window::open(&path).unwrap();
        for place in [0, PIECE_BYTES - 3, 5, whole.len() - 2] {
            let found = window.at(place as u64, 9).unwrap();
            assert_eq!(found[..2], whole[place..place + 2], "{place}");
        }
        assert_eq!(window.at(whole.len() as u64 - 2, 9).unwrap().len(), 2);
        assert!(window.at(u64::MAX, 9).unwrap().is_empty());
    }
}
