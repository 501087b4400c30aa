//! Go's own functions.

use std::cmp::Ordering;

use crate::base::gotemplate::html::escape_html;
use crate::base::gotemplate::printf;
use crate::base::gotemplate::value::Value;

const NAMES: [&str; 18] = [
    "and", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery",
];

/// How the errors of calls with too few or too many arguments begin.
pub(crate) const WRONG_COUNT: &str = "wrong number of args for ";

/// Whether Go has a function of this name.
pub(crate) fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls one of Go's functions; texts do not grow beyond `limit` bytes.
pub(crate) fn call(name: &str, arguments: &[Value], limit: usize) -> Result<Value, String> {
    match (name, arguments) {
        ("not", [value]) => Ok(Value::Bool(!value.truth())),
        ("len", [value]) => length(value),
        ("index", [of, keys @ ..]) => index(of, keys),
        ("slice", [of, bounds @ ..]) => slice(of, bounds),
        ("print", values) => printf::print(values, limit).map(Value::from),
        ("println", values) => printf::println(values, limit).map(Value::from),
        ("printf", [format, values @ ..]) => {
            let format = format.as_text().ok_or_else(|| wrong_type(format, "string"))?;
            printf::printf(format, values, limit).map(Value::from)
        }
        ("html", values) => {
            Ok(Value::Html(escape_html(&printf::print(values, limit)?).as_str().into()))
        }
        ("js", values) => Ok(Value::from(escape_js(&printf::print(values, limit)?))),
        ("urlquery", values) => Ok(Value::from(escape_query(&printf::print(values, limit)?))),
        ("eq", [left, others @ ..]) => equal(left, others).map(Value::Bool),
        ("ne", [left, right]) => Ok(Value::Bool(!equal(left, std::slice::from_ref(right))?)),
        ("lt", [left, right]) => Ok(Value::Bool(order(left, right)? == Some(Ordering::Less))),
        ("gt", [left, right]) => Ok(Value::Bool(order(left, right)? == Some(Ordering::Greater))),
        ("le", [left, right]) => {
            Ok(Value::Bool(matches!(order(left, right)?, Some(Ordering::Less | Ordering::Equal))))
        }
        ("ge", [left, right]) => Ok(Value::Bool(matches!(
            order(left, right)?,
            Some(Ordering::Greater | Ordering::Equal)
        ))),
        _ => {
            let wanted = match name {
                "not" | "len" => "1",
                "ne" | "lt" | "gt" | "le" | "ge" => "2",
                _ => "at least 1",
            };
            Err(format!("{WRONG_COUNT}{name}: want {wanted} got {}", arguments.len()))
        }
    }
}

fn wrong_type(value: &Value, wanted: &str) -> String {
    format!("wrong type for value; expected {wanted}; got {}", value.type_name())
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value.bare() {
        Value::Str(text) | Value::Html(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(length as i64))
}

fn index(of: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut value = of.clone();
    for key in keys {
        value = match (value.bare(), key) {
            (Value::List(items), Value::Int(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                item.cloned().ok_or_else(|| format!("index out of range: {at}"))?
            }
            (Value::Str(text), Value::Int(at)) => {
                let byte = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                let byte = byte.ok_or_else(|| format!("index out of range: {at}"))?;
                Value::Int(i64::from(*byte))
            }
            (Value::Map(entries), Value::Str(key)) => {
                entries.get(&**key).cloned().unwrap_or_else(|| "".into())
            }
            (Value::List(_) | Value::Str(_), other) => {
                return Err(format!("cannot index slice/array with type {}", other.type_name()));
            }
            (Value::Map(_), other) => {
                return Err(format!("value has type {}; should be string", other.type_name()));
            }
            (Value::Nil, _) => return Err("index of untyped nil".to_owned()),
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(of: &Value, bounds: &[Value]) -> Result<Value, String> {
    if bounds.len() > 2 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let of = of.bare();
    let length = match &of {
        Value::Str(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut ends = [0, length];
    for (end, bound) in ends.iter_mut().zip(bounds) {
        let Value::Int(at) = bound else {
            return Err(format!("cannot index slice/array with type {}", bound.type_name()));
        };
        let inside = usize::try_from(*at).ok().filter(|at| *at <= length);
        *end = inside.ok_or_else(|| format!("index out of range: {at}"))?;
    }
    let [start, end] = ends;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    match of {
        // A cut within a character leaves what is not text; Go would keep the stray bytes.
        Value::Str(text) => {
            Ok(Value::from(String::from_utf8_lossy(&text.as_bytes()[start..end]).into_owned()))
        }
        Value::List(items) => Ok(Value::list(items[start..end].iter().cloned())),
        other => Ok(other),
    }
}

const INCOMPATIBLE: &str = "incompatible types for comparison";

fn equal(left: &Value, others: &[Value]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for right in others {
        let same = match (left, right) {
            (Value::Nil, Value::Nil) => true,
            (Value::Nil, _) | (_, Value::Nil) => false,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Time(left), Value::Time(right)) => left == right,
            _ => match order(left, right) {
                Ok(order) => order == Some(Ordering::Equal),
                Err(_) => return Err(INCOMPATIBLE.to_owned()),
            },
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Compares two values of one kind; `None` for a number that is not one.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Value::Int(left) | Value::Duration(left), Value::Int(right) | Value::Duration(right)) => {
            Ok(Some(left.cmp(right)))
        }
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Str(left) | Value::Html(left), Value::Str(right) | Value::Html(right)) => {
            Ok(Some(left.cmp(right)))
        }
        (
            Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Html(_) | Value::Duration(_),
            Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Html(_) | Value::Duration(_),
        ) => Err(INCOMPATIBLE.to_owned()),
        _ => Err("invalid type for comparison".to_owned()),
    }
}

/// Escapes a text for the inside of a JavaScript string.
fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Escapes a text for a part of a URL's query.
fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
