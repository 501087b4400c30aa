//! Printing as Go's `fmt` does it, for the verbs that templates use.

use crate::base::gotemplate::number::format_float;
use crate::base::gotemplate::time;
use crate::base::gotemplate::value::Value;

/// The widest column and the most decimals, as in Go.
const MAX_WIDTH: usize = 1_000_000;

/// Writes a value as `%v`.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format_float(*value, 'g', None),
        Value::Str(text) | Value::Html(text) => text.to_string(),
        Value::Time(at) => time::text(at),
        Value::Duration(ns) => time::duration_text(*ns),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}:{}", plain(value)));
            format!("map[{}]", entries.collect::<Vec<_>>().join(" "))
        }
        Value::Object(object) => object.text().unwrap_or_else(|| match object.underlying() {
            Value::Nil => "{}".to_owned(),
            underlying => plain(&underlying),
        }),
    }
}

/// Prints values with spaces between those of which neither is a text.
pub(crate) fn print(values: &[Value], limit: usize) -> Result<String, String> {
    let mut out = Printer { text: String::new(), limit };
    for (index, value) in values.iter().enumerate() {
        let texts = |value: &Value| value.as_text().is_some();
        if index > 0 && !texts(value) && !texts(&values[index - 1]) {
            out.push(" ")?;
        }
        out.push(&plain(value))?;
    }
    Ok(out.text)
}

/// Prints values with spaces between and a new line behind.
pub(crate) fn println(values: &[Value], limit: usize) -> Result<String, String> {
    let mut out = Printer { text: String::new(), limit };
    for (index, value) in values.iter().enumerate() {
        out.push(if index == 0 { "" } else { " " })?;
        out.push(&plain(value))?;
    }
    out.push("\n")?;
    Ok(out.text)
}

/// Prints values as `format` says.
pub(crate) fn printf(format: &str, values: &[Value], limit: usize) -> Result<String, String> {
    let mut out = Printer { text: String::new(), limit };
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "+-# 0".contains(*c)) {
            spec.flag(flag);
        }
        match number(&mut chars, &mut values) {
            Ok(width) => spec.width = width.unwrap_or(0),
            Err(Bad) => out.push("%!(BADWIDTH)")?,
        }
        if chars.next_if_eq(&'.').is_some() {
            match number(&mut chars, &mut values) {
                Ok(precision) => spec.precision = Some(precision.unwrap_or(0)),
                Err(Bad) => out.push("%!(BADPREC)")?,
            }
        }
        match chars.next() {
            None => out.push("%!(NOVERB)")?,
            Some('%') => out.push("%")?,
            Some(verb) => match values.next() {
                Some(value) => out.push(&spec.format(verb, value))?,
                None => out.push(&format!("%!{verb}(MISSING)"))?,
            },
        }
    }
    let extra: Vec<String> = values.map(typed).collect();
    if !extra.is_empty() {
        out.push(&format!("%!(EXTRA {})", extra.join(", ")))?;
    }
    Ok(out.text)
}

/// Collects text up to a limit.
struct Printer {
    text: String,
    limit: usize,
}

impl Printer {
    fn push(&mut self, text: &str) -> Result<(), String> {
        if self.text.len() + text.len() > self.limit {
            return Err(format!("the text grows beyond {} bytes", self.limit));
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// A width or precision that is none, or too large.
struct Bad;

/// Reads a number or `*`, which takes it from the values.
fn number<'v>(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    values: &mut impl Iterator<Item = &'v Value>,
) -> Result<Option<usize>, Bad> {
    if chars.next_if_eq(&'*').is_some() {
        return match values.next() {
            Some(Value::Int(number)) => {
                usize::try_from(*number).ok().filter(|n| *n <= MAX_WIDTH).map(Some).ok_or(Bad)
            }
            _ => Err(Bad),
        };
    }
    let mut found = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        found = Some(found.unwrap_or(0) * 10 + digit as usize);
        if found > Some(MAX_WIDTH) {
            return Err(Bad);
        }
    }
    Ok(found)
}

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn flag(&mut self, flag: char) {
        match flag {
            '+' => self.plus = true,
            '-' => self.minus = true,
            '#' => self.sharp = true,
            ' ' => self.space = true,
            _ => self.zero = true,
        }
    }

