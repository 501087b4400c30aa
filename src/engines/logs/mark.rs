//! What the files of all days hold together, in one small file that is replaced whole.
//!
//! ```text
//! version u8 = 1, complete LSN, count, (sequence, day signed)*, CRC32C of all before, 4 B
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::base::error::{Error, Result};
use crate::engines::kit::bytes::{Reader, put_signed, put_varint};
use crate::engines::kit::log::Lsn;
use crate::model::time::Day;

const VERSION: u8 = 1;
const NAME: &str = "MARK";
const NEW_NAME: &str = "MARK.new";

/// Up to where the files are complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// The files hold every record up to here; newer ones in them are left over from a flush that
    /// was cut short.
    pub(super) complete: Lsn,
    /// Records in files that were replaced or removed by then, by sequence, with their day.
    pub(super) hidden: HashMap<u64, Day>,
}

impl Mark {
    /// Reads the mark of a directory; `None` when there is none.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, `Unsupported` when a newer version wrote it.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>> {
        match std::fs::read(dir.join(NAME)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            bytes => Mark::decode(&bytes?).map(Some),
        }
    }

    /// Replaces the mark of a directory; durable when this returns.
    ///
    /// # Errors
    /// Those of the file system; the old mark stands then.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let new = dir.join(NEW_NAME);
        let mut file = File::create(&new)?;
        file.write_all(&self.encode())?;
        file.sync_all()?;
        std::fs::rename(&new, dir.join(NAME))?;
        Ok(File::open(dir)?.sync_all()?)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.complete.0);
        put_varint(&mut out, self.hidden.len() as u64);
        for (sequence, day) in &self.hidden {
            put_varint(&mut out, *sequence);
            put_signed(&mut out, i64::from(day.0));
        }
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::corrupt("the mark of the log store is damaged");
        let (rest, sum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*sum) {
            return Err(damaged());
        }
        let mut reader = Reader::new(rest);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(Error::unsupported(format!("a log store of version {version}")));
        }
        let complete = Lsn(reader.varint()?);
        let mut hidden = HashMap::new();
        for _ in 0..reader.count()? {
            let sequence = reader.varint()?;
            hidden.insert(sequence, Day(i32::try_from(reader.signed()?).map_err(|_| damaged())?));
        }
        Ok(Mark { complete, hidden })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_and_a_changed_bit_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(dir.path()).unwrap(), None);
        let mark = Mark { complete: Lsn(300), hidden: HashMap::from([(1 << 30, Day(-4))]) };
        mark.write(dir.path()).unwrap();
        assert_eq!(Mark::read(dir.path()).unwrap(), Some(mark));
        let mut bytes = std::fs::read(dir.path().join(NAME)).unwrap();
        bytes[2] ^= 1;
        std::fs::write(dir.path().join(NAME), bytes).unwrap();
        assert!(Mark::read(dir.path()).is_err());
    }
}
