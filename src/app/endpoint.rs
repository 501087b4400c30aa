//! `endpoint.json`: how the other subcommands, and nobody else, find the running appliance.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};

const NAME: &str = "endpoint.json";

/// Addresses of a running appliance and the token that its directory's owner may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The root of everything, such as `http://127.0.0.1:8080`.
    pub http: String,
    /// The root of OTLP over HTTP; `None` when it is off.
    pub otlp_http: Option<String>,
    /// The root of OTLP over gRPC; `None` when it is off.
    pub otlp_grpc: Option<String>,
    /// The process.
    pub pid: u32,
    /// Opens everything; changes with every start.
    pub token: String,
}

impl Endpoint {
    /// Reads the file in a data directory; `None` when there is none.
    ///
    /// # Errors
    /// `Internal` when it cannot be read, `Corrupt` when it is not ours.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::from(error).context(path.display())),
        };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|error| Error::corrupt(format!("{}: {error}", path.display())))
    }

    /// Writes the file, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// `Internal` or `Unavailable` from the system.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal(format!("{NAME}: {error}")))?;
        let draft = directory.join(format!("{NAME}.draft"));
        // A draft of an earlier life might have other permissions.
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, directory.join(NAME))?;
        Ok(())
    }

    /// Removes the file, if it is there: nobody answers any more.
    pub(crate) fn remove(directory: &Path) {
        match fs::remove_file(directory.join(NAME)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot remove endpoint.json");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_reads_back_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Endpoint::read(folder.path()), Ok(None));
        let endpoint = Endpoint {
            http: "http://127.0.0.1:1".to_owned(),
            otlp_http: None,
            otlp_grpc: Some("http://127.0.0.1:2".to_owned()),
            pid: 7,
            token: "t".to_owned(),
        };
        endpoint.write(folder.path()).unwrap();
        assert_eq!(Endpoint::read(folder.path()), Ok(Some(endpoint)));
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Endpoint::remove(folder.path());
        assert_eq!(Endpoint::read(folder.path()), Ok(None));
    }
}
