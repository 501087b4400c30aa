//! Document ids for records that came without one: unique, and rising with time.

use parking_lot::Mutex;

use crate::base::clock::SharedClock;

/// Characters whose byte order is their value order, so that ids sort like the numbers they spell.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID_LENGTH: usize = 26;
const RANDOM_BITS: u32 = 80;

/// Makes ids as ULIDs: 48 bits of milliseconds, then 80 random bits that count up within one
/// millisecond. Two processes, or one before and after a restart, meet with odds of 2^-80.
pub(crate) struct DocumentIds {
    clock: SharedClock,
    last: Mutex<u128>,
}

impl DocumentIds {
    /// Creates a source that reads `clock`.
    pub(crate) fn new(clock: SharedClock) -> Self {
        DocumentIds { clock, last: Mutex::new(0) }
    }

    /// Returns the next id; later calls return greater ids, also when the clock steps back.
    pub(crate) fn next(&self) -> String {
        let millis = u128::try_from(self.clock.now_ms()).unwrap_or(0);
        let mut last = self.last.lock();
        let fresh = millis << RANDOM_BITS | rand::random::<u128>() >> (128 - RANDOM_BITS);
        let same_or_past_millisecond = millis <= *last >> RANDOM_BITS;
        *last = if same_or_past_millisecond { last.wrapping_add(1) } else { fresh };
        spell(*last)
    }
}

fn spell(mut number: u128) -> String {
    let mut characters = [0_u8; ID_LENGTH];
    for place in characters.iter_mut().rev() {
        *place = ALPHABET[(number & 31) as usize];
        number >>= 5;
    }
    characters.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::clock::ManualClock;

    #[test]
    fn ids_rise_within_and_across_milliseconds() {
        let clock = ManualClock::at_ms(1_700_000_000_000);
        let ids = DocumentIds::new(clock.clone());
        let mut made: Vec<String> = (0..100).map(|_| ids.next()).collect();
        clock.advance(Duration::from_millis(1));
        made.extend((0..100).map(|_| ids.next()));
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
        assert!(made.iter().all(|id| id.len() == ID_LENGTH));
    }
}
