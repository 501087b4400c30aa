//! The identity of an alert: the FNV-1a hash of its labels that Prometheus and Alertmanager use.

use crate::model::labels::Labels;

const OFFSET: u64 = 14_695_981_039_346_656_037;
const PRIME: u64 = 1_099_511_628_211;
const SEPARATOR: &[u8] = &[0xff];

/// Returns the fingerprint of `labels`.
pub fn fingerprint(labels: &Labels) -> u64 {
    let mut hash = OFFSET;
    for (name, value) in labels.iter() {
        for part in [name.as_bytes(), SEPARATOR, value.as_bytes(), SEPARATOR] {
            for byte in part {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            }
        }
    }
    hash
}

/// Writes a fingerprint as Alertmanager does: 16 hexadecimal digits.
pub fn fingerprint_text(fingerprint: u64) -> String {
    format!("{fingerprint:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        // An empty set hashes to FNV's offset, as `model.LabelSet{}.Fingerprint()` does.
        assert_eq!(fingerprint_text(fingerprint(&Labels::empty())), "cbf29ce484222325");
        let one = fingerprint(&Labels::from_pairs([("a", "b")]));
        let other = fingerprint(&Labels::from_pairs([("ab", "")]));
        assert_ne!(one, other);
        // FNV-1a by hand over the four bytes 'a', 0xff, 'b', 0xff.
        let by_hand = [b'a', 0xff, b'b', 0xff]
            .iter()
            .fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        assert_eq!(one, by_hand);
    }
}
