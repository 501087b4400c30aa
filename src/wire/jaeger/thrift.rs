//! Thrift's binary protocol, as a tree of values read from hostile bytes.

/// How deep structs and lists may nest; Jaeger's own need four levels.
const MAX_DEPTH: usize = 16;
/// How many values a batch may hold: a value takes one byte on the wire and up to two hundred here.
/// A span with ten tags has about fifty.
const MAX_VALUES: usize = 1_000_000;

/// A thrift value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// Any of the integers.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// A struct by field number.
    Struct(Fields),
    /// A list or set.
    List(Vec<Value>),
    /// A map; Jaeger has none, so only its size is known.
    Map(usize),
}

/// The fields of a struct, in the order of their coming; structs here have few.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(Vec<(i16, Value)>);

impl Fields {
    /// Returns the field of this number; the last one when it was repeated.
    pub fn get(&self, number: &i16) -> Option<&Value> {
        self.0.iter().rev().find(|(own, _)| own == number).map(|(_, value)| value)
    }
}

const BOOL: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 4;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const MAP: u8 = 13;
const SET: u8 = 14;
const LIST: u8 = 15;

/// Reads a struct that fills `bytes`.
///
/// # Errors
/// A text that says at which byte the bytes make no sense.
pub fn read_struct(bytes: &[u8]) -> Result<Fields, String> {
    let mut reader = Reader { bytes, at: 0, left: MAX_VALUES };
    let fields = reader.fields(0)?;
    match reader.at == bytes.len() {
        true => Ok(fields),
        false => Err(format!("{} bytes follow the batch", bytes.len() - reader.at)),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many more values may be read.
    left: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let chunk = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let chunk = chunk.ok_or_else(|| format!("the batch ends at byte {}", self.bytes.len()))?;
        self.at += N;
        Ok(*chunk)
    }

    fn fields(&mut self, depth: usize) -> Result<Fields, String> {
        if depth > MAX_DEPTH {
            return Err(format!("values nest deeper than {MAX_DEPTH} at byte {}", self.at));
        }
        let mut fields = Fields::default();
        loop {
            let [kind] = self.take::<1>()?;
            if kind == 0 {
                return Ok(fields);
            }
            let number = i16::from_be_bytes(self.take()?);
            let value = self.value(kind, depth)?;
            fields.0.push((number, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value, String> {
        let fewer = || format!("the batch has more than {MAX_VALUES} values; send smaller ones");
        self.left = self.left.checked_sub(1).ok_or_else(fewer)?;
        Ok(match kind {
            BOOL => Value::Bool(self.take::<1>()? != [0]),
            BYTE => Value::Int(i64::from(self.take::<1>()?[0] as i8)),
            I16 => Value::Int(i64::from(i16::from_be_bytes(self.take()?))),
            I32 => Value::Int(i64::from(i32::from_be_bytes(self.take()?))),
            I64 => Value::Int(i64::from_be_bytes(self.take()?)),
            DOUBLE => Value::Double(f64::from_be_bytes(self.take()?)),
            STRING => {
                let length = self.length(1)?;
                let text = self.bytes[self.at..self.at + length].to_vec();
                self.at += length;
                Value::Bytes(text)
            }
            STRUCT => Value::Struct(self.fields(depth + 1)?),
            LIST | SET => {
                if depth > MAX_DEPTH {
                    return Err(format!("values nest deeper than {MAX_DEPTH}"));
                }
                let [item] = self.take::<1>()?;
                // An item takes a byte at least, so a count beyond what is left is a lie.
                let count = self.length(1)?;
                let items = (0..count).map(|_| self.value(item, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            MAP => {
                if depth > MAX_DEPTH {
                    return Err(format!("values nest deeper than {MAX_DEPTH}"));
                }
                let [key, value] = self.take::<2>()?;
                let count = self.length(2)?;
                for _ in 0..count {
                    self.value(key, depth + 1)?;
                    self.value(value, depth + 1)?;
                }
                Value::Map(count)
            }
            other => return Err(format!("unknown type {other} at byte {}", self.at)),
        })
    }

    /// Reads a length of things of which each takes at least `size` bytes.
    fn length(&mut self, size: usize) -> Result<usize, String> {
        let at = self.at;
        let length = i32::from_be_bytes(self.take()?);
        let left = self.bytes.len() - self.at;
        let length = usize::try_from(length).ok().filter(|length| *length <= left / size);
        length.ok_or_else(|| format!("the length at byte {at} is not true"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_reserved() {
        let lie = [STRING, 0, 1, 0x7f, 0xff, 0xff, 0xff];
        assert!(read_struct(&lie).unwrap_err().contains("not true"));
        let deep: Vec<u8> = std::iter::repeat_n([STRUCT, 0, 1], 100).flatten().collect();
        assert!(read_struct(&deep).unwrap_err().contains("deeper"));
        assert!(read_struct(&[]).unwrap_err().contains("ends"));
        assert_eq!(read_struct(&[0]), Ok(Fields::default()));
    }

    #[test]
    fn a_small_body_does_not_become_millions_of_values() {
        let count = 4_000_000_i32;
        let mut bomb = vec![LIST, 0, 2, STRUCT];
        bomb.extend(count.to_be_bytes());
        bomb.resize(bomb.len() + count as usize + 1, 0);
        assert!(read_struct(&bomb).unwrap_err().contains("more than"));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_struct(&bytes);
        }
    }
}
