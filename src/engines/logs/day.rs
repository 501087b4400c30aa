//! The index of one day: a directory that tantivy writes.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::indexer::LogMergePolicy;
use tantivy::query::{EnableScoring, RangeQuery};
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{
    DocAddress, DocId, DocSet, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy,
    Searcher, SegmentReader, TERMINATED, TantivyDocument, TantivyError, Term,
};

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::log::Lsn;
use crate::engines::logs::plan::Plan;
use crate::engines::logs::record::decode_stored;
use crate::engines::logs::schema::{Fields, SEQUENCE, TIMESTAMP, VERSION, document, schema};
use crate::model::log_query::{LogHit, LogPosition};
use crate::model::time::{Day, TimestampNs};

/// Memory that a flush may use for the index of a day before it starts another segment.
const WRITER_BYTES: usize = 32 << 20;

/// Bytes of a block of stored records before compression.
const BLOCK_BYTES: usize = 64 << 10;

/// Blocks of stored records that a reader keeps decompressed.
const CACHED_BLOCKS: usize = 32;

/// Segments with more removed records than this share are written anew.
const MOST_REMOVED: f32 = 0.3;

/// The index of a day, open for reading and writing.
pub(super) struct DayIndex {
    path: PathBuf,
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

/// What an index held at one time.
#[derive(Clone)]
pub(super) struct DayView {
    pub(super) index: Arc<DayIndex>,
    searcher: Searcher,
    fields: Fields,
}

/// A record that was found by its index and id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) version: u64,
    address: DocAddress,
}

impl DayIndex {
    /// Opens the index in `path`, making it when it is missing.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, `Unsupported` when another version wrote it, and those of the
    /// file system.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (wanted, fields) = schema();
        // A directory without a meta file was never committed to.
        let index = if path.join("meta.json").exists() {
            Index::open_in_dir(path).map_err(error_of)?
        } else {
            if path.exists() {
                std::fs::remove_dir_all(path)?;
            }
            std::fs::create_dir_all(path)?;
            let compressor = ZstdCompressor { compression_level: Some(3) };
            let settings = IndexSettings {
                docstore_compression: Compressor::Zstd(compressor),
                docstore_blocksize: BLOCK_BYTES,
                ..IndexSettings::default()
            };
            let builder = Index::builder().schema(wanted.clone()).settings(settings);
            builder.create_in_dir(path).map_err(error_of)?
        };
        if index.schema() != wanted {
            return Err(Error::unsupported("another version of belvedere wrote this log index"));
        }
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(CACHED_BLOCKS)
            .try_into()
            .map_err(error_of)?;
        Ok(DayIndex { path: path.to_owned(), index, reader, fields })
    }

    /// Returns the last record of the log that was written here.
    ///
    /// # Errors
    /// Those of the index.
    pub(super) fn written(&self) -> Result<Lsn> {
        let payload = self.index.load_metas().map_err(error_of)?.payload;
        Ok(Lsn(payload.and_then(|payload| payload.parse().ok()).unwrap_or(0)))
    }

    /// Removes records by their sequence and all that begin at `leftover`, adds others, and says
    /// that the log was written up to `lsn`. Durable when this returns.
    ///
    /// # Errors
    /// `Unavailable` and `Internal` from the disk; nothing changed then.
    pub(super) fn write<'a>(
        &self,
        leftover: Option<u64>,
        removed: impl Iterator<Item = u64>,
        added: impl Iterator<Item = &'a LogHit>,
        lsn: Lsn,
    ) -> Result<()> {
        let mut writer: IndexWriter =
            self.index.writer_with_num_threads(1, WRITER_BYTES).map_err(error_of)?;
        let mut merges = LogMergePolicy::default();
        merges.set_del_docs_ratio_before_merge(MOST_REMOVED);
        writer.set_merge_policy(Box::new(merges));
        if let Some(first) = leftover {
            let first = Bound::Included(Term::from_field_u64(self.fields.sequence, first));
            let query = RangeQuery::new(first, Bound::Unbounded);
            writer.delete_query(Box::new(query)).map_err(error_of)?;
        }
        for sequence in removed {
            writer.delete_term(Term::from_field_u64(self.fields.sequence, sequence));
        }
        for hit in added {
            writer.add_document(document(&self.fields, hit)).map_err(error_of)?;
        }
        let mut commit = writer.prepare_commit().map_err(error_of)?;
        commit.set_payload(&lsn.0.to_string());
        commit.commit().map_err(error_of)?;
        // The index renames its meta file without syncing the directory after.
        self.sync_dir()?;
        writer.wait_merging_threads().map_err(error_of)?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> Result<()> {
        Ok(File::open(&self.path)?.sync_all()?)
    }

    /// Returns what the index holds now.
    ///
    /// # Errors
    /// Those of the index.
    pub(super) fn view(self: &Arc<Self>) -> Result<DayView> {
        self.reader.reload().map_err(error_of)?;
        let searcher = self.reader.searcher();
        Ok(DayView { index: Arc::clone(self), searcher, fields: self.fields })
    }
}

