//! Floats: most are short decimals that only look long in binary.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_float, put_varint};
use crate::engines::metrics::codec::{Effort, binned, integers, xor};

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const XOR: u8 = 2;
const PLAIN: u8 = 3;
const BINNED_DECIMAL: u8 = 4;
const BINNED: u8 = 5;
const SQUEEZED: u8 = 6;

/// Forms shorter than this are not worth looking for a better one.
const SMALL: usize = 48;

/// A form that decodes slower has to save this share.
const WORTH: usize = 64;

const ZSTD_LEVEL: i32 = 6;

/// What a form may need beyond its values.
const MAX_FORM: usize = 64;

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Whole numbers up to here are exact floats.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Appends `values`, of which there is at least one.
pub(in crate::engines::metrics) fn encode(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let start = out.len();
    let decimal = encode_quickly(values, out);
    if effort == Effort::Best && out.len() - start >= SMALL {
        improve(values, decimal.as_ref(), start, out);
    }
}

/// Puts the shortest of the other forms in place of the one that `out` holds from `start` on.
fn improve(values: &[f64], decimal: Option<&Decimal>, start: usize, out: &mut Vec<u8>) {
    let quick = out.len() - start;
    let mut best = Vec::new();
    if let Ok(squeezed) = zstd::bulk::compress(&out[start..], ZSTD_LEVEL) {
        best.push(SQUEEZED);
        put_varint(&mut best, quick as u64);
        put_bytes(&mut best, &squeezed);
    }
    let mut binned = Vec::new();
    let done = match decimal {
        Some(decimal) => {
            binned.push(BINNED_DECIMAL);
            decimal.put_head(&mut binned);
            binned::encode_whole(&decimal.wholes, &mut binned)
        }
        None => {
            binned.push(BINNED);
            binned::encode(values, &mut binned)
        }
    };
    if done && (best.is_empty() || binned.len() < best.len()) {
        best = binned;
    }
    if !best.is_empty() && best.len() + quick / WORTH < quick {
        out.truncate(start);
        out.extend_from_slice(&best);
    }
}

/// Appends `values` in a form that costs little time, and returns them as decimals if they are.
fn encode_quickly(values: &[f64], out: &mut Vec<u8>) -> Option<Decimal> {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        out.push(CONSTANT);
        put_float(out, first);
        return None;
    }
    if let Some(decimal) = Decimal::of(values) {
        out.push(DECIMAL);
        decimal.put_head(out);
        integers::encode(&decimal.wholes, out);
        return Some(decimal);
    }
    let start = out.len();
    out.push(XOR);
    xor::encode(values, out);
    if out.len() - start > 1 + values.len() * 8 {
        out.truncate(start);
        out.push(PLAIN);
        values.iter().for_each(|value| put_float(out, *value));
    }
    None
}

/// Reads `count` values, which the caller has bounded and which are at least one.
pub(in crate::engines::metrics) fn decode(
    bytes: &mut Reader<'_>,
    count: usize,
) -> Result<Vec<f64>> {
    decode_first(bytes, count, count)
}

/// Reads the first `wanted` of `count` values, which the caller has bounded and which are at least
/// one, or some more. Only all of them leave the reader at their end.
pub(in crate::engines::metrics) fn decode_first(
    bytes: &mut Reader<'_>,
    count: usize,
    wanted: usize,
) -> Result<Vec<f64>> {
    match bytes.byte()? {
        CONSTANT => Ok(vec![bytes.float()?; wanted]),
        DECIMAL => {
            decode_decimal(bytes, count, |bytes| integers::decode_first(bytes, count, wanted))
        }
        BINNED_DECIMAL => {
            decode_decimal(bytes, count, |bytes| binned::decode(bytes, count, wanted))
        }
        BINNED => binned::decode(bytes, count, wanted),
        SQUEEZED => {
            let length = bytes.count(MAX_FORM + count * 16)?;
            let form = zstd::bulk::decompress(bytes.bytes()?, length).map_err(|error| {
                Error::corrupt(format!("squeezed floats do not inflate: {error}"))
            })?;
            if form.first() == Some(&SQUEEZED) {
                return Err(Error::corrupt("floats are squeezed twice"));
            }
            decode_first(&mut Reader::new(&form), count, wanted)
        }
        XOR => xor::decode(bytes, wanted),
        PLAIN => (0..wanted).map(|_| bytes.float()).collect(),
        other => Err(Error::corrupt(format!("unknown float codec {other}"))),
    }
}

