//! Labels of version 1.0: pairs of texts in front of each series.
//!
//! Nearly always they come sorted, unique and written the one way that every sender writes them; then
//! the bytes in front of the points lead straight to the labels that the same bytes gave before.

use xxhash_rust::xxh3::xxh3_64;

use crate::model::labels::Labels;
use crate::model::reject::RejectReason;
use crate::wire::protobuf::{Broken, Fields, Read, delimited, varint};
use crate::wire::remote_write::cache::LabelCache;

/// The key of `TimeSeries.labels`, of `Label.name` and of `Label.value`: fields 1, 1 and 2.
const LABEL: u8 = 0x0a;
const NAME: u8 = 0x0a;
const VALUE: u8 = 0x12;

/// `Label.name` and `Label.value`.
pub(crate) type RawLabel<'a> = (&'a [u8], &'a [u8]);

/// Why labels are refused, for machines and for people.
pub(crate) type LabelFault = (RejectReason, String);

/// Returns how many bytes of `series` are labels, from its first byte on.
pub(crate) fn leading_labels(series: &[u8]) -> Read<usize> {
    let mut rest = series;
    while let Some((&LABEL, mut tail)) = rest.split_first() {
        delimited(&mut tail)?;
        rest = tail;
    }
    Ok(series.len() - rest.len())
}

/// Returns the labels of a series that begins with the label fields `raw`, from `cache` if it knows
/// them.
pub(crate) fn read(
    raw: &[u8],
    cache: &LabelCache,
) -> Result<std::result::Result<Labels, LabelFault>, Broken> {
    let hash = xxh3_64(raw);
    if let Some(known) = cache.get(hash, |known| is_written_as(known, raw)) {
        return Ok(Ok(known));
    }
    let mut pairs = Vec::with_capacity(16);
    let mut fields = Fields::new(raw);
    while let Some((_, label)) = fields.next()? {
        pairs.push(label_of(label.bytes()?)?);
    }
    let labels = pack(&pairs);
    if let Ok(labels) = &labels
        && is_written_as(labels, raw)
    {
        cache.add(hash, labels.clone());
    }
    Ok(labels)
}

/// Reads one label; of a field that stands there twice the last counts, as protobuf has it.
pub(crate) fn label_of(message: &[u8]) -> Read<RawLabel<'_>> {
    let (mut name, mut value) = (&[][..], &[][..]);
    let mut fields = Fields::new(message);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// Checks and packs labels in any order.
pub(crate) fn pack(raw: &[RawLabel<'_>]) -> Result<Labels, LabelFault> {
    let mut pairs = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            let shown = String::from_utf8_lossy(name);
            let why = format!("label {shown:?} or its value is not UTF-8");
            return Err((RejectReason::Malformed, why));
        };
        pairs.push((name, value));
    }
    pack_texts(&mut pairs)
}

/// Checks and packs labels in any order.
fn pack_texts<'a>(pairs: &mut [(&'a str, &'a str)]) -> Result<Labels, LabelFault> {
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        let why = format!("invalid metric name or labels, got {}", shown(pairs));
        return Err((RejectReason::InvalidLabels, why));
    }
    let twice = match Labels::from_unique(pairs) {
        Ok(labels) => return Ok(labels),
        Err(twice) => twice.to_owned(),
    };
    let labels = shown(pairs);
    let why = format!("invalid labels for series, labels {labels}, duplicated label {twice}");
    Err((RejectReason::DuplicateLabel, why))
}

/// The longest label set that a message shows, in bytes.
const SHOWN_BYTES: usize = 400;

/// Writes labels that are none as Prometheus writes them.
fn shown(pairs: &[(&str, &str)]) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in pairs.iter().enumerate() {
        if text.len() > SHOWN_BYTES {
            text.push('…');
            break;
        }
        let comma = if index == 0 { "" } else { ", " };
        let value: String = value.chars().take(SHOWN_BYTES).collect();
        text.push_str(&format!("{comma}{name}={value:?}"));
    }
    text.push('}');
    text
}