    fn format(&self, verb: char, value: &Value) -> String {
        match self.body(verb, value) {
            Some((body, numeric)) => self.padded(&body, numeric),
            None => format!("%!{verb}({})", typed(value)),
        }
    }

    /// Writes the value without padding, and whether it is a number; `None` for a wrong verb.
    fn body(&self, verb: char, value: &Value) -> Option<(String, bool)> {
        match (verb, value) {
            ('T', value) => Some((value.type_name(), false)),
            ('v', Value::Str(text)) if self.sharp => Some((quote(text), false)),
            ('v', Value::Int(value)) => Some((self.signed(value.to_string()), true)),
            ('v', Value::Float(value)) => {
                Some((self.signed(format_float(*value, 'g', self.precision)), value.is_finite()))
            }
            ('v', value) => Some((self.cut(&plain(value)), false)),
            ('t', Value::Bool(value)) => Some((value.to_string(), false)),
            (_, Value::Int(value)) => self.integer(verb, *value).map(|text| (text, true)),
            (_, Value::Duration(ns)) if !matches!(verb, 's' | 'q') => {
                self.integer(verb, *ns).map(|text| (text, true))
            }
            (_, Value::Float(value)) => self.float(verb, *value),
            (_, Value::Str(text) | Value::Html(text)) => {
                self.text(verb, text).map(|text| (text, false))
            }
            ('s' | 'q', Value::Time(_) | Value::Duration(_) | Value::Object(_)) => {
                self.text(verb, &plain(value)).map(|text| (text, false))
            }
            (_, Value::List(items)) => {
                let items: Vec<String> = items.iter().map(|v| self.format(verb, v)).collect();
                Some((format!("[{}]", items.join(" ")), false))
            }
            (_, Value::Map(entries)) => {
                let entry = |(key, value): (&String, &Value)| {
                    format!("{}:{}", self.format(verb, &Value::text(key)), self.format(verb, value))
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                Some((format!("map[{}]", entries.join(" ")), false))
            }
            _ => None,
        }
    }

    fn integer(&self, verb: char, value: i64) -> Option<String> {
        let sign = if value < 0 { "-" } else { "" };
        let size = value.unsigned_abs();
        let prefix = |prefix: &'static str| if self.sharp { prefix } else { "" };
        let mut digits = match verb {
            'd' => size.to_string(),
            'b' => format!("{}{size:b}", prefix("0b")),
            'o' => format!("{}{size:o}", prefix("0")),
            'x' => format!("{}{size:x}", prefix("0x")),
            'X' => format!("{}{size:X}", prefix("0X")),
            'U' => return Some(format!("U+{value:04X}")),
            'c' | 'q' => {
                let c = u32::try_from(value).ok().and_then(char::from_u32);
                let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
                return Some(if verb == 'c' { c.to_string() } else { format!("{c:?}") });
            }
            _ => return None,
        };
        if let Some(wanted) = self.precision {
            digits = format!("{digits:0>wanted$}");
        }
        Some(self.signed(format!("{sign}{digits}")))
    }

    fn float(&self, verb: char, value: f64) -> Option<(String, bool)> {
        let text = match verb {
            'e' | 'f' => format_float(value, verb, Some(self.precision.unwrap_or(6))),
            'F' => format_float(value, 'f', Some(self.precision.unwrap_or(6))),
            'E' => format_float(value, 'e', Some(self.precision.unwrap_or(6))).to_uppercase(),
            'g' => format_float(value, 'g', self.precision),
            'G' => format_float(value, 'g', self.precision).replace('e', "E"),
            _ => return None,
        };
        Some((self.signed(text), value.is_finite()))
    }

    fn text(&self, verb: char, text: &str) -> Option<String> {
        match verb {
            's' => Some(self.cut(text)),
            'q' => Some(quote(&self.cut(text))),
            'x' => Some(text.bytes().map(|byte| format!("{byte:02x}")).collect()),
            'X' => Some(text.bytes().map(|byte| format!("{byte:02X}")).collect()),
            _ => None,
        }
    }

    /// Cuts a text to the precision, in characters.
    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(length) => text.chars().take(length).collect(),
            None => text.to_owned(),
        }
    }

    /// Adds the plus or space that a flag asks for.
    fn signed(&self, text: String) -> String {
        if text.starts_with(['-', '+']) {
            text
        } else if self.plus {
            format!("+{text}")
        } else if self.space {
            format!(" {text}")
        } else {
            text
        }
    }

    fn padded(&self, body: &str, numeric: bool) -> String {
        let length = body.chars().count();
        if length >= self.width {
            return body.to_owned();
        }
        let missing = self.width - length;
        if self.minus {
            return format!("{body}{}", " ".repeat(missing));
        }
        if !self.zero || !numeric {
            return format!("{}{body}", " ".repeat(missing));
        }
        // Zeros stand behind the sign.
        let sign = usize::from(body.starts_with(['-', '+', ' ']));
        format!("{}{}{}", &body[..sign], "0".repeat(missing), &body[sign..])
    }
}

