//! What earlier runs of an import did, in a small file that is replaced whole: a run that was broken
//! off goes on from there. Repeating is harmless, too: the same value for a timestamp is accepted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::cli::import::source::Part;
use crate::cli::outcome::{Failure, complain};

/// How often the file is written.
const PAUSE: Duration = Duration::from_secs(1);

/// What was done of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    content: String,
    place: u64,
    bytes: u64,
    whole: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Wire {
    version: u32,
    /// Where the points went.
    target: String,
    parts: BTreeMap<String, Done>,
}

/// The state of an import.
pub(crate) struct State {
    path: PathBuf,
    wire: Wire,
    written: Option<Instant>,
    /// Whether the file cannot be written, which was said.
    is_lost: bool,
}

impl State {
    /// Reads the file for an import into `target`; another target, or `again`, begins anew.
    ///
    /// # Errors
    /// When it cannot be read or is no such file: it may be somebody else's.
    pub(crate) fn open(path: &Path, target: &str, again: bool) -> Result<Self, Failure> {
        let fresh = Wire { version: 1, target: target.to_owned(), parts: BTreeMap::new() };
        let about = |why: String| {
            Failure::failed(format!("the state of the import, {}: {why}", path.display()))
        };
        let wire = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fresh,
            Err(error) => return Err(about(error.to_string())),
            Ok(bytes) => {
                let known: Wire =
                    serde_json::from_slice(&bytes).map_err(|error| about(error.to_string()))?;
                if known.version != 1 {
                    return Err(about(format!("version {} is not known", known.version)));
                }
                if known.target == target && !again { known } else { fresh }
            }
        };
        Ok(State { path: path.to_owned(), wire, written: None, is_lost: false })
    }

    /// Returns place and bytes that were reached in a part, or `None` when it was read whole.
    pub(crate) fn reached(&self, part: &Part) -> Option<(u64, u64)> {
        match self.wire.parts.get(&part.name) {
            Some(done) if done.content == part.content && done.whole => None,
            // A part that cannot be entered in its middle has no places.
            Some(done) if done.content == part.content && done.place > 0 => {
                Some((done.place, done.bytes))
            }
            _ => Some((0, 0)),
        }
    }

    /// Notes that everything of a part up to `place` is durable in the appliance.
    pub(crate) fn note(&mut self, part: &Part, place: u64, bytes: u64) {
        self.set(part, place, bytes, false);
        if self.written.is_none_or(|written| written.elapsed() >= PAUSE) {
            self.save();
        }
    }

    /// Notes that a part was read whole.
    pub(crate) fn whole(&mut self, part: &Part) {
        self.set(part, 0, part.bytes, true);
        self.save();
    }

    fn set(&mut self, part: &Part, place: u64, bytes: u64, whole: bool) {
        let done = Done { content: part.content.clone(), place, bytes, whole };
        self.wire.parts.insert(part.name.clone(), done);
    }

    /// Writes the file.
    pub(crate) fn save(&mut self) {
        self.written = Some(Instant::now());
        if let (Err(error), false) = (self.write(), self.is_lost) {
            self.is_lost = true;
            complain(&format!(
                "cannot write {}: {error}; an import that is broken off begins anew",
                self.path.display()
            ));
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let mut draft = self.path.clone().into_os_string();
        draft.push(".draft");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(&self.wire)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, &self.path)
    }
}
