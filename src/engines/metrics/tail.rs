//! The newest float points of a series in memory, each appended in a few bytes.
//!
//! ```text
//! first value (8 bytes), then of each further point:
//!   0x00..=0x7f   as many points and one more came at the usual step with the value of the last one
//!   0x80 | flags  a point
//!                 flag 0x40: the step changed; by how much (signed) comes first
//!                 flags 0x30: the value is 0x00 the last one, 0x10 the last one plus a signed
//!                 number of units, 0x20 other bits
//!                 flags 0x0f: the decimals of a unit (0: ones, 2: hundredths)
//! other bits      zero bytes before and behind (one nibble each) of the difference (xor) to the
//!                 last value, and the bytes between them
//! ```
//! Numbers are LEB128, signed ones zigzag-coded. Nothing of this is ever written to a file.

use crate::base::error::Result;
use crate::engines::metrics::codec::bytes::{Reader, put_float, put_signed};
use crate::engines::metrics::codec::floats::{scaled, unscaled};
use crate::model::sample::Sample;

/// The most decimals that are looked for.
const MAX_DECIMALS: u8 = 6;
/// Stands for values without an end in sight, for which nobody looks for decimals any more.
const ENDLESS: u8 = u8::MAX;

const POINT: u8 = 0x80;
const STEP: u8 = 0x40;
const UNITS: u8 = 0x10;
const BITS: u8 = 0x20;
const KIND: u8 = 0x30;
const DECIMALS: u8 = 0x0f;

/// Float points in time order, to which newer ones are added.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    first: i64,
    newest: i64,
    step: i64,
    value: f64,
    count: u16,
    decimals: u8,
    /// Whether the last byte counts repetitions.
    repeats: bool,
}

impl Default for Tail {
    fn default() -> Self {
        Tail {
            bytes: Vec::new(),
            first: 0,
            newest: 0,
            step: 0,
            value: 0.0,
            count: 0,
            decimals: 0,
            repeats: false,
        }
    }
}

impl Tail {
    /// Returns the number of points.
    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Returns the times of the first and the newest point.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        (self.count > 0).then_some((self.first, self.newest))
    }

    /// Returns the newest point.
    pub(super) fn newest(&self) -> Option<Sample> {
        (self.count > 0).then(|| Sample::new(self.newest, self.value))
    }

    /// Removes all points and keeps the memory for new ones.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.repeats = false;
        self.step = 0;
        if self.decimals == ENDLESS {
            self.decimals = 0;
        }
    }

    /// Adds a point behind the newest one.
    pub(super) fn push(&mut self, sample: Sample) {
        let at = sample.timestamp.0;
        if self.count == 0 {
            self.first = at;
            put_float(&mut self.bytes, sample.value);
        } else {
            let step = at.wrapping_sub(self.newest);
            self.put(step, sample.value);
            self.step = step;
        }
        self.newest = at;
        self.value = sample.value;
        self.count += 1;
    }

    fn put(&mut self, step: i64, value: f64) {
        let same = value.to_bits() == self.value.to_bits();
        if same && step == self.step {
            self.repeat();
            return;
        }
        self.repeats = false;
        let control = self.bytes.len();
        self.bytes.push(POINT);
        if step != self.step {
            self.bytes[control] |= STEP;
            put_signed(&mut self.bytes, step.wrapping_sub(self.step));
        }
        if same {
            return;
        }
        if let Some(units) = self.units_to(value) {
            self.bytes[control] |= UNITS | self.decimals;
            put_signed(&mut self.bytes, units);
            return;
        }
        self.bytes[control] |= BITS;
        let difference = value.to_bits() ^ self.value.to_bits();
        let before = (difference.leading_zeros() / 8) as usize;
        let behind = (difference.trailing_zeros() / 8) as usize;
        self.bytes.push((before << 4 | behind) as u8);
        self.bytes.extend_from_slice(&difference.to_be_bytes()[before..8 - behind]);
    }

    fn repeat(&mut self) {
        match self.bytes.last_mut() {
            Some(count) if self.repeats && *count < POINT - 1 => *count += 1,
            _ => {
                self.bytes.push(0);
                self.repeats = true;
            }
        }
    }

    /// Returns by how many units `value` differs from the newest one, looking for more decimals
    /// when those of the points before do not do.
    fn units_to(&mut self, value: f64) -> Option<i64> {
        if self.decimals == ENDLESS {
            return None;
        }
        for decimals in self.decimals..=MAX_DECIMALS {
            let exponent = usize::from(decimals);
            if let (Some(one), Some(other)) =
                (scaled(self.value, exponent), scaled(value, exponent))
            {
                self.decimals = decimals;
                return Some(other - one);
            }
        }
        // Looking costs more than it brings for values that are computed.
        self.decimals = ENDLESS;
        None
    }

    /// Calls `visit` with every point in time order.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are none of this, which is a fault of this module.
    pub(super) fn each(&self, mut visit: impl FnMut(Sample)) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut bytes = Reader::new(&self.bytes);
        let (mut at, mut step, mut value) = (self.first, 0_i64, bytes.float()?);
        visit(Sample::new(at, value));
        while !bytes.rest().is_empty() {
            let control = bytes.byte()?;
            if control < POINT {
                for _ in 0..=control {
                    at = at.wrapping_add(step);
                    visit(Sample::new(at, value));
                }
                continue;
            }
            if control & STEP != 0 {
                step = step.wrapping_add(bytes.signed()?);
            }
            value = read_value(&mut bytes, control, value)?;
            at = at.wrapping_add(step);
            visit(Sample::new(at, value));
        }
        Ok(())
    }
}

