//! Protobuf fields, written one by one: answers are large, and a tree of messages would double them.

use crate::model::labels::Labels;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;

/// Appends a number in 7-bit groups.
pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends an unsigned or two's-complement number; 0 is what a missing field means.
pub(super) fn push_number(out: &mut Vec<u8>, tag: u32, number: i64) {
    if number != 0 {
        push_key(out, tag, VARINT);
        push_varint(out, number as u64);
    }
}

/// Appends a signed number that is mostly small; 0 is what a missing field means.
pub(super) fn push_signed(out: &mut Vec<u8>, tag: u32, number: i32) {
    push_number(out, tag, i64::from(((number << 1) ^ (number >> 31)) as u32));
}

/// Appends a float; 0 (but not -0) is what a missing field means.
pub(super) fn push_float(out: &mut Vec<u8>, tag: u32, number: f64) {
    if number.to_bits() != 0 {
        push_known_float(out, tag, number);
    }
}

/// Appends a float of a field whose presence says something.
pub(super) fn push_known_float(out: &mut Vec<u8>, tag: u32, number: f64) {
    push_key(out, tag, FIXED64);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends floats as one packed field.
pub(super) fn push_floats(out: &mut Vec<u8>, tag: u32, numbers: &[f64]) {
    if numbers.is_empty() {
        return;
    }
    push_key(out, tag, LENGTH_DELIMITED);
    push_varint(out, numbers.len() as u64 * 8);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

/// Appends bytes, a text or a message that is encoded already.
pub(super) fn push_bytes(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    push_key(out, tag, LENGTH_DELIMITED);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a message whose fields `write` appends.
pub(super) fn push_message(out: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    write(&mut message);
    push_bytes(out, tag, &message);
}

/// Appends every label as a `prometheus.Label`.
pub(super) fn push_labels(out: &mut Vec<u8>, tag: u32, labels: &Labels) {
    for (name, value) in labels.iter() {
        push_message(out, tag, |label| {
            push_bytes(label, 1, name.as_bytes());
            push_bytes(label, 2, value.as_bytes());
        });
    }
}

fn push_key(out: &mut Vec<u8>, tag: u32, wire_type: u32) {
    push_varint(out, u64::from(tag << 3 | wire_type));
}