/// Returns whether `raw` is the one usual way to write `labels`: in their order, each field once and
/// no length longer than it must be.
fn is_written_as(labels: &Labels, mut raw: &[u8]) -> bool {
    let mut own = labels.as_bytes();
    while let Some((&LABEL, mut tail)) = raw.split_first() {
        let Ok(label) = delimited(&mut tail) else { return false };
        raw = tail;
        let same = text(&mut own).is_some_and(|name| {
            text(&mut own).is_some_and(|value| {
                // Names and values stand behind their lengths in both forms.
                label.len() == name.len() + value.len() + 2
                    && label[0] == NAME
                    && label[1..=name.len()] == *name
                    && label[1 + name.len()] == VALUE
                    && label[2 + name.len()..] == *value
            })
        });
        if !same {
            return false;
        }
    }
    own.is_empty() && raw.is_empty()
}

/// Cuts a text together with its length off canonical label bytes.
#[inline]
fn text<'a>(own: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *own;
    let mut rest = whole;
    let length = usize::try_from(varint(&mut rest).ok()?).ok()?;
    let (text, tail) = whole.split_at_checked(whole.len() - rest.len() + length)?;
    *own = tail;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(out: &mut Vec<u8>, tag: u8, inside: &[u8]) {
        out.push(tag);
        prost::encoding::encode_varint(inside.len() as u64, out);
        out.extend_from_slice(inside);
    }

    fn written(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in pairs {
            let mut label = Vec::new();
            put(&mut label, NAME, name.as_bytes());
            put(&mut label, VALUE, value.as_bytes());
            put(&mut out, LABEL, &label);
        }
        out
    }

    #[test]
    fn the_usual_form_is_remembered_and_gives_the_same_allocation() {
        let cache = LabelCache::new(1 << 20);
        let long = "x".repeat(300);
        let raw = written(&[("__name__", "up"), ("job", "a"), ("path", &long)]);
        assert_eq!(leading_labels(&raw), Ok(raw.len()));
        let first = read(&raw, &cache).unwrap().unwrap();
        let again = read(&raw, &cache).unwrap().unwrap();
        assert_eq!(first.as_bytes().as_ptr(), again.as_bytes().as_ptr());
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn other_forms_mean_the_same_and_are_not_remembered() {
        let cache = LabelCache::new(1 << 20);
        let wanted = Labels::from_pairs([("a", "1"), ("b", "2")]);
        let mut value_first = Vec::new();
        put(&mut value_first, VALUE, b"1");
        put(&mut value_first, NAME, b"a");
        let mut odd = Vec::new();
        put(&mut odd, LABEL, &value_first);
        odd.extend(written(&[("b", "2")]));
        // A length in two bytes where one is enough.
        let padded =
            [&[LABEL, 7, NAME, 0x81, 0, b'a', VALUE, 1, b'1'][..], &written(&[("b", "2")])];
        let others = [
            written(&[("b", "2"), ("a", "1")]),
            written(&[("a", "1"), ("b", "2"), ("c", "")]),
            odd,
            padded.concat(),
        ];
        for raw in others {
            assert_eq!(read(&raw, &cache).unwrap(), Ok(wanted.clone()), "{raw:?}");
        }
        assert!(cache.is_empty());
    }

    #[test]
    fn what_is_wrong_with_labels_is_told_in_prometheus_words() {
        let cache = LabelCache::new(1 << 20);
        let why = |pairs: &[(&str, &str)]| read(&written(pairs), &cache).unwrap().unwrap_err();
        assert_eq!(
            why(&[("__name__", "m"), ("x", "1"), ("x", "2")]),
            (
                RejectReason::DuplicateLabel,
                r#"invalid labels for series, labels {__name__="m", x="1", x="2"}, duplicated label x"#
                    .to_owned()
            )
        );
        let nameless = why(&[("__name__", "m"), ("", "1")]);
        assert_eq!(nameless.0, RejectReason::InvalidLabels);
        assert!(read(&[LABEL, 5, NAME, 9], &cache).is_err());
    }
}