fn read_value(bytes: &mut Reader<'_>, control: u8, last: f64) -> Result<f64> {
    match control & KIND {
        UNITS => {
            let exponent = usize::from(control & DECIMALS);
            let whole = scaled(last, exponent).unwrap_or(0);
            Ok(unscaled(whole.wrapping_add(bytes.signed()?), exponent))
        }
        BITS => {
            let zeros = bytes.byte()?;
            let (before, behind) = (usize::from(zeros >> 4), usize::from(zeros & 0x0f));
            let mut difference = [0; 8];
            let end = 8_usize.saturating_sub(behind);
            if let Some(middle) = difference.get_mut(before..end) {
                middle.copy_from_slice(bytes.take(middle.len())?);
            }
            Ok(f64::from_bits(last.to_bits() ^ u64::from_be_bytes(difference)))
        }
        _ => Ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stale::stale_nan;
    use proptest::prelude::*;

    fn bytes_of(points: &[(i64, f64)]) -> usize {
        let mut tail = Tail::default();
        points.iter().for_each(|(at, value)| tail.push(Sample::new(*at, *value)));
        let mut found = Vec::new();
        tail.each(|sample| found.push((sample.timestamp.0, sample.value.to_bits()))).unwrap();
        let wanted: Vec<_> = points.iter().map(|(at, value)| (*at, value.to_bits())).collect();
        assert_eq!(found, wanted);
        assert_eq!(tail.len(), points.len());
        tail.bytes.len()
    }

    #[test]
    fn what_repeats_or_counts_takes_few_bytes() {
        let steady: Vec<_> = (0..300).map(|i| (i * 15_000, 1.0)).collect();
        assert!(bytes_of(&steady) < 20, "{}", bytes_of(&steady));
        let counter: Vec<_> = (0..128).map(|i| (i * 15_000, (i * 37) as f64)).collect();
        assert!(bytes_of(&counter) < 128 * 2 + 20, "{}", bytes_of(&counter));
        let seconds: Vec<_> =
            (0..128).map(|i| (i * 15_000, unscaled(1_000 + i * 1_431, 2))).collect();
        assert!(bytes_of(&seconds) < 128 * 3 + 20, "{}", bytes_of(&seconds));
    }

    #[test]
    fn odd_values_come_back_bit_by_bit() {
        let odd = [stale_nan(), -0.0, 0.0, f64::INFINITY, f64::NAN, 1e300, f64::from_bits(1), 0.1];
        let points: Vec<_> = (0..64).map(|i| (i * i, odd[i as usize % odd.len()])).collect();
        bytes_of(&points);
    }

    proptest! {
        #[test]
        fn any_points_come_back(points in prop::collection::vec((1_i64..1 << 40, any::<u64>(), 0_u8..4), 1..200)) {
            let mut at = -(1_i64 << 45);
            let points: Vec<_> = points.into_iter().map(|(step, bits, kind)| {
                at += step;
                let value = match kind {
                    0 => f64::from_bits(bits),
                    1 => (bits % 1_000) as f64,
                    2 => unscaled((bits % 100_000) as i64, 3),
                    _ => 7.0,
                };
                (at, value)
            }).collect();
            bytes_of(&points);
        }
    }
}
