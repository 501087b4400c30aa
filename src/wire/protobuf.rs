//! The outermost layers of a protobuf message, walked without decoding what lies inside: one
//! broken item must cost only itself, and a hostile body must not become a hundredfold of structs.

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
        let broken = |why: &dyn std::fmt::Display| {
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
