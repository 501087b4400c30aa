//! What both dialects share: names, label sets, and the collecting of metadata.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::model::batch::{MetricMetadata, MetricType};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::wire::exposition::cursor::{Cursor, Fault, Parsed};
use crate::wire::exposition::number;

/// Returns whether `name` may stand without quotes: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(crate) fn is_plain_metric_name(name: &str) -> bool {
    let starts_well = name.as_bytes().first().is_some_and(|first| !first.is_ascii_digit());
    starts_well && name.bytes().all(is_metric_byte)
}

/// Returns whether `name` may stand without quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub(crate) fn is_plain_label_name(name: &str) -> bool {
    is_plain_metric_name(name) && !name.contains(':')
}

fn is_metric_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Reads a metric name, plain or in quotes.
pub(crate) fn metric_name<'a>(cursor: &mut Cursor<'a>) -> Parsed<Cow<'a, str>> {
    if cursor.peek() == Some(b'"') {
        return cursor.quoted();
    }
    let start = cursor.at();
    let name = cursor.take_while(is_metric_byte);
    if is_plain_metric_name(name) {
        return Ok(Cow::Borrowed(name));
    }
    Err(cursor.fault_at(start, "a metric name is expected"))
}

/// Reads `name{labels}`, `name`, or `{"name", labels}` of a family of type `kind`: as in Prometheus 3,
/// bounds and quantiles are always written with a point or an exponent.
pub(crate) fn series(cursor: &mut Cursor<'_>, kind: MetricType) -> Parsed<Labels> {
    let start = cursor.at();
    let mut pairs = Vec::new();
    if cursor.peek() != Some(b'{') {
        pairs.push((Cow::Borrowed(METRIC_NAME), metric_name(cursor)?));
    }
    cursor.blanks();
    if cursor.peek() == Some(b'{') {
        label_set(cursor, &mut pairs)?;
    }
    let bound = match kind {
        MetricType::Histogram => "le",
        MetricType::Summary => "quantile",
        _ => "",
    };
    if let Some((_, value)) = pairs.iter_mut().find(|(name, _)| !bound.is_empty() && name == bound)
        && let Some(number) = number::value(value)
    {
        *value = Cow::Owned(number::label_value(number));
    }
    let named = pairs.iter().any(|(name, value)| name == METRIC_NAME && !value.is_empty());
    if !named {
        let message = "the metric name is missing".to_owned();
        return Err(Fault { at: start, message });
    }
    pack(&pairs, start)
}

/// Reads `{a="b", …}` without a metric name, as exemplars have it.
pub(crate) fn exemplar_labels(cursor: &mut Cursor<'_>) -> Parsed<Labels> {
    let start = cursor.at();
    let mut pairs = Vec::new();
    label_set(cursor, &mut pairs)?;
    if pairs.iter().any(|(name, _)| name == METRIC_NAME) {
        return Err(
            cursor.fault_at(start, "an exemplar has labels and no name, a label is expected")
        );
    }
    pack(&pairs, start)
}

fn pack(pairs: &[(Cow<'_, str>, Cow<'_, str>)], start: usize) -> Parsed<Labels> {
    let mut borrowed: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    Labels::from_unique(&mut borrowed).map_err(|twice| {
        let twice: String = twice.chars().take(64).collect();
        Fault { at: start, message: format!("label {twice:?} stands there twice") }
    })
}

fn label_set<'a>(
    cursor: &mut Cursor<'a>,
    pairs: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Parsed<()> {
    if !cursor.eat("{") {
        return Err(cursor.fault("an opening brace is expected"));
    }
    loop {
        cursor.blanks();
        if cursor.eat("}") {
            return Ok(());
        }
        pairs.push(label(cursor)?);
        cursor.blanks();
        if !cursor.eat(",") && cursor.peek() != Some(b'}') {
            return Err(cursor.fault("a comma or a closing brace is expected"));
        }
    }
}

/// Reads `name="value"`, or a quoted text alone, which is the metric's name.
fn label<'a>(cursor: &mut Cursor<'a>) -> Parsed<(Cow<'a, str>, Cow<'a, str>)> {
    let is_quoted = cursor.peek() == Some(b'"');
    let start = cursor.at();
    let name = match is_quoted {
        true => cursor.quoted()?,
        false => Cow::Borrowed(cursor.take_while(|byte| is_metric_byte(byte) && byte != b':')),
    };
    let name_is_good = if is_quoted { !name.is_empty() } else { is_plain_label_name(&name) };
    if !name_is_good {
        return Err(cursor.fault_at(start, "a label name is expected"));
    }
    cursor.blanks();
    if !cursor.eat("=") {
        return match is_quoted {
            true => Ok((Cow::Borrowed(METRIC_NAME), name)),
            false => Err(cursor.fault("an equals sign is expected")),
        };
    }
    cursor.blanks();
    let value = cursor.quoted()?;
    Ok((name, value))
}

/// Collects what comment lines say of families, in the order of their first mention.
#[derive(Default)]
pub(crate) struct Families {
    known: Vec<MetricMetadata>,
    places: HashMap<String, usize>,
    /// The type of the family whose `TYPE` line came last.
    current: MetricType,
}

impl Families {
    /// Returns the entry of a family.
    pub(crate) fn of(&mut self, name: &str) -> &mut MetricMetadata {
        let next = self.known.len();
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.to_owned(), next);
                self.known.push(MetricMetadata {
                    metric: name.to_owned(),
                    kind: MetricType::Unknown,
                    help: String::new(),
                    unit: String::new(),
                });
                next
            }
        };
        &mut self.known[place]
    }

    /// Tells the type of a family, whose samples come next.
    pub(crate) fn begin(&mut self, name: &str, kind: MetricType) {
        self.of(name).kind = kind;
        self.current = kind;
    }

    /// Returns the type of the family whose samples come now.
    pub(crate) fn current(&self) -> MetricType {
        self.current
    }

    /// Returns all entries.
    pub(crate) fn into_metadata(self) -> Vec<MetricMetadata> {
        self.known
    }
}

/// Reads the word of a `TYPE` line; `untyped` is the text format's `unknown`.
pub(crate) fn metric_type(word: &str) -> Option<MetricType> {
    match MetricType::from_word(word) {
        MetricType::Unknown if word != "unknown" && word != "untyped" => None,
        kind => Some(kind),
    }
}
