//! Gathers which fields records have and what their values are.

use std::collections::BTreeMap;

use crate::model::cut::Cut;
use crate::model::log::LogRecord;
use crate::model::log_filter::LogField;
use crate::model::log_query::{FieldKind, FieldType};
use crate::model::resource::AttrValue;

/// The most fields that one answer names.
const MAX_FIELDS: usize = 10_000;

/// How deep nested maps are looked into.
const MAX_DEPTH: usize = 32;

/// The types of the fields seen so far.
#[derive(Debug, Default)]
pub struct FieldTypes {
    kinds: BTreeMap<LogField, FieldKind>,
}

impl FieldTypes {
    /// Takes all fields of a record.
    pub fn add_record(&mut self, record: &LogRecord) {
        for_each_field(record, &mut |field, kind| self.add(field, kind));
    }

    /// Takes one field. Whole and other numbers together are numbers, other mixtures are text.
    pub fn add(&mut self, field: LogField, kind: FieldKind) {
        let known = self.kinds.entry(field).or_insert(kind);
        *known = match (*known, kind) {
            (one, other) if one == other => one,
            (FieldKind::Long | FieldKind::Double, FieldKind::Long | FieldKind::Double) => {
                FieldKind::Double
            }
            _ => FieldKind::Text,
        };
    }

    /// Returns them sorted by field, at most 10,000.
    pub fn finish(self) -> Cut<FieldType> {
        let fields = self.kinds.into_iter().map(|(field, kind)| FieldType { field, kind });
        Cut::limited(fields.collect(), Some(MAX_FIELDS))
    }
}

/// Shows every given field of a record with the type of its value; keys of nested maps are joined
/// by dots.
pub fn for_each_field(record: &LogRecord, visit: &mut dyn FnMut(LogField, FieldKind)) {
    visit(LogField::Timestamp, FieldKind::Date);
    let texts = [LogField::Severity, LogField::Service, LogField::TraceId, LogField::SpanId];
    for field in texts.into_iter().chain([LogField::Index, LogField::Id]) {
        if field.value_of(record).is_some() {
            visit(field, FieldKind::Text);
        }
    }
    if record.body != AttrValue::Empty {
        visit(LogField::Body, FieldKind::Text);
    }
    let mut attribute = |key, kind| visit(LogField::Attribute(key), kind);
    for_each_key("", &record.attributes.0, 0, &mut attribute);
    let mut resource = |key, kind| visit(LogField::Resource(key), kind);
    for_each_key("", &record.resource.attributes.0, 0, &mut resource);
}

fn for_each_key(
    prefix: &str,
    entries: &[(String, AttrValue)],
    depth: usize,
    visit: &mut dyn FnMut(String, FieldKind),
) {
    for (key, value) in entries {
        let path = format!("{prefix}{key}");
        match value {
            AttrValue::Map(inner) if depth < MAX_DEPTH => {
                for_each_key(&format!("{path}."), inner, depth + 1, visit);
            }
            AttrValue::Array(items) => items.iter().for_each(|item| {
                if let Some(kind) = kind_of(item) {
                    visit(path.clone(), kind);
                }
            }),
            other => {
                if let Some(kind) = kind_of(other) {
                    visit(path, kind);
                }
            }
        }
    }
}

fn kind_of(value: &AttrValue) -> Option<FieldKind> {
    match value {
        AttrValue::Empty => None,
        AttrValue::Bool(_) => Some(FieldKind::Boolean),
        AttrValue::Int(_) => Some(FieldKind::Long),
        AttrValue::Double(_) => Some(FieldKind::Double),
        AttrValue::Str(_) | AttrValue::Bytes(_) | AttrValue::Array(_) | AttrValue::Map(_) => {
            Some(FieldKind::Text)
        }
    }
}