/// Floats as whole numbers divided by one power of ten.
struct Decimal {
    exponent: usize,
    /// One a float; an exception repeats its neighbour.
    wholes: Vec<i64>,
    /// Place and value of what is no short decimal.
    exceptions: Vec<(usize, f64)>,
}

impl Decimal {
    /// Finds the smallest exponent at which all but an eighth are whole; `None` when there is none.
    fn of(values: &[f64]) -> Option<Self> {
        let tolerated = values.len() / 8;
        let mut exponent = 0;
        'exponents: loop {
            let mut wholes = Vec::with_capacity(values.len());
            let mut exceptions = Vec::new();
            for (place, value) in values.iter().enumerate() {
                if let Some(whole) = scaled(*value, exponent) {
                    wholes.push(whole);
                    continue;
                }
                let larger =
                    (exponent + 1..POWERS.len()).find(|larger| scaled(*value, *larger).is_some());
                if let Some(larger) = larger {
                    exponent = larger;
                    continue 'exponents;
                }
                exceptions.push((place, *value));
                if exceptions.len() > tolerated {
                    return None;
                }
                wholes.push(wholes.last().copied().unwrap_or(0));
            }
            return Some(Decimal { exponent, wholes, exceptions });
        }
    }

    /// Appends the exponent, the number of exceptions, and each one's distance to the one before and
    /// its bits. The whole numbers follow.
    fn put_head(&self, out: &mut Vec<u8>) {
        out.push(self.exponent as u8);
        put_varint(out, self.exceptions.len() as u64);
        let mut before = 0;
        for (place, value) in &self.exceptions {
            put_varint(out, (place - before) as u64);
            put_float(out, *value);
            before = *place;
        }
    }
}

/// Returns the whole number that gives back exactly these bits when divided by the power of ten.
pub(in crate::engines::metrics) fn scaled(value: f64, exponent: usize) -> Option<i64> {
    let near = value * POWERS[exponent];
    // Also false for NaN.
    if near.abs() <= LARGEST_WHOLE {
        let whole = (near + 0.5_f64.copysign(near)) as i64;
        return (unscaled(whole, exponent).to_bits() == value.to_bits()).then_some(whole);
    }
    None
}

/// Returns the float that [`scaled`] took for `whole`.
pub(in crate::engines::metrics) fn unscaled(whole: i64, exponent: usize) -> f64 {
    whole as f64 / POWERS[exponent]
}

