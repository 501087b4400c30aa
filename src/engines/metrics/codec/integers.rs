//! Whole numbers that move regularly: differences, divided by what they share, packed.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bits::BitWriter;
use crate::engines::metrics::codec::bytes::{Reader, put_signed, put_varint, unzigzag, zigzag};

const CONSTANT: u8 = 0;
const DELTA: u8 = 1;
const DELTA_OF_DELTA: u8 = 2;

/// Residuals that share one width.
const BLOCK: usize = 128;

/// Marks a block whose residuals count from its smallest one instead of being zigzag-coded.
const FROM_SMALLEST: u8 = 0x80;

/// Appends `values`, of which there is at least one. Differences wrap, so any values will do.
pub(in crate::engines::metrics) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0);
    let mut deltas: Vec<i64> =
        values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    if deltas.iter().all(|delta| *delta == 0) {
        out.push(CONSTANT);
        put_signed(out, first);
        return;
    }
    let divisor = common_divisor(&deltas);
    if divisor > 1 {
        deltas.iter_mut().for_each(|delta| *delta /= divisor as i64);
    }
    let second = differences(&deltas);
    let by_second = total_bits(&second) < total_bits(&deltas);
    out.push(if by_second { DELTA_OF_DELTA } else { DELTA });
    put_signed(out, first);
    put_varint(out, divisor);
    let residuals = if by_second { second } else { deltas };
    residuals.chunks(BLOCK).for_each(|block| pack(block, out));
}

/// Reads `count` values, which the caller has bounded and which are at least one.
pub(in crate::engines::metrics) fn decode(
    bytes: &mut Reader<'_>,
    count: usize,
) -> Result<Vec<i64>> {
    decode_first(bytes, count, count)
}

/// Reads the first `wanted` of `count` values, which the caller has bounded and which are at least
/// one, or some more. Only all of them leave the reader at their end.
pub(in crate::engines::metrics) fn decode_first(
    bytes: &mut Reader<'_>,
    count: usize,
    wanted: usize,
) -> Result<Vec<i64>> {
    let mode = bytes.byte()?;
    let first = bytes.signed()?;
    match mode {
        CONSTANT => return Ok(vec![first; wanted]),
        DELTA | DELTA_OF_DELTA => {}
        other => return Err(Error::corrupt(format!("unknown integer codec {other}"))),
    }
    let divisor = bytes.varint()? as i64;
    let mut values = Vec::with_capacity(count.min(wanted + BLOCK));
    values.push(first);
    let (mut value, mut delta) = (first, 0_i64);
    let mut block = [0; BLOCK];
    while values.len() < count.min(wanted) {
        let residuals = &mut block[..BLOCK.min(count - values.len())];
        unpack(bytes, residuals)?;
        let residuals = residuals.iter().map(|residual| *residual as i64);
        if mode == DELTA {
            values.extend(residuals.map(|residual| {
                value = value.wrapping_add(residual.wrapping_mul(divisor));
                value
            }));
        } else {
            values.extend(residuals.map(|residual| {
                delta = delta.wrapping_add(residual);
                value = value.wrapping_add(delta.wrapping_mul(divisor));
                value
            }));
        }
    }
    Ok(values)
}

/// Returns the largest number that divides every delta, at least 1 and fit for an `i64`.
fn common_divisor(deltas: &[i64]) -> u64 {
    let mut divisor = 0_u64;
    for delta in deltas {
        let mut rest = delta.unsigned_abs();
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        if divisor == 1 {
            break;
        }
    }
    // 2^63 would not fit; it only appears when every delta is i64::MIN or 0.
    if divisor == 0 || divisor > i64::MAX as u64 { 1 } else { divisor }
}

/// Returns the first value and then each one's distance to the one before.
fn differences(values: &[i64]) -> Vec<i64> {
    let mut last = 0_i64;
    let mut result = Vec::with_capacity(values.len());
    for value in values {
        result.push(value.wrapping_sub(last));
        last = *value;
    }
    result
}

fn total_bits(values: &[i64]) -> u64 {
    values.iter().map(|value| u64::from(bits(zigzag(*value)))).sum()
}

