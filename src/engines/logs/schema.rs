//! What of a record the index of a day knows. Terms only narrow a search down: a record is decided
//! on what is stored of it, unless the plan says that terms decide alone.

use std::collections::BTreeSet;

use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};
use xxhash_rust::xxh3::xxh3_128;

use crate::engines::logs::record::encode_stored;
use crate::model::log::LogRecord;
use crate::model::log_filter::{LogField, words};
use crate::model::log_query::{FieldKind, LogHit};
use crate::model::resource::AttrValue;
use crate::storage::log_fields::for_each_field;

/// Bytes of a term; longer texts are cut and closed with a hash of the whole.
const MAX_TERM: usize = 400;

/// Stands before the hash of a cut term; no key of ours holds it otherwise.
const CUT: char = '\u{1}';

/// Divides the parts of a term.
pub(super) const DIVIDER: char = '\0';

/// Name of the column of timestamps, nanoseconds.
pub(super) const TIMESTAMP: &str = "ts";
/// Name of the column of sequences.
pub(super) const SEQUENCE: &str = "seq";
/// Name of the column of versions.
pub(super) const VERSION: &str = "version";

/// The fields of the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) timestamp: Field,
    pub(super) sequence: Field,
    version: Field,
    /// Index and id.
    pub(super) key: Field,
    pub(super) index: Field,
    /// The severity's text in lower case.
    pub(super) severity: Field,
    pub(super) service: Field,
    pub(super) trace: Field,
    pub(super) span: Field,
    /// Words of the body's text.
    pub(super) body: Field,
    /// Words of everything else, of texts inside a structured body too, and numbers (`number_term`).
    pub(super) rest: Field,
    /// Which fields the record has, by index (`known_term`).
    pub(super) known: Field,
    /// The record's bytes.
    pub(super) record: Field,
}

/// Builds the schema, always the same.
pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let terms = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    let text = TextOptions::default().set_indexing_options(terms);
    let fields = Fields {
        timestamp: schema.add_i64_field(TIMESTAMP, FAST),
        sequence: schema.add_u64_field(SEQUENCE, FAST | INDEXED),
        version: schema.add_u64_field(VERSION, FAST),
        key: schema.add_text_field("key", text.clone()),
        index: schema.add_text_field("index", text.clone()),
        severity: schema.add_text_field("severity", text.clone()),
        service: schema.add_text_field("service", text.clone()),
        trace: schema.add_text_field("trace", text.clone()),
        span: schema.add_text_field("span", text.clone()),
        body: schema.add_text_field("body", text.clone()),
        rest: schema.add_text_field("rest", text.clone()),
        known: schema.add_text_field("known", text),
        record: schema.add_bytes_field("record", STORED),
    };
    (schema.build(), fields)
}

/// Returns the term of a text, cut when it is long. Equal texts have equal terms.
pub(super) fn term(text: &str) -> String {
    if text.len() <= MAX_TERM {
        return text.to_owned();
    }
    let mut end = MAX_TERM;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}{:032x}", &text[..end], xxh3_128(text.as_bytes()))
}

/// Returns the term of an index and id.
pub(super) fn key_term(index: &str, id: &str) -> String {
    term(&format!("{index}{DIVIDER}{id}"))
}

/// Returns the term that all equal numbers share; different ones rarely do.
pub(super) fn number_term(number: f64) -> String {
    // Minus zero equals zero.
    format!("#{:x}", (number + 0.0).to_bits())
}

