//! Reads OpenMetrics text, also as `.gz` and `.zst`, in pieces of whole lines.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::base::error::Error;
use crate::cli::import::feed::Feed;
use crate::cli::import::window::unreadable;
use crate::cli::outcome::Failure;
use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::wire::exposition::{Format, Scrape, parse};

/// Bytes of a piece.
const PIECE_BYTES: usize = 1 << 20;
/// The longest line.
const LINE_BYTES: u64 = 4 << 20;
const END: &[u8] = b"# EOF\n";

/// Opens a file, inflating it by its name's end.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    let file = BufReader::new(File::open(path).map_err(|error| unreadable(path, &error))?);
    Ok(match path.extension().and_then(|end| end.to_str()) {
        Some("gz") => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
        Some("zst") => {
            let inflated = zstd::stream::read::Decoder::with_buffer(file);
            Box::new(BufReader::new(inflated.map_err(|error| unreadable(path, &error))?))
        }
        _ => Box::new(file),
    })
}

/// Hands over the samples of a file from line `from` on. `total` is how many bytes it counts for.
///
/// # Errors
/// When it cannot be read, or is no OpenMetrics; the message names the line.
pub(crate) fn read(path: &Path, from: u64, total: u64, feed: &mut Feed) -> Result<(), Failure> {
    let mut file = open(path)?;
    let (mut piece, mut line, mut begin) = (Vec::new(), 0_u64, from);
    let mut bytes = 0_u64;
    loop {
        let before = piece.len();
        let read = (&mut file).take(LINE_BYTES).read_until(b'\n', &mut piece);
        let read = read.map_err(|error| unreadable(path, &error))? as u64;
        if read == LINE_BYTES {
            return Err(Failure::failed(format!("{}: line {line} is too long", path.display())));
        }
        let last = &piece[before..];
        let is_end = last == END || last == &END[..END.len() - 1];
        if read == 0 || is_end {
            piece.truncate(before);
            take(path, &piece, begin, feed)?;
            if !is_end {
                let text = format!("{}: the text does not end with # EOF", path.display());
                return Err(Failure::failed(text));
            }
            return feed.finish(line, total);
        }
        line += 1;
        // A compressed file may inflate to more than it counts for.
        bytes = (bytes + read).min(total);
        if line <= from {
            piece.clear();
            continue;
        }
        if piece.len() >= PIECE_BYTES {
            take(path, &piece, begin, feed)?;
            feed.reached(line, bytes)?;
            piece.clear();
            begin = line;
        }
    }
}

/// Hands over a piece whose first line follows line `begin`.
fn take(path: &Path, piece: &[u8], begin: u64, feed: &mut Feed) -> Result<(), Failure> {
    let whole = [piece, END].concat();
    let scrape = parse(&whole, Format::OpenMetrics).map_err(|error: Error| {
        let place = format!("{}, behind line {begin}", path.display());
        Failure::from(error.context(place))
    })?;
    // The text form has no native histograms.
    let Scrape { samples, metadata, histograms: _ } = scrape;
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut writes: Vec<SeriesWrite> = Vec::new();
    for sample in samples {
        let Some(at) = sample.timestamp else {
            feed.skipped.add("sample without a timestamp", 1, || sample.labels.to_string());
            continue;
        };
        let place = *places.entry(sample.labels.clone()).or_insert_with(|| {
            writes.push(SeriesWrite { labels: sample.labels.clone(), ..SeriesWrite::default() });
            writes.len() - 1
        });
        writes[place].samples.push(Sample::new(at.0, sample.value));
        if let Some(exemplar) = sample.exemplar {
            let timestamp = exemplar.timestamp.unwrap_or(at);
            let (labels, value) = (exemplar.labels, exemplar.value);
            writes[place].exemplars.push(Exemplar { labels, value, timestamp });
        }
    }
    for write in writes {
        feed.add(write);
    }
    for about in metadata {
        feed.about(about);
    }
    Ok(())
}