fn bits(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Appends one block: width and flag, the smallest residual if they count from it, the number of
/// exceptions, the packed low bits, and of each exception its place and its high bits.
fn pack(residuals: &[i64], out: &mut Vec<u8>) {
    let smallest = residuals.iter().copied().min().unwrap_or(0);
    let signed: Vec<u64> = residuals.iter().map(|residual| zigzag(*residual)).collect();
    let offsets: Vec<u64> =
        residuals.iter().map(|residual| residual.wrapping_sub(smallest) as u64).collect();
    let (signed_width, signed_cost) = best_width(&signed);
    let (offset_width, offset_cost) = best_width(&offsets);
    let smallest_cost = u64::from(bits(zigzag(smallest)).div_ceil(7).max(1)) * 8;
    let from_smallest = offset_cost + smallest_cost < signed_cost;
    let (numbers, width) =
        if from_smallest { (offsets, offset_width) } else { (signed, signed_width) };
    out.push(width as u8 | if from_smallest { FROM_SMALLEST } else { 0 });
    if from_smallest {
        put_signed(out, smallest);
    }
    let wide = |number: &&(usize, u64)| bits(number.1) > width;
    let numbered: Vec<_> = numbers.into_iter().enumerate().collect();
    put_varint(out, numbered.iter().filter(wide).count() as u64);
    let mut packed = BitWriter::new(out);
    numbered.iter().for_each(|(_, number)| packed.put(*number, width));
    packed.finish();
    for (place, number) in numbered.iter().filter(wide) {
        out.push(*place as u8);
        put_varint(out, number >> width);
    }
}

/// Returns the width with the fewest bits in total, exceptions included, and that total.
fn best_width(numbers: &[u64]) -> (u32, u64) {
    let mut of_length = [0_u64; 65];
    let mut longest = 0;
    for number in numbers {
        let length = bits(*number);
        of_length[length as usize] += 1;
        longest = longest.max(length);
    }
    let mut best = (64, u64::MAX);
    for width in 0..=longest {
        let mut cost = u64::from(width) * numbers.len() as u64;
        for length in width + 1..=longest {
            let high_bytes = u64::from((length - width).div_ceil(7));
            cost += of_length[length as usize] * (8 + 8 * high_bytes);
        }
        if cost < best.1 {
            best = (width, cost);
        }
    }
    best
}

/// Reads one block of residuals, as the bits of signed numbers.
fn unpack(bytes: &mut Reader<'_>, numbers: &mut [u64]) -> Result<()> {
    let head = bytes.byte()?;
    let width = u32::from(head & !FROM_SMALLEST);
    if width > 64 {
        return Err(Error::corrupt(format!("a packed width of {width} bits")));
    }
    let smallest = if head & FROM_SMALLEST != 0 { Some(bytes.signed()?) } else { None };
    let exceptions = bytes.count(numbers.len())?;
    unpack_bits(bytes.take((numbers.len() * width as usize).div_ceil(8))?, width, numbers);
    for _ in 0..exceptions {
        let place = usize::from(bytes.byte()?);
        let high = bytes.varint()?.checked_shl(width).unwrap_or(0);
        let number =
            numbers.get_mut(place).ok_or_else(|| Error::corrupt("an exception has no place"))?;
        *number |= high;
    }
    match smallest {
        Some(smallest) => {
            numbers.iter_mut().for_each(|number| *number = number.wrapping_add(smallest as u64))
        }
        None => numbers.iter_mut().for_each(|number| *number = unzigzag(*number) as u64),
    }
    Ok(())
}

/// Takes numbers of one width from bytes that hold just them.
fn unpack_bits(packed: &[u8], width: u32, numbers: &mut [u64]) {
    if width == 0 {
        return numbers.fill(0);
    }
    let width = width as usize;
    // Numbers that have nine bytes from their first one on; the others are read behind padding.
    let inside = packed.len().checked_sub(9).map_or(0, |last| last * 8 / width + 1);
    let (inside, rest) = numbers.split_at_mut(inside.min(numbers.len()));
    take_bits(packed, width, 0, inside);
    let from = inside.len() * width;
    let left = &packed[(from / 8).min(packed.len())..];
    let mut padded = [0_u8; 32];
    padded[..left.len()].copy_from_slice(left);
    take_bits(&padded, width, from % 8, rest);
}

/// Takes numbers from a bit on; nine bytes from the first one of each are there.
fn take_bits(packed: &[u8], width: usize, mut bit: usize, numbers: &mut [u64]) {
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    for number in numbers {
        let (place, shift) = (bit / 8, bit % 8);
        let mut low = [0; 8];
        low.copy_from_slice(&packed[place..place + 8]);
        *number = u64::from_le_bytes(low) >> shift;
        // Eight bytes hold a number of up to 57 bits at any bit of the first one.
        if width > 57 && shift > 0 {
            *number |= u64::from(packed[place + 8]) << (64 - shift);
        }
        *number &= mask;
        bit += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size_of(values: &[i64]) -> usize {
        let mut out = Vec::new();
        encode(values, &mut out);
        let mut bytes = Reader::new(&out);
        assert_eq!(decode(&mut bytes, values.len()).unwrap(), values);
        assert!(bytes.rest().is_empty());
        out.len()
    }

    #[test]
    fn regular_numbers_cost_almost_nothing() {
        assert!(size_of(&[7; 480]) <= 3);
        let even: Vec<_> = (0..480).map(|i| 1_795_435_200_000 + i * 15_000).collect();
        assert!(size_of(&even) <= 36, "{}", size_of(&even));
        let pages: Vec<_> = (0..480_i64).map(|i| (i * i % 37) * 4_096).collect();
        assert!(size_of(&pages) < 480, "{}", size_of(&pages));
    }

    #[test]
    fn one_counter_reset_costs_an_exception_and_not_a_width() {
        let mut values: Vec<_> = (0..128).map(|i| 1_000_000 + i * 3 + i % 2).collect();
        values.extend((0..128).map(|i| i * 3 + i % 2));
        assert!(size_of(&values) < 150, "{}", size_of(&values));
    }

    #[test]
    fn the_ends_of_the_number_line_survive() {
        size_of(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
        size_of(&[0, i64::MIN]);
        size_of(&[i64::MAX]);
    }

    proptest! {
        #[test]
        fn any_integers_come_back(values in prop::collection::vec(any::<i64>(), 1..300)) {
            size_of(&values);
        }

        #[test]
        fn hostile_bytes_are_an_error_or_numbers(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&mut Reader::new(&bytes), 300);
        }
    }
}
