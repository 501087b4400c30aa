//! What logs and spans have in common: attributes within limits, keys once, sizes.

use std::collections::HashSet;

use crate::ingest::limits::IngestLimits;
use crate::model::resource::{AttrValue, Attributes};
use crate::storage::receipt::RejectReason;

/// Why an item is refused: for machines and for people.
pub(crate) type Refusal = (RejectReason, String);

/// Below this many attributes comparing each with each is faster than hashing.
const FEW: usize = 16;

/// Keeps the first of several attributes with one key, as the model promises.
pub(crate) fn keep_first_of_each_key(attributes: &mut Attributes) {
    let list = &mut attributes.0;
    if list.len() <= FEW {
        let mut index = 1;
        while index < list.len() {
            if list[..index].iter().any(|(key, _)| *key == list[index].0) {
                list.remove(index);
            } else {
                index += 1;
            }
        }
        return;
    }
    let mut seen = HashSet::with_capacity(list.len());
    let first: Vec<bool> = list.iter().map(|(key, _)| seen.insert(key.as_str())).collect();
    let mut first = first.into_iter();
    list.retain(|_| first.next().unwrap_or(true));
}

/// Checks number and names of `attributes`; `whose` names them in the message.
///
/// # Errors
/// Returns the refusal of the item that holds them.
pub(crate) fn check(
    attributes: &Attributes,
    whose: &str,
    limits: &IngestLimits,
) -> Result<(), Refusal> {
    if attributes.0.len() > limits.attributes {
        let message = format!(
            "{whose} has {} attributes, more than {}",
            attributes.0.len(),
            limits.attributes
        );
        return Err((RejectReason::LimitExceeded, message));
    }
    match attributes.iter().find(|(key, _)| key.len() > limits.name_bytes) {
        Some((key, _)) => {
            let message = format!(
                "{whose} has an attribute name of {} bytes ({}…), more than {}",
                key.len(),
                clip(key, 32),
                limits.name_bytes
            );
            Err((RejectReason::TooLarge, message))
        }
        None => Ok(()),
    }
}

/// Returns about how many bytes `attributes` occupy.
pub(crate) fn attributes_weight(attributes: &Attributes) -> usize {
    attributes.iter().map(|(key, value)| 32 + key.len() + value_weight(value)).sum()
}

/// Returns about how many bytes `value` occupies.
pub(crate) fn value_weight(value: &AttrValue) -> usize {
    match value {
        AttrValue::Str(text) => text.len(),
        AttrValue::Bytes(bytes) => bytes.len(),
        AttrValue::Bool(_) | AttrValue::Int(_) | AttrValue::Double(_) | AttrValue::Empty => 8,
        AttrValue::Array(items) => items.iter().map(|item| 32 + value_weight(item)).sum(),
        AttrValue::Map(entries) => {
            entries.iter().map(|(key, item)| 56 + key.len() + value_weight(item)).sum()
        }
    }
}

/// Returns the beginning of `text`, at most `bytes` long and cut between characters.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_repeated_keys_stays_in_short_and_long_lists() {
        for length in [3, 100] {
            let mut attributes: Attributes =
                (0..length).map(|index| (format!("k{index}"), AttrValue::Int(index))).collect();
            attributes.0.push(("k1".to_owned(), AttrValue::Int(-1)));
            keep_first_of_each_key(&mut attributes);
            assert_eq!(attributes.0.len() as i64, length);
            assert_eq!(attributes.get("k1"), Some(&AttrValue::Int(1)));
        }
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("aü", 2), "a");
        assert_eq!(clip("aü", 3), "aü");
    }
}
