//! What a backup consists of.

use std::fs::File;
use std::io::Write;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, ErrorKind, Result};

const NAME: &str = "manifest.json";
const VERSION: u32 = 1;

/// A file of the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its path below the data directory.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub(crate) sha256: String,
}

/// A complete backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// The program that wrote it.
    pub(crate) belvedere: String,
    /// When it began, milliseconds since the epoch: what was acknowledged before is in it.
    pub(crate) began_ms: i64,
    /// Its files, sorted by path.
    pub(crate) files: Vec<FileEntry>,
}

impl Manifest {
    /// Makes the manifest of a backup that this program writes.
    pub(crate) fn new(began_ms: i64, files: Vec<FileEntry>) -> Self {
        let belvedere = env!("CARGO_PKG_VERSION").to_owned();
        Manifest { version: VERSION, belvedere, began_ms, files }
    }

    /// Reads the manifest of a backup's directory; `None` when no backup was completed there.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, `Unsupported` when a newer program wrote it.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(NAME);
        let about = |error: Error| error.context(path.display());
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| about(Error::from(error)))?,
        };
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| about(Error::corrupt(error.to_string())))?;
        if manifest.version != VERSION {
            let text = format!("backup version {} is not known", manifest.version);
            return Err(about(Error::unsupported(text)));
        }
        for file in &manifest.files {
            file.check().map_err(about)?;
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest; durable when this returns.
    ///
    /// # Errors
    /// Those of the file system; the old one stands then.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal(format!("{NAME}: {error}")))?;
        let draft = dir.join(format!("{NAME}.draft"));
        let mut file = File::create(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&draft, dir.join(NAME))?;
        Ok(File::open(dir)?.sync_all()?)
    }
}

impl FileEntry {
    /// Checks what might lead out of a directory.
    fn check(&self) -> Result<()> {
        let path = Path::new(&self.path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let is_sum = self.sha256.len() == 64 && self.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !inside || self.path.is_empty() || !is_sum {
            let text = format!("{:?} is no file of a backup", self.path);
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
        Ok(())
    }

    /// Returns where the file's bytes lie below a backup's directory.
    pub(crate) fn object(&self) -> String {
        let sum = self.sha256.to_ascii_lowercase();
        format!("objects/{}/{sum}", sum.get(..2).unwrap_or("00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_and_a_newer_version_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), None);
        let entry = |path: &str| FileEntry { path: path.into(), bytes: 1, sha256: "a".repeat(64) };
        let good = Manifest::new(5, vec![entry("logs/MARK")]);
        good.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), Some(good.clone()));
        for path in ["../x", "/etc/x", ""] {
            Manifest { files: vec![entry(path)], ..good.clone() }.write(dir.path()).unwrap();
            let error = Manifest::read(dir.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{path}");
        }
        Manifest { version: 2, ..good }.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
