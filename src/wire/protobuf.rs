//! The outermost layers of a protobuf message, walked without decoding what lies inside: one
//! broken item must cost only itself, and a hostile body must not become a hundredfold of structs.

use std::fmt;

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::base::error::{Error, Result};

/// Shows `visit` tag and bytes of each length-delimited field, in the order sent; other fields are
/// passed over. The bytes share the body's memory.
///
/// # Errors
/// `InvalidInput` when the framing is broken, so that it is unknown what else was meant; and what
/// `visit` returns.
pub(crate) fn each_field(
    message: &Bytes,
    mut visit: impl FnMut(u32, Bytes) -> Result<()>,
) -> Result<()> {
    let mut rest = message.clone();
    while rest.has_remaining() {
        let at = message.len() - rest.remaining();
        let broken = |why: &dyn fmt::Display| {
            Error::invalid(format!("the body is not the expected protobuf: {why} (at byte {at})"))
        };
        let (tag, wire_type) = decode_key(&mut rest).map_err(|error| broken(&error))?;
        if wire_type != WireType::LengthDelimited {
            skip_field(wire_type, tag, &mut rest, DecodeContext::default())
                .map_err(|error| broken(&error))?;
            continue;
        }
        let length = decode_varint(&mut rest).map_err(|error| broken(&error))?;
        match usize::try_from(length) {
            Ok(length) if length <= rest.len() => visit(tag, rest.split_to(length))?,
            _ => return Err(broken(&"a field is longer than what was sent")),
        }
    }
    Ok(())
}

/// Why bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken(&'static str);

impl Broken {
    /// Names a fault.
    pub(crate) fn new(why: &'static str) -> Self {
        Broken(why)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The result of everything that reads protobuf here.
pub(crate) type Read<T> = std::result::Result<T, Broken>;

/// Reads a message field by field without copying or allocating.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// A field's value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Integers, enums and truth values.
    Varint(u64),
    /// `double`, `fixed64` and `sfixed64`.
    Fixed64(u64),
    /// Texts, bytes, messages and packed lists.
    Bytes(&'a [u8]),
    /// `float` and `fixed32`; nothing here has one.
    Fixed32,
    /// A group, which nobody sends any more.
    Group,
}

impl<'a> Fields<'a> {
    /// Starts at the first field of `message`.
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    /// Returns what was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// [`Broken`] when the bytes are none.
    #[inline]
    pub(crate) fn next(&mut self) -> Read<Option<(u32, Field<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.rest)?;
        let tag = u32::try_from(key >> 3).map_err(|_| Broken("a field number is too large"))?;
        if tag == 0 || key > u64::from(u32::MAX) {
            return Err(Broken("a field number is out of range"));
        }
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Field::Bytes(delimited(&mut self.rest)?),
            5 => self.array::<4>().map(|_| Field::Fixed32)?,
            3 => {
                self.skip_group(tag)?;
                Field::Group
            }
            _ => return Err(Broken("a field has an unknown wire type")),
        };
        Ok(Some((tag, field)))
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(Broken("the message breaks off"));
        };
        self.rest = rest;
        Ok(*array)
    }

    fn skip_group(&mut self, tag: u32) -> Read<()> {
        let rest = &mut self.rest;
        skip_field(WireType::StartGroup, tag, rest, DecodeContext::default())
            .map_err(|_| Broken("a group is broken"))
    }
}

impl<'a> Field<'a> {
    /// Returns the bytes of a text or message.
    ///
    /// # Errors
    /// [`Broken`] for another wire type; likewise below.
    #[inline]
    pub(crate) fn bytes(self) -> Read<&'a [u8]> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err(WRONG_TYPE),
        }
    }

    /// Returns a `double`.
    #[inline]
    pub(crate) fn double(self) -> Read<f64> {
        match self {
            Field::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(WRONG_TYPE),
        }
    }

    /// Returns an `int64`.
    #[inline]
    pub(crate) fn int64(self) -> Read<i64> {
        self.uint64().map(|bits| bits as i64)
    }

    /// Returns a `uint64`.
    #[inline]
    pub(crate) fn uint64(self) -> Read<u64> {
        match self {
            Field::Varint(number) => Ok(number),
            _ => Err(WRONG_TYPE),
        }
    }

    /// Shows `visit` the numbers of a repeated varint field, packed or one by one.
    pub(crate) fn each_varint(self, mut visit: impl FnMut(u64)) -> Read<()> {
        match self {
            Field::Varint(number) => visit(number),
            Field::Bytes(mut packed) => {
                while !packed.is_empty() {
                    visit(varint(&mut packed)?);
                }
            }
            _ => return Err(WRONG_TYPE),
        }
        Ok(())
    }
}

const WRONG_TYPE: Broken = Broken("a field has an unexpected wire type");

/// Reads a LEB128 number of at most ten bytes.
///
/// # Errors
/// [`Broken`] when it does not end or does not fit.
#[inline]
pub(crate) fn varint(rest: &mut &[u8]) -> Read<u64> {
    match rest.split_first() {
        Some((&byte, tail)) if byte < 0x80 => {
            *rest = tail;
            Ok(u64::from(byte))
        }
        _ => long_varint(rest),
    }
}

fn long_varint(rest: &mut &[u8]) -> Read<u64> {
    let mut number = 0_u64;
    for (place, &byte) in rest.iter().take(10).enumerate() {
        // The tenth byte holds the one bit that is left.
        if place == 9 && byte > 1 {
            return Err(Broken("a number has more than 64 bits"));
        }
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            *rest = &rest[place + 1..];
            return Ok(number);
        }
    }
    Err(Broken("a number does not end"))
}

/// Reads a length and as many bytes.
///
/// # Errors
/// [`Broken`] when there are fewer.
#[inline]
pub(crate) fn delimited<'a>(rest: &mut &'a [u8]) -> Read<&'a [u8]> {
    let length = varint(rest)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some((inside, tail)) = rest.split_at_checked(length) else {
        return Err(Broken("a field is longer than what was sent"));
    };
    *rest = tail;
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a message as prost does: tags with what stands behind them.
    fn by_prost(message: &[u8]) -> Option<Vec<u32>> {
        let (mut rest, mut tags) = (message, Vec::new());
        while rest.has_remaining() {
            let (tag, wire_type) = decode_key(&mut rest).ok()?;
            skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
            tags.push(tag);
        }
        Some(tags)
    }

    fn by_us(message: &[u8]) -> Option<Vec<u32>> {
        let (mut fields, mut tags) = (Fields::new(message), Vec::new());
        while let Some((tag, _)) = fields.next().ok()? {
            tags.push(tag);
        }
        Some(tags)
    }

    #[test]
    fn numbers_of_every_length_are_read_and_longer_ones_refused() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(number, &mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(varint(&mut rest), Ok(number));
            assert!(rest.is_empty());
            assert!(varint(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        assert!(varint(&mut &[0xff; 10][..]).is_err());
        assert!(varint(&mut &[0x80; 11][..]).is_err());
    }

    proptest! {
        #[test]
        fn fields_are_cut_as_prost_cuts_them(
            message in prop::collection::vec(prop_oneof![0_u8..40, any::<u8>()], 0..60),
        ) {
            prop_assert_eq!(by_us(&message), by_prost(&message));
        }
    }
}
