//! The table of texts that a request of version 2.0 refers to.

use xxhash_rust::xxh3::xxh3_64;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::labels::Labels;
use crate::model::reject::RejectReason;
use crate::wire::protobuf::{Field, Read};
use crate::wire::remote_write::cache::LabelCache;
use crate::wire::remote_write::labels::{LabelFault, RawLabel, pack};

/// The most texts of one request.
const MAX_SYMBOLS: usize = 1_000_000;
/// The most bytes of one label set: a few bytes of references can ask for gigabytes of text.
const MAX_LABEL_BYTES: usize = 1 << 20;
/// The most bytes of all label sets of a request.
const MAX_REQUEST_LABEL_BYTES: usize = 256 << 20;
/// References that a message shows.
const SHOWN_REFS: usize = 64;

/// The texts of a request, and room that its series share.
#[derive(Default)]
pub(crate) struct Symbols<'a> {
    texts: Vec<&'a [u8]>,
    /// The canonical bytes of the labels being read.
    canonical: Vec<u8>,
    /// Bytes of all label sets so far.
    label_bytes: usize,
}

impl<'a> Symbols<'a> {
    /// Adds the next text.
    ///
    /// # Errors
    /// `LimitExceeded` when there are too many.
    pub(crate) fn add(&mut self, text: &'a [u8]) -> Result<()> {
        if self.texts.len() >= MAX_SYMBOLS {
            let text = format!("the request has more than {MAX_SYMBOLS} symbols; send fewer");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.texts.push(text);
        Ok(())
    }

    /// Checks that the table starts as senders rely on it; without series it may be missing.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub(crate) fn check_first(&self) -> Result<()> {
        if self.texts.first().is_some_and(|text| text.is_empty()) {
            return Ok(());
        }
        Err(Error::invalid("symbols table must start with an empty string"))
    }

    /// Returns the number of texts.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the text of a reference.
    pub(crate) fn text(&self, reference: u32) -> Option<&'a [u8]> {
        self.texts.get(reference as usize).copied()
    }

    /// Returns the labels of a series, from `cache` if it knows them.
    ///
    /// # Errors
    /// What is wrong with them; the whole request fails when its label sets are too large together.
    pub(crate) fn labels(
        &mut self,
        references: &[u32],
        cache: &LabelCache,
    ) -> Result<std::result::Result<Labels, LabelFault>> {
        let pairs = match pairs(&self.texts, references) {
            Ok(pairs) => pairs,
            Err(fault) => return Ok(Err(fault)),
        };
        let bytes = pairs.clone().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        if bytes > MAX_LABEL_BYTES {
            let why = format!("the labels of a series have {bytes} bytes; send less");
            return Ok(Err((RejectReason::TooLarge, why)));
        }
        self.label_bytes += bytes;
        if self.label_bytes > MAX_REQUEST_LABEL_BYTES {
            let text = "the labels of the request are too large together; send fewer series";
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let mut canonical = std::mem::take(&mut self.canonical);
        let labels = if write_canonical(pairs.clone(), &mut canonical) {
            let hash = xxh3_64(&canonical);
            let same = |known: &Labels| known.as_bytes() == &canonical[..];
            cache.get(hash, same).map_or_else(
                || {
                    let labels = pack(&pairs.collect::<Vec<_>>());
                    labels.inspect(|labels| cache.add(hash, labels.clone()))
                },
                Ok,
            )
        } else {
            pack(&pairs.collect::<Vec<_>>())
        };
        self.canonical = canonical;
        Ok(labels)
    }

    /// Returns the labels of an exemplar, whose few texts are not worth remembering.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn exemplar_labels(
        &self,
        references: &[u32],
    ) -> std::result::Result<Labels, LabelFault> {
        let pairs: Vec<_> = pairs(&self.texts, references)?.collect();
        let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_LABEL_BYTES / 16 {
            return Err((RejectReason::TooLarge, format!("the labels have {bytes} bytes")));
        }
        pack(&pairs)
    }
}

/// Resolves references in pairs.
fn pairs<'t, 'a>(
    texts: &'t [&'a [u8]],
    references: &'t [u32],
) -> std::result::Result<impl Iterator<Item = RawLabel<'a>> + Clone + use<'t, 'a>, LabelFault> {
    let (pairs, rest) = references.as_chunks::<2>();
    let malformed = |why| (RejectReason::Malformed, why);
    if !rest.is_empty() {
        return Err(malformed(format!("invalid labelRefs length {}", references.len())));
    }
    let size = texts.len();
    let outside = |pair: &&[u32; 2]| pair.iter().any(|one| *one as usize >= size);
    if let Some([name, value]) = pairs.iter().find(outside) {
        return Err(malformed(format!(
            "labelRefs {name} (name) = {value} (value) outside of symbols table (size {size})"
        )));
    }
    Ok(pairs.iter().map(|[name, value]| (texts[*name as usize], texts[*value as usize])))
}

/// Writes labels as [`Labels`] holds them; returns whether they are sorted, unique and not empty.
fn write_canonical<'a>(pairs: impl Iterator<Item = RawLabel<'a>>, out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut last = &[][..];
    for (name, value) in pairs {
        // The first name must come after no name at all, which rules out an empty one.
        if name <= last || value.is_empty() {
            return false;
        }
        last = name;
        for text in [name, value] {
            prost::encoding::encode_varint(text.len() as u64, out);
            out.extend_from_slice(text);
        }
    }
    true
}

/// Reads a list of references, packed or not.
pub(crate) fn read_references(field: Field<'_>, out: &mut Vec<u32>) -> Read<()> {
    // A reference beyond 32 bits is outside of every table.
    field.each_varint(|number| out.push(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// Writes references as Go prints a slice of them.
pub(crate) fn shown(references: &[u32]) -> String {
    let texts: Vec<_> = references.iter().take(SHOWN_REFS).map(u32::to_string).collect();
    let more = if references.len() > SHOWN_REFS { " …" } else { "" };
    format!("[{}{more}]", texts.join(" "))
}
