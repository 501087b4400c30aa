//! What a path holds, as parts that are read and resumed one by one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::cli::import::feed::Feed;
use crate::cli::import::head::HeadFiles;
use crate::cli::import::window::unreadable;
use crate::cli::import::{block, frames, head, text};
use crate::cli::outcome::Failure;

/// How a part is read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Block(PathBuf),
    Head(HeadFiles),
    Text(PathBuf),
    Frames(PathBuf),
}

/// One part of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its name, the same in every run.
    pub(crate) name: String,
    /// Changes when its content does.
    pub(crate) content: String,
    /// How much it counts for in the progress.
    pub(crate) bytes: u64,
    kind: Kind,
}

impl Part {
    /// Hands over what the part holds from `from` on, a place that an earlier run reached.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self, from: u64, feed: &mut Feed) -> Result<(), Failure> {
        match &self.kind {
            Kind::Block(dir) => block::read(dir, from, self.bytes, feed),
            Kind::Head(files) => head::read(files, feed),
            Kind::Text(path) => text::read(path, from, self.bytes, feed),
            Kind::Frames(path) => frames::read(path, from, self.bytes, feed),
        }
    }
}

/// Recognises what a path holds: OpenMetrics text, requests that `export` wrote, a directory of
/// these, a block, or a whole data directory or snapshot of Prometheus. Returns its parts and notes
/// for the person.
///
/// # Errors
/// A usage failure for anything else.
pub(crate) fn recognise(path: &Path) -> Result<(Vec<Part>, Vec<String>), Failure> {
    let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
    let mut notes = Vec::new();
    if metadata.is_file() {
        return Ok((vec![file(path)?], notes));
    }
    if let Some(meta) = block::meta(path)? {
        return Ok((vec![block_part(path, &meta.ulid)?], notes));
    }
    let mut parts = blocks(path, &mut notes)?;
    if let Some(files) = HeadFiles::find(path)? {
        let (bytes, content) = files.measure();
        let name = "head".to_owned();
        parts.push(Part { name, content, bytes, kind: Kind::Head(files) });
    }
    if parts.is_empty() {
        for path in sorted(path)? {
            if path.is_file() && kind_of(&path).is_some() {
                parts.push(file(&path)?);
            }
        }
    }
    match parts.is_empty() {
        false => Ok((parts, notes)),
        true => Err(Failure::usage(format!(
            "{} is no data directory of Prometheus and holds no OpenMetrics (.om, .txt) or .rw files",
            path.display()
        ))),
    }
}

/// Finds the blocks below a data directory, oldest first, without those that wait to be removed.
fn blocks(dir: &Path, notes: &mut Vec<String>) -> Result<Vec<Part>, Failure> {
    let mut found = Vec::new();
    for path in sorted(dir)? {
        if path.is_dir()
            && !path.extension().is_some_and(|end| end.to_string_lossy().starts_with("tmp"))
        {
            match block::meta(&path) {
                Ok(Some(meta)) => found.push((meta, path)),
                Ok(None) => {}
                Err(failure) => notes.push(failure.message),
            }
        }
    }
    let replaced: HashSet<String> =
        found.iter().flat_map(|(meta, _)| meta.parents.iter().cloned()).collect();
    found.sort_by(|(left, _), (right, _)| {
        (left.min_time, &left.ulid).cmp(&(right.min_time, &right.ulid))
    });
    let stays = found.iter().filter(|(meta, _)| !meta.deletable && !replaced.contains(&meta.ulid));
    stays.map(|(meta, path)| block_part(path, &meta.ulid)).collect()
}

fn block_part(path: &Path, ulid: &str) -> Result<Part, Failure> {
    let mut bytes = 0;
    for inside in [path.to_owned(), path.join("chunks")] {
        for path in sorted(&inside)? {
            bytes += path.metadata().map_err(|error| unreadable(&path, &error))?.len();
        }
    }
    let (name, content) = (format!("block {ulid}"), ulid.to_owned());
    Ok(Part { name, content, bytes, kind: Kind::Block(path.to_owned()) })
}

fn file(path: &Path) -> Result<Part, Failure> {
    let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
    let changed = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let changed = changed.map_or(0, |at| at.as_millis());
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let content = format!("{} bytes, changed at {changed}", metadata.len());
    // A single file is text unless its name says otherwise.
    let kind = kind_of(path).unwrap_or_else(|| Kind::Text(path.to_owned()));
    Ok(Part { name, content, bytes: metadata.len(), kind })
}

fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    match plain.rsplit_once('.')?.1 {
        "om" | "txt" | "prom" | "openmetrics" => Some(Kind::Text(path.to_owned())),
        "rw" => Some(Kind::Frames(path.to_owned())),
        _ => None,
    }
}

fn sorted(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(|error| unreadable(dir, &error))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(ulid: &str, min: i64, parents: &str) -> String {
        format!(
            r#"{{"ulid":"{ulid}","minTime":{min},"maxTime":9,"version":1,"compaction":{{"parents":[{parents}]}}}}"#
        )
    }

    #[test]
    fn blocks_that_were_replaced_are_left_out_and_the_rest_comes_in_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        for (name, min, parents) in
            [("B1", 5, ""), ("B2", 1, r#"{"ulid":"B0","minTime":1,"maxTime":2}"#), ("B0", 1, "")]
        {
            std::fs::create_dir_all(dir.path().join(name).join("chunks")).unwrap();
            std::fs::write(dir.path().join(name).join("meta.json"), meta(name, min, parents))
                .unwrap();
        }
        std::fs::create_dir(dir.path().join("wal")).unwrap();
        let (parts, notes) = recognise(dir.path()).unwrap();
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["block B2", "block B1", "head"]);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn an_exported_directory_is_recognised_and_another_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(recognise(dir.path()).unwrap_err().code, 2);
        std::fs::write(dir.path().join("2026-11-28.om.gz"), "").unwrap();
        std::fs::write(dir.path().join("2026-11-28.rw"), "").unwrap();
        std::fs::write(dir.path().join("README"), "").unwrap();
        assert_eq!(recognise(dir.path()).unwrap().0.len(), 2);
    }
}