/// Returns the number that a text spells, as filters read it.
pub(super) fn spelled_number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Reads a term of known fields: index, field and kind.
pub(super) fn read_known(term: &str) -> Option<(&str, LogField, FieldKind)> {
    let mut parts = term.splitn(4, DIVIDER);
    let (index, kind, code, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let kind = KINDS.iter().find(|(_, word)| *word == kind)?.0;
    let field = match code {
        "attribute" => LogField::Attribute(key.to_owned()),
        "resource" => LogField::Resource(key.to_owned()),
        code => OWN_FIELDS.iter().find(|(_, word)| *word == code)?.0.clone(),
    };
    Some((index, field, kind))
}

const KINDS: [(FieldKind, &str); 5] = [
    (FieldKind::Text, "text"),
    (FieldKind::Long, "long"),
    (FieldKind::Double, "double"),
    (FieldKind::Boolean, "boolean"),
    (FieldKind::Date, "date"),
];

const OWN_FIELDS: [(LogField, &str); 8] = [
    (LogField::Timestamp, "timestamp"),
    (LogField::Severity, "severity"),
    (LogField::Body, "body"),
    (LogField::Service, "service"),
    (LogField::TraceId, "trace"),
    (LogField::SpanId, "span"),
    (LogField::Index, "index"),
    (LogField::Id, "id"),
];

fn known_term(index: &str, field: &LogField, kind: FieldKind) -> Option<String> {
    let kind = KINDS.iter().find(|(own, _)| *own == kind)?.1;
    let (code, key) = match field {
        LogField::Attribute(key) => ("attribute", key.as_str()),
        LogField::Resource(key) => ("resource", key.as_str()),
        own => (OWN_FIELDS.iter().find(|(known, _)| known == own)?.1, ""),
    };
    Some(term(&format!("{index}{DIVIDER}{kind}{DIVIDER}{code}{DIVIDER}{key}")))
}

/// Builds what is indexed and stored of a record.
pub(super) fn document(fields: &Fields, hit: &LogHit) -> TantivyDocument {
    let record = &hit.record;
    let mut document = TantivyDocument::new();
    document.add_i64(fields.timestamp, hit.position.timestamp.0);
    document.add_u64(fields.sequence, hit.position.sequence);
    document.add_u64(fields.version, hit.version);
    document.add_text(fields.key, key_term(&record.index, &record.id));
    document.add_text(fields.index, term(&record.index));
    let whole = [
        (fields.severity, LogField::Severity),
        (fields.service, LogField::Service),
        (fields.trace, LogField::TraceId),
        (fields.span, LogField::SpanId),
    ];
    for (field, of_record) in whole {
        if let Some(AttrValue::Str(text)) = of_record.value_of(record) {
            let lower = field == fields.severity;
            document.add_text(field, term(&if lower { text.to_lowercase() } else { text }));
        }
    }
    let body: BTreeSet<String> = words(&record.body.to_text()).collect();
    body.iter().for_each(|word| document.add_text(fields.body, term(word)));
    rest_terms(record).iter().for_each(|one| document.add_text(fields.rest, one));
    let mut known = BTreeSet::new();
    for_each_field(record, &mut |field, kind| {
        known.extend(known_term(&record.index, &field, kind))
    });
    known.iter().for_each(|one| document.add_text(fields.known, one));
    document.add_bytes(fields.record, &encode_stored(hit));
    document
}

fn rest_terms(record: &LogRecord) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    let mut add = |text: &str| terms.extend(words(text).map(|word| term(&word)));
    add(&record.severity_text);
    for field in [LogField::Severity, LogField::Service, LogField::TraceId, LogField::SpanId] {
        if let Some(value) = field.value_of(record) {
            add(&value.to_text());
        }
    }
    let entries = || record.attributes.0.iter().chain(&record.resource.attributes.0);
    entries().for_each(|(_, value)| add(&value.to_text()));
    for value in entries().map(|(_, value)| value) {
        add_leaves(value, &mut terms);
    }
    match &record.body {
        AttrValue::Str(text) => terms.extend(spelled_number(text).map(number_term)),
        structured => add_leaves(structured, &mut terms),
    }
    terms
}

/// Adds words of texts inside lists and maps, whose JSON may spell them otherwise, and all numbers.
fn add_leaves(value: &AttrValue, terms: &mut BTreeSet<String>) {
    match value {
        AttrValue::Str(text) => {
            terms.extend(words(text).map(|word| term(&word)));
            terms.extend(spelled_number(text).map(number_term));
        }
        AttrValue::Int(number) => drop(terms.insert(number_term(*number as f64))),
        AttrValue::Double(number) => drop(terms.insert(number_term(*number))),
        AttrValue::Array(items) => items.iter().for_each(|item| add_leaves(item, terms)),
        AttrValue::Map(entries) => entries.iter().for_each(|(_, item)| add_leaves(item, terms)),
        AttrValue::Bool(_) | AttrValue::Bytes(_) | AttrValue::Empty => {}
    }
}
