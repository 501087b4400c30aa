//! The values that templates compute with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Zoned;

/// A value. Cloning is cheap: what is large is shared.
#[derive(Clone, Default)]
pub enum Value {
    /// No value.
    #[default]
    Nil,
    /// Go's `bool`.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `float64`.
    Float(f64),
    /// Go's `string`.
    Str(Arc<str>),
    /// A text that is HTML already and is not escaped.
    Html(Arc<str>),
    /// Go's `time.Time`, with its zone.
    Time(Arc<Zoned>),
    /// Go's `time.Duration`, in nanoseconds.
    Duration(i64),
    /// A slice.
    List(Arc<[Value]>),
    /// A map from texts, walked in the order of its keys. A missing key is the empty text, as with
    /// Go's `map[string]string` and `missingkey=zero`.
    Map(Arc<BTreeMap<String, Value>>),
    /// Something with fields and methods of its own.
    Object(Arc<dyn Object>),
}

/// A value with fields and methods, such as a struct, or a map or slice with methods.
pub trait Object: Send + Sync {
    /// Returns the type's name, for errors.
    fn type_name(&self) -> &str;

    /// Returns the field, or calls the method; `None` when there is none of this name. A field with
    /// arguments is an error.
    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>>;

    /// Returns the list or map this value is besides its methods, which `range`, `len`, `index`,
    /// `if` and printing look at; [`Value::Nil`] for a struct, which has none of that and is true.
    fn underlying(&self) -> Value {
        Value::Nil
    }

    /// Returns how the value prints, if not as its underlying value.
    fn text(&self) -> Option<String> {
        None
    }
}

/// A struct whose fields are known: the simplest [`Object`].
pub struct Record {
    type_name: &'static str,
    fields: BTreeMap<&'static str, Value>,
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let value = self.fields.get(name)?;
        if !arguments.is_empty() {
            return Some(Err(format!("{name} is not a method but has arguments")));
        }
        Some(Ok(value.clone()))
    }

    fn text(&self) -> Option<String> {
        let fields: Vec<String> = self.fields.values().map(Value::to_string).collect();
        Some(format!("{{{}}}", fields.join(" ")))
    }
}

impl Value {
    /// Creates a text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Str(Arc::from(text.as_ref()))
    }

    /// Creates a list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Value::List(items.into_iter().collect())
    }

    /// Creates a map; of two entries with one key the last wins.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Value::Map(Arc::new(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// Creates a map of texts.
    pub fn text_map<K: Into<String>, V: AsRef<str>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Value::map(entries.into_iter().map(|(key, value)| (key, Value::text(value))))
    }

    /// Creates a struct of type `type_name`; asking for another field is an error.
    pub fn record(
        type_name: &'static str,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Self {
        Value::Object(Arc::new(Record { type_name, fields: fields.into_iter().collect() }))
    }

    /// Creates the time `ms` milliseconds after the epoch, in UTC; out of range it is no value.
    pub fn time_ms(ms: i64) -> Self {
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(at) => Value::Time(Arc::new(at.to_zoned(jiff::tz::TimeZone::UTC))),
            Err(_) => Value::Nil,
        }
    }

    /// Returns the text, if the value is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Str(text) | Value::Html(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the name of the Go type, for errors.
    pub fn type_name(&self) -> String {
        let name = match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::Html(_) => "template.HTML",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            Value::List(_) => "[]interface {}",
            Value::Map(_) => "map[string]interface {}",
            Value::Object(object) => object.type_name(),
        };
        name.to_owned()
    }

    /// Returns whether `if` takes the value for true: what is not zero and not empty.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Duration(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) | Value::Html(text) => !text.is_empty(),
            Value::Time(_) => true,
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Object(object) => match object.underlying() {
                Value::Nil => true,
                underlying => underlying.truth(),
            },
        }
    }

    /// Returns the list or map an object is, other values as they are.
    pub(crate) fn bare(&self) -> Value {
        match self {
            Value::Object(object) => match object.underlying() {
                Value::Nil => self.clone(),
                underlying => underlying,
            },
            other => other.clone(),
        }
    }
}

impl fmt::Display for Value {
    /// Writes the value as Go's `%v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::base::gotemplate::printf::plain(self))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.type_name())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::text(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(Arc::from(value))
    }
}