fn decode_decimal(
    bytes: &mut Reader<'_>,
    count: usize,
    wholes: impl FnOnce(&mut Reader<'_>) -> Result<Vec<i64>>,
) -> Result<Vec<f64>> {
    let exponent = usize::from(bytes.byte()?);
    if exponent >= POWERS.len() {
        return Err(Error::corrupt(format!("a decimal exponent of {exponent}")));
    }
    let exception_count = bytes.count(count)?;
    let mut exceptions = Vec::with_capacity(exception_count);
    let mut place = 0_usize;
    for _ in 0..exception_count {
        place = place.saturating_add(bytes.count(count)?);
        exceptions.push((place, bytes.float()?));
    }
    let wholes = wholes(bytes)?;
    let mut values: Vec<_> = match exponent {
        0 => wholes.into_iter().map(|whole| whole as f64).collect(),
        _ => wholes.into_iter().map(|whole| unscaled(whole, exponent)).collect(),
    };
    for (place, value) in exceptions {
        match values.get_mut(place) {
            Some(at) => *at = value,
            None if place < count => {}
            None => return Err(Error::corrupt("an exception has no place")),
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stale::stale_nan;
    use proptest::prelude::*;

    fn size_at(values: &[f64], effort: Effort) -> usize {
        let mut out = Vec::new();
        encode(values, effort, &mut out);
        let mut bytes = Reader::new(&out);
        let found = decode(&mut bytes, values.len()).unwrap();
        let as_bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(as_bits(&found), as_bits(values));
        assert!(bytes.rest().is_empty());
        for wanted in [1, values.len() / 2, values.len() - values.len() / 9].map(|some| some.max(1))
        {
            let found = decode_first(&mut Reader::new(&out), values.len(), wanted).unwrap();
            assert_eq!(as_bits(&found[..wanted]), as_bits(&values[..wanted]));
        }
        out.len()
    }

    fn size_of(values: &[f64]) -> usize {
        let (quick, best) = (size_at(values, Effort::Quick), size_at(values, Effort::Best));
        assert!(best <= quick, "the best form has {best} bytes, the quick one {quick}");
        quick
    }

    /// A number without a pattern for each number.
    fn noise(number: u64) -> u64 {
        let mixed = (number ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 11
    }

    #[test]
    fn a_day_of_noise_is_binned_and_one_of_repetition_squeezed() {
        let form = |values: &[f64]| {
            let mut out = Vec::new();
            encode(values, Effort::Best, &mut out);
            assert!(out.len() < size_at(values, Effort::Quick));
            out[0]
        };
        let mut total = 0;
        let steps = (0..5_760).map(|i| (noise(i) % 100).min(noise(i * 7) % 100));
        let counter: Vec<_> = steps
            .map(|step| {
                total += step;
                total as f64 / 100.0
            })
            .collect();
        assert_eq!(form(&counter), BINNED_DECIMAL);
        let waves: Vec<_> =
            (0..5_760).map(|i| ((i % 288) as f64 / 46.0).sin() + noise(i) as f64 / 1e20).collect();
        assert!(form(&waves) == BINNED);
        let pattern: Vec<_> = (0..5_760).map(|i| (noise(i % 240) % 1_000) as f64).collect();
        assert_eq!(form(&pattern), SQUEEZED);
    }

    #[test]
    fn decimals_and_counters_are_small_and_exact() {
        let seconds: Vec<_> =
            (0..480).map(|i| f64::from(i * 37 % 1_000 + i * 800) / 100.0).collect();
        assert!(size_of(&seconds) < 480 * 3 / 2 + 20, "{}", size_of(&seconds));
        let counter: Vec<_> = (0..480).map(|i| f64::from(i * 7 + i % 3)).collect();
        assert!(size_of(&counter) < 480 / 2, "{}", size_of(&counter));
        assert!(size_of(&[1.0; 480]) == 9);
    }

    #[test]
    fn a_stale_marker_does_not_break_decimals() {
        let mut values: Vec<_> = (0..64).map(|i| f64::from(i) / 10.0).collect();
        let before = size_of(&values);
        values[30] = stale_nan();
        assert!(size_of(&values) <= before + 20, "{} after {before}", size_of(&values));
        values[0] = -0.0;
        size_of(&values);
    }

    #[test]
    fn full_precision_never_costs_more_than_plain() {
        let values: Vec<_> = (1..200_i32).map(|i| f64::from(i).sqrt().sin()).collect();
        assert!(size_of(&values) <= 1 + 8 * values.len());
        size_of(&[f64::NAN, f64::INFINITY, f64::from_bits(1), -0.0, 1e300]);
    }

    proptest! {
        #[test]
        fn any_bits_come_back(bits in prop::collection::vec(any::<u64>(), 1..200)) {
            size_of(&bits.into_iter().map(f64::from_bits).collect::<Vec<_>>());
        }

        #[test]
        fn decimals_come_back(wholes in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..200), exponent in 0_usize..9) {
            size_of(&wholes.iter().map(|whole| unscaled(*whole, exponent)).collect::<Vec<_>>());
        }

        #[test]
        fn hostile_bytes_are_an_error_or_floats(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for form in 0..=SQUEEZED {
                let bytes = [&[form][..], &bytes].concat();
                let _ = decode(&mut Reader::new(&bytes), 300);
                let _ = decode_first(&mut Reader::new(&bytes), 300, 100);
            }
        }
    }
}
