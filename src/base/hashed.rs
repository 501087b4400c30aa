//! A map by hashes that were computed already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Values by a 64-bit hash of what they stand for, which must be mixed well: it is taken as it is.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Passes a `u64` through.
#[derive(Debug, Default)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
