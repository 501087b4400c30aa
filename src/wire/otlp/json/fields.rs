//! Reads the fields of a JSON object by protobuf's JSON mapping and OTLP's deviations from it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// A value, or what is wrong with it.
pub(crate) type Read<T> = Result<T, String>;

/// Takes texts with and without padding.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// An object whose missing and `null` fields have protobuf's default.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    /// Returns `value` as an object.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Object)
    }

    /// Returns a field that is given.
    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Returns a text.
    pub(crate) fn text(self, key: &str) -> Read<String> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(expected(key, "a text")),
        }
    }

    /// Returns a truth value.
    pub(crate) fn flag(self, key: &str) -> Read<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(expected(key, "true or false")),
        }
    }

    /// Returns an unsigned number.
    pub(crate) fn u64(self, key: &str) -> Read<u64> {
        self.get(key).map_or(Ok(0), |value| unsigned(value).ok_or_else(|| whole(key)))
    }

    /// Returns a signed number.
    pub(crate) fn i64(self, key: &str) -> Read<i64> {
        self.get(key).map_or(Ok(0), |value| signed(value).ok_or_else(|| whole(key)))
    }

    /// Returns a short unsigned number.
    pub(crate) fn u32(self, key: &str) -> Read<u32> {
        u32::try_from(self.u64(key)?).map_err(|_| whole(key))
    }

    /// Returns a short signed number.
    pub(crate) fn i32(self, key: &str) -> Read<i32> {
        i32::try_from(self.i64(key)?).map_err(|_| whole(key))
    }

    /// Returns a number with a fraction.
    pub(crate) fn f64(self, key: &str) -> Read<f64> {
        Ok(self.optional_f64(key)?.unwrap_or(0.0))
    }

    /// Returns a number with a fraction, if it is given.
    pub(crate) fn optional_f64(self, key: &str) -> Read<Option<f64>> {
        let read = |value| float(value).ok_or_else(|| expected(key, "a number"));
        self.get(key).map(read).transpose()
    }

    /// Returns the number of an enum; its name is understood, too.
    pub(crate) fn number_of(self, key: &str, named: impl Fn(&str) -> Option<i32>) -> Read<i32> {
        match self.get(key) {
            Some(Value::String(name)) if named(name).is_some() => Ok(named(name).unwrap_or(0)),
            _ => self.i32(key),
        }
    }

    /// Returns an id, hexadecimal of any case.
    pub(crate) fn hex(self, key: &str) -> Read<Vec<u8>> {
        let text = self.text(key)?;
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => {
                Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
            }
            Some(_) | None => Err(expected(key, "hexadecimal digits in pairs")),
        }
    }

    /// Returns bytes, base64 of either alphabet.
    pub(crate) fn bytes(self, key: &str) -> Read<Vec<u8>> {
        let text = self.text(key)?;
        let decoded = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
        decoded.map_err(|_| expected(key, "base64"))
    }

    /// Returns a list.
    pub(crate) fn list(self, key: &str) -> Read<&'a [Value]> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(expected(key, "a list")),
        }
    }

    /// Returns a list whose items `read` makes.
    pub(crate) fn each<T>(self, key: &str, read: impl Fn(Object<'a>) -> Read<T>) -> Read<Vec<T>> {
        let item = |value| Object::of(value).ok_or_else(|| expected(key, "a list of objects"));
        self.list(key)?.iter().map(|value| read(item(value)?)).collect()
    }

    /// Returns a list of unsigned numbers.
    pub(crate) fn each_u64(self, key: &str) -> Read<Vec<u64>> {
        let read = |value| unsigned(value).ok_or_else(|| expected(key, "a list of whole numbers"));
        self.list(key)?.iter().map(read).collect()
    }

    /// Returns a list of numbers with fractions.
    pub(crate) fn each_f64(self, key: &str) -> Read<Vec<f64>> {
        let read = |value| float(value).ok_or_else(|| expected(key, "a list of numbers"));
        self.list(key)?.iter().map(read).collect()
    }

    /// Returns a nested object that `read` makes, if it is given.
    pub(crate) fn nested<T>(
        self,
        key: &str,
        read: impl Fn(Object<'a>) -> Read<T>,
    ) -> Read<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let object = Object::of(value).ok_or_else(|| expected(key, "an object"))?;
        read(object).map(Some)
    }
}

fn expected(key: &str, what: &str) -> String {
    format!("{key}: {what} is expected")
}

fn whole(key: &str) -> String {
    expected(key, "a whole number in range")
}

fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().or_else(|| {
            // `1e3` and `1.0` are whole numbers, too; 2^53 bounds what a float tells exactly.
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            (0.0..=9_007_199_254_740_992.0).contains(&float).then_some(float as u64)
        }),
        _ => None,
    }
}

fn signed(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            (float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
        }),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            number => number.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    }
}