impl DayView {
    /// Returns the fields of the index.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Finds the record with this key that is not among `hidden`.
    ///
    /// # Errors
    /// Those of the index; likewise below.
    pub(super) fn find(&self, key: &str, hidden: &HashMap<u64, Day>) -> Result<Option<Found>> {
        let term = Term::from_field_text(self.fields.key, key);
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            let inverted = reader.inverted_index(self.fields.key).map_err(error_of)?;
            let postings = inverted.read_postings(&term, IndexRecordOption::Basic)?;
            let Some(mut postings) = postings else { continue };
            let columns = Columns::of(reader)?;
            while postings.doc() != TERMINATED {
                let doc = postings.doc();
                let sequence = columns.sequence(doc);
                if !reader.is_deleted(doc) && !hidden.contains_key(&sequence) {
                    let version = columns.versions.first(doc).unwrap_or(1);
                    let address = DocAddress::new(segment as u32, doc);
                    return Ok(Some(Found { sequence, version, address }));
                }
                postings.advance();
            }
        }
        Ok(None)
    }

    /// Returns a record that [`DayView::find`] found.
    pub(super) fn read_found(&self, found: Found) -> Result<LogHit> {
        self.read(found.address)
    }

    /// Returns what is stored at `address`.
    pub(super) fn read(&self, address: DocAddress) -> Result<LogHit> {
        let document: TantivyDocument = self.searcher.doc(address).map_err(error_of)?;
        let stored = document.get_first(self.fields.record);
        let bytes = stored.as_ref().and_then(|value| value.as_bytes());
        decode_stored(bytes.ok_or_else(|| Error::corrupt("a log record has no bytes"))?)
    }

    /// Shows `visit` where the records lie that `plan` finds, until it returns `false`.
    pub(super) fn for_each(
        &self,
        plan: &Plan,
        visit: &mut dyn FnMut(LogPosition, DocAddress) -> Result<bool>,
    ) -> Result<bool> {
        let Some(query) = plan.query() else { return Ok(true) };
        let scoring = EnableScoring::disabled_from_searcher(&self.searcher);
        let weight = query.weight(scoring).map_err(error_of)?;
        for (segment, reader) in self.searcher.segment_readers().iter().enumerate() {
            let columns = Columns::of(reader)?;
            let mut found = weight.scorer(reader, 1.0).map_err(error_of)?;
            while found.doc() != TERMINATED {
                let doc = found.doc();
                if !reader.is_deleted(doc) {
                    let address = DocAddress::new(segment as u32, doc);
                    if !visit(columns.position(doc), address)? {
                        return Ok(false);
                    }
                }
                found.advance();
            }
        }
        Ok(true)
    }

    /// Shows `visit` every term of `field` with the number of living records that have it, none of
    /// which is zero.
    pub(super) fn for_each_term(
        &self,
        field: Field,
        hidden: &HashMap<u64, Day>,
        visit: &mut dyn FnMut(&str, u64),
    ) -> Result<()> {
        for reader in self.searcher.segment_readers() {
            let inverted = reader.inverted_index(field).map_err(error_of)?;
            let columns = Columns::of(reader)?;
            let all_live = reader.alive_bitset().is_none() && hidden.is_empty();
            let mut terms = inverted.terms().stream()?;
            while let Some((term, info)) = terms.next() {
                let Ok(term) = std::str::from_utf8(term) else { continue };
                let mut living = u64::from(info.doc_freq);
                if !all_live {
                    living = 0;
                    let option = IndexRecordOption::Basic;
                    let mut postings = inverted.read_postings_from_terminfo(info, option)?;
                    while postings.doc() != TERMINATED {
                        let doc = postings.doc();
                        let is_hidden = || hidden.contains_key(&columns.sequence(doc));
                        living += u64::from(!reader.is_deleted(doc) && !is_hidden());
                        postings.advance();
                    }
                }
                if living > 0 {
                    visit(term, living);
                }
            }
        }
        Ok(())
    }
}

/// The columns of a segment.
struct Columns {
    timestamps: tantivy::columnar::Column<i64>,
    sequences: tantivy::columnar::Column<u64>,
    versions: tantivy::columnar::Column<u64>,
}

impl Columns {
    fn of(reader: &SegmentReader) -> Result<Self> {
        let columns = reader.fast_fields();
        Ok(Columns {
            timestamps: columns.i64(TIMESTAMP).map_err(error_of)?,
            sequences: columns.u64(SEQUENCE).map_err(error_of)?,
            versions: columns.u64(VERSION).map_err(error_of)?,
        })
    }

    fn sequence(&self, doc: DocId) -> u64 {
        self.sequences.first(doc).unwrap_or(0)
    }

    fn position(&self, doc: DocId) -> LogPosition {
        let timestamp = TimestampNs(self.timestamps.first(doc).unwrap_or(0));
        LogPosition { timestamp, sequence: self.sequence(doc) }
    }
}

/// Tells damage from refusals of the disk.
fn error_of(error: TantivyError) -> Error {
    let text = format!("log index: {error}");
    match error {
        TantivyError::IoError(error) => Error::from(std::io::Error::new(error.kind(), text)),
        TantivyError::DataCorruption(_)
        | TantivyError::OpenReadError(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::SchemaError(_)
        | TantivyError::FieldNotFound(_) => Error::new(ErrorKind::Corrupt, text),
        _ => Error::internal(text),
    }
}
