//! Numbers by the hash of what they stand for.

/// Marks a slot that holds nothing; no thing has this number.
const NOTHING: u32 = u32::MAX;

/// Finds numbers of things that are kept elsewhere: eight bytes a slot, at most three of four used.
#[derive(Default)]
pub(in crate::engines::metrics) struct Table {
    /// Part of the hash, and the number. Their count is zero or a power of two.
    slots: Vec<(u32, u32)>,
    used: usize,
}

impl Table {
    /// Returns the number with this hash of which `is` says that it stands for the thing.
    pub(in crate::engines::metrics) fn find(
        &self,
        hash: u64,
        is: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let tag = tag(hash);
        let mut place = tag as usize & mask;
        loop {
            let (own, number) = self.slots[place];
            if number == NOTHING {
                return None;
            }
            if own == tag && is(number) {
                return Some(number);
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a number, below `u32::MAX`, of a thing that is not known.
    pub(in crate::engines::metrics) fn add(&mut self, hash: u64, number: u32) {
        debug_assert_ne!(number, NOTHING);
        if self.used * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        put(&mut self.slots, tag(hash), number);
        self.used += 1;
    }

    /// Returns the bytes that the slots take.
    #[cfg(test)]
    pub(in crate::engines::metrics) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(u32, u32)>()
    }

    fn grow(&mut self) {
        let mut larger = vec![(0, NOTHING); (self.slots.len() * 2).max(16)];
        for (tag, number) in self.slots.iter().filter(|(_, number)| *number != NOTHING) {
            put(&mut larger, *tag, *number);
        }
        self.slots = larger;
    }
}

/// Puts a number into the first free slot from its own on, of which there is one.
fn put(slots: &mut [(u32, u32)], tag: u32, number: u32) {
    let mask = slots.len() - 1;
    let mut place = tag as usize & mask;
    while slots[place].1 != NOTHING {
        place = (place + 1) & mask;
    }
    slots[place] = (tag, number);
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_of_one_hash_are_told_apart() {
        let mut table = Table::default();
        assert_eq!(table.find(7, |_| true), None);
        for number in 0..1_000 {
            table.add(u64::from(number / 10) << 32, number);
        }
        for number in 0..1_000 {
            let hash = u64::from(number / 10) << 32;
            assert_eq!(table.find(hash, |found| found == number), Some(number));
        }
        assert_eq!(table.find(5 << 32, |_| false), None);
    }
}
