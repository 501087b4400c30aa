//! Who sent something: OpenTelemetry's attributes, resource and instrumentation scope.

use std::fmt::Write;

/// The attribute that names a service.
pub const SERVICE_NAME: &str = "service.name";

/// OpenTelemetry's `AnyValue`.
#[derive(Debug, Clone, PartialEq)]
pub enum AttrValue {
    /// Text.
    Str(String),
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Floating-point number.
    Double(f64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<AttrValue>),
    /// A list of keys with values, in the order sent.
    Map(Vec<(String, AttrValue)>),
    /// An explicitly empty value.
    Empty,
}

impl AttrValue {
    /// Returns the value as search and display see it: texts bare, lists and maps as JSON.
    pub fn to_text(&self) -> String {
        match self {
            AttrValue::Str(text) => text.clone(),
            other => {
                let mut json = String::new();
                other.write_json(&mut json);
                json
            }
        }
    }

    /// Appends the value as JSON; bytes as base64 text, non-finite numbers as text.
    pub fn write_json(&self, out: &mut String) {
        match self {
            AttrValue::Str(text) => write_json_text(text, out),
            AttrValue::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            AttrValue::Int(number) => drop(write!(out, "{number}")),
            AttrValue::Double(number) if number.is_finite() => drop(write!(out, "{number:?}")),
            AttrValue::Double(number) => drop(write!(out, "\"{number}\"")),
            AttrValue::Bytes(bytes) => {
                use base64::Engine;
                out.push('"');
                base64::engine::general_purpose::STANDARD.encode_string(bytes, out);
                out.push('"');
            }
            AttrValue::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            AttrValue::Map(entries) => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_json_text(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
            AttrValue::Empty => out.push_str("null"),
        }
    }
}

impl From<&str> for AttrValue {
    fn from(text: &str) -> Self {
        AttrValue::Str(text.to_owned())
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => drop(write!(out, "\\u{:04x}", control as u32)),
            plain => out.push(plain),
        }
    }
    out.push('"');
}

/// Keys with values in the order sent; a key is unique, the first one counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(pub Vec<(String, AttrValue)>);

impl Attributes {
    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&AttrValue> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// Returns the value of `key` when it is a text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(AttrValue::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// Appends or replaces `key`.
    pub fn set(&mut self, key: &str, value: AttrValue) {
        match self.0.iter_mut().find(|(own, _)| own == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Iterates in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttrValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, AttrValue)> for Attributes {
    fn from_iter<T: IntoIterator<Item = (String, AttrValue)>>(items: T) -> Self {
        Attributes(items.into_iter().collect())
    }
}

/// The entity that telemetry comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// `service.name`, `host.name` and so on.
    pub attributes: Attributes,
}

impl Resource {
    /// Builds a resource that only names its service.
    pub fn of_service(name: &str) -> Self {
        Resource { attributes: Attributes(vec![(SERVICE_NAME.to_owned(), name.into())]) }
    }

    /// Returns `service.name`, or the empty text.
    pub fn service_name(&self) -> &str {
        self.attributes.get_str(SERVICE_NAME).unwrap_or("")
    }
}

/// The library that produced telemetry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// The library's name; may be empty.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// Its attributes.
    pub attributes: Attributes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_become_json_text() {
        let value = AttrValue::Map(vec![
            ("a\"".into(), AttrValue::Array(vec![AttrValue::Int(1), AttrValue::Bool(true)])),
            ("b".into(), AttrValue::Double(f64::NAN)),
        ]);
        assert_eq!(value.to_text(), r#"{"a\"":[1,true],"b":"NaN"}"#);
        assert_eq!(AttrValue::from("bare").to_text(), "bare");
    }
}