/// Quotes a text as Go's `%q`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes `type=value`, as Go does within the marks of wrong verbs.
fn typed(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        other => format!("{}={}", other.type_name(), plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: &str, values: &[Value]) -> String {
        printf(format, values, 1 << 10).unwrap()
    }

    #[test]
    fn verbs_flags_and_widths_print_as_in_go() {
        let cases: [(&str, Value, &str); 18] = [
            ("%.2f", Value::Float(6.23456), "6.23"),
            ("%5.1f|", Value::Float(2.25), "  2.2|"),
            ("%-5d|", Value::Int(42), "42   |"),
            ("%05d", Value::Int(-42), "-0042"),
            ("%+d", Value::Int(7), "+7"),
            ("%x", Value::Int(255), "ff"),
            ("%#x", Value::Int(255), "0xff"),
            ("%x", Value::text("hi"), "6869"),
            ("%q", Value::text("a\"b\n"), r#""a\"b\n""#),
            ("%s", Value::text("x"), "x"),
            ("%.1s", Value::text("xyz"), "x"),
            ("%8s|", Value::text("é"), "       é|"),
            ("%t", Value::Bool(true), "true"),
            ("%g", Value::Float(1e-7), "1e-07"),
            ("%e", Value::Float(1234.5), "1.234500e+03"),
            ("%v%%", Value::Float(50.0), "50%"),
            ("%T", Value::Float(1.0), "float64"),
            ("%c", Value::Int(65), "A"),
        ];
        for (format, value, expected) in cases {
            assert_eq!(printed(format, &[value]), expected, "{format}");
        }
        assert_eq!(printed("%*d", &[Value::Int(4), Value::Int(1)]), "   1");
    }

    #[test]
    fn wrong_verbs_and_counts_are_marked_as_in_go() {
        assert_eq!(printed("%d", &[Value::text("hi")]), "%!d(string=hi)");
        assert_eq!(printed("%d", &[Value::Float(1.5)]), "%!d(float64=1.5)");
        assert_eq!(printed("%s", &[Value::Int(5)]), "%!s(int=5)");
        assert_eq!(printed("%s", &[Value::Nil]), "%!s(<nil>)");
        assert_eq!(printed("%d", &[]), "%!d(MISSING)");
        assert_eq!(printed("x", &[Value::Int(1)]), "x%!(EXTRA int=1)");
        assert_eq!(printed("%", &[]), "%!(NOVERB)");
        assert_eq!(printed("%z", &[Value::Int(1)]), "%!z(int=1)");
    }

    #[test]
    fn a_text_that_grows_too_long_is_refused() {
        assert!(printf("%2000s", &[Value::text("x")], 1 << 10).is_err());
        assert!(print(&[Value::from("x".repeat(2_000))], 1 << 10).is_err());
    }
}
