//! The functions that templates of Prometheus and of Alertmanager share.

use regex::{Regex, RegexBuilder};

use crate::base::gotemplate::number::format_float;
use crate::base::gotemplate::value::Value;

/// The largest compiled size of a regular expression.
const REGEX_SIZE: usize = 1 << 20;

/// The names of the shared functions.
pub const SHARED: [&str; 7] =
    ["title", "toUpper", "toLower", "match", "reReplaceAll", "safeHtml", "humanizeDuration"];

/// Calls a shared function; `None` when there is none of this name.
pub fn call_shared(name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    if !SHARED.contains(&name) {
        return None;
    }
    Some(shared(name, arguments))
}

fn shared(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match (name, arguments) {
        ("humanizeDuration", [value]) => Ok(Value::from(humanize_duration(as_float(value)?))),
        ("match", [pattern, text]) => {
            let pattern = compiled(text_of(pattern)?)?;
            Ok(Value::Bool(pattern.is_match(text_of(text)?)))
        }
        ("reReplaceAll", [pattern, replacement, text]) => {
            let pattern = compiled(text_of(pattern)?)?;
            Ok(Value::from(pattern.replace_all(text_of(text)?, text_of(replacement)?).into_owned()))
        }
        ("title", [text]) => Ok(Value::from(title(text_of(text)?))),
        ("toUpper", [text]) => Ok(Value::from(text_of(text)?.to_uppercase())),
        ("toLower", [text]) => Ok(Value::from(text_of(text)?.to_lowercase())),
        ("safeHtml", [text]) => Ok(Value::Html(text_of(text)?.into())),
        _ => {
            let wanted = match name {
                "match" => 2,
                "reReplaceAll" => 3,
                _ => 1,
            };
            Err(wrong_count(name, wanted, arguments.len()))
        }
    }
}

/// Builds Go's error of a call with too few or too many arguments.
pub fn wrong_count(name: &str, wanted: usize, got: usize) -> String {
    format!("wrong number of args for {name}: want {wanted} got {got}")
}

/// Returns the text of an argument.
///
/// # Errors
/// Go's words for an argument of another type.
pub fn text_of(value: &Value) -> Result<&str, String> {
    let wrong = || format!("wrong type for value; expected string; got {}", value.type_name());
    value.as_text().ok_or_else(wrong)
}

/// Returns the number of an argument, which may be a text.
///
/// # Errors
/// A text for people when it is no number.
pub fn as_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Duration(ns) => Ok(*ns as f64 / 1e9),
        Value::Str(text) => {
            let wrong = || format!("strconv.ParseFloat: parsing {text:?}: invalid syntax");
            text.parse().map_err(|_| wrong())
        }
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Compiles a regular expression of bounded size.
fn compiled(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build();
    built.map_err(|_| format!("error parsing regexp: {pattern:?}"))
}

/// Makes the first letter of every word large.
fn title(text: &str) -> String {
    let mut before = ' ';
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let within = before.is_alphanumeric() || before == '_' || before == '\'';
        if within {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        before = c;
    }
    out
}

/// Writes seconds as `1d 2h 3m 4s`, and less than a second with a prefix of the unit.
fn humanize_duration(seconds: f64) -> String {
    if seconds.is_nan() || seconds.is_infinite() {
        return format_float(seconds, 'g', Some(4));
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let size = seconds.abs();
    if size < 1.0 {
        let (mut small, mut prefix) = (size, "");
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if small >= 1.0 {
                break;
            }
            prefix = next;
            small *= 1_000.0;
        }
        return format!("{sign}{}{prefix}s", format_float(small, 'g', Some(4)));
    }
    let whole = size as u64;
    let (days, hours) = (whole / 86_400, whole / 3_600 % 24);
    let (minutes, rest) = (whole / 60 % 60, whole % 60);
    if days > 0 {
        return format!("{sign}{days}d {hours}h {minutes}m {rest}s");
    }
    if hours > 0 {
        return format!("{sign}{hours}h {minutes}m {rest}s");
    }
    if minutes > 0 {
        return format!("{sign}{minutes}m {rest}s");
    }
    format!("{sign}{}s", format_float(size, 'g', Some(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (1.0, "1s"),
            (1.2345678, "1.235s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (60.0, "1m 0s"),
            (3_600.0, "1h 0m 0s"),
            (86_400.0, "1d 0h 0m 0s"),
            (86_400.0 + 3_600.0, "1d 1h 0m 0s"),
            (-(86_400.0 * 2.0 + 3_600.0 * 3.0 + 60.0 * 4.0 + 5.0), "-2d 3h 4m 5s"),
            (899.99, "14m 59s"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(humanize_duration(seconds), expected);
        }
    }

    #[test]
    fn texts_are_changed_as_in_go() {
        let call = |name, arguments: &[&str]| {
            let arguments: Vec<Value> = arguments.iter().map(Value::text).collect();
            call_shared(name, &arguments).unwrap().map(|value| value.to_string())
        };
        assert_eq!(call("title", &["aa bB_c d'e"]), Ok("Aa BB_c D'e".to_owned()));
        assert_eq!(call("toUpper", &["aß"]), Ok("ASS".to_owned()));
        assert_eq!(call("match", &["a+", "caat"]), Ok("true".to_owned()));
        assert_eq!(call("reReplaceAll", &["(a)b", "${1}x", "abab"]), Ok("axax".to_owned()));
        assert!(call("match", &["(", ""]).is_err());
        assert!(call("match", &["((a{1000}){1000}){1000}", ""]).is_err());
    }
}
