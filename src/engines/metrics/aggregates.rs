//! Hours of a sealed float series in a few numbers, for queries over long ranges.
//!
//! ```text
//! hours: bit mask (bit 0 to 24), mask of those hours whose values are not all whole numbers,
//!   form u8 (0 columns, 1 one value all day, 2 a counter without resets)
//! count of points, milliseconds from the hour's start to the first and from the last to its end:
//!   a column of integers each
//! columns: sum, smallest, greatest, first, last value, what resets took away: a column of floats each
//! a counter without resets: the columns sum, first, last; the first is the smallest, the last the greatest
//! one value: the value (8 bytes); the sum is the count times the value, nothing was taken away
//! ```
//! Hour 1 holds what is later than the day's start and not later than one hour after, as PromQL's
//! ranges do; hour 0 holds what is at the day's start itself, which belongs to the day before. Stale
//! markers count nothing. A series that also has histograms has no aggregates.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_float, put_varint};
use crate::engines::metrics::codec::{Effort, floats, integers};
use crate::model::sample::Sample;
use crate::model::series::SeriesHour;
use crate::model::stale::is_stale;
use crate::model::time::TimestampMs;

const HOUR_MS: i64 = 3_600_000;

const COLUMNS: u8 = 0;
const ONE_VALUE: u8 = 1;
const RISING: u8 = 2;

/// What one hour of one float series amounts to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HourAggregate {
    /// 0 to 24, counted from the day's start; see above.
    pub(super) hour: u8,
    /// Points, at least one.
    pub(super) count: u64,
    /// The first point.
    pub(super) first: Sample,
    /// The last point.
    pub(super) last: Sample,
    /// The sum of all values, compensated as in `sum_over_time`.
    pub(super) sum: f64,
    /// The smallest value; NaN only when all are.
    pub(super) min: f64,
    /// The greatest value; likewise.
    pub(super) max: f64,
    /// The sum of the values right before each reset, in the order of the resets.
    pub(super) taken: f64,
    /// Whether all values are whole numbers.
    pub(super) whole: bool,
}

impl From<HourAggregate> for SeriesHour {
    fn from(own: HourAggregate) -> Self {
        SeriesHour {
            count: own.count,
            first: own.first,
            last: own.last,
            sum: own.sum,
            min: own.min,
            max: own.max,
            resets: own.taken,
            whole: own.whole,
        }
    }
}

impl HourAggregate {
    /// Returns how much a counter rose from the hour's first point to its last.
    #[cfg_attr(not(test), expect(dead_code, reason = "the selection does not ask for it yet"))]
    pub(super) fn increase(&self) -> f64 {
        self.last.value - self.first.value + self.taken
    }
}

/// Returns the hours of a day that starts at `start` in which there are points.
pub(super) fn of_points(points: &[Sample], start: TimestampMs) -> Vec<HourAggregate> {
    let mut hours: Vec<HourAggregate> = Vec::new();
    let mut compensation = 0.0;
    for point in points.iter().filter(|point| !is_stale(point.value)) {
        let hour = hour_of(point.timestamp, start);
        match hours.last_mut().filter(|last| last.hour == hour) {
            Some(own) => {
                if point.value < own.last.value {
                    own.taken += own.last.value;
                }
                own.count += 1;
                own.whole &= is_whole(point.value);
                own.last = *point;
                own.min =
                    if point.value < own.min || own.min.is_nan() { point.value } else { own.min };
                own.max =
                    if point.value > own.max || own.max.is_nan() { point.value } else { own.max };
                (own.sum, compensation) = add(point.value, own.sum, compensation);
            }
            None => {
                settle(hours.last_mut(), compensation);
                compensation = 0.0;
                let value = point.value;
                hours.push(HourAggregate {
                    hour,
                    count: 1,
                    first: *point,
                    last: *point,
                    sum: value,
                    min: value,
                    max: value,
                    taken: 0.0,
                    whole: is_whole(value),
                });
            }
        }
    }
    settle(hours.last_mut(), compensation);
    hours
}

/// Returns whether a value is a whole number; neither NaN nor the infinities are.
fn is_whole(value: f64) -> bool {
    value.is_finite() && value.fract() == 0.0
}

fn settle(hour: Option<&mut HourAggregate>, compensation: f64) {
    if let Some(hour) = hour.filter(|hour| hour.sum.is_finite()) {
        hour.sum += compensation;
    }
}

/// Adds as Neumaier does: returns the sum and what rounding took away from it.
fn add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    if total.is_infinite() {
        return (total, 0.0);
    }
    let lost = if sum.abs() >= value.abs() { (sum - total) + value } else { (value - total) + sum };
    (total, compensation + lost)
}

fn hour_of(at: TimestampMs, start: TimestampMs) -> u8 {
    let into_day = at.0.saturating_sub(start.0);
    (into_day.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS)).clamp(0, 24) as u8
}

/// Returns when an hour starts and ends.
fn bounds(hour: u8, start: TimestampMs) -> (i64, i64) {
    let end = start.0 + i64::from(hour) * HOUR_MS;
    (end - HOUR_MS, end)
}

/// Encodes the hours of a day that starts at `start`; at least one, rising.
pub(super) fn put(hours: &[HourAggregate], start: TimestampMs) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, hours.iter().fold(0, |mask, own| mask | 1 << own.hour));
    let broken = hours.iter().filter(|own| !own.whole);
    put_varint(&mut out, broken.fold(0, |mask, own| mask | 1 << own.hour));
    let value = hours.first().map_or(0.0, |own| own.first.value);
    let form = match () {
        () if hours.iter().all(|own| own.is_one_value(value)) => ONE_VALUE,
        () if hours.iter().all(HourAggregate::is_rising) => RISING,
        () => COLUMNS,
    };
    out.push(form);
    let integers = |out: &mut Vec<u8>, of: &dyn Fn(&HourAggregate) -> i64| {
        integers::encode(&hours.iter().map(of).collect::<Vec<_>>(), out);
    };
    integers(&mut out, &|own| own.count as i64);
    integers(&mut out, &|own| own.first.timestamp.0.wrapping_sub(bounds(own.hour, start).0));
    integers(&mut out, &|own| bounds(own.hour, start).1.wrapping_sub(own.last.timestamp.0));
    if form == ONE_VALUE {
        put_float(&mut out, value);
        return out;
    }
    let floats = |out: &mut Vec<u8>, of: &dyn Fn(&HourAggregate) -> f64| {
        floats::encode(&hours.iter().map(of).collect::<Vec<_>>(), Effort::Quick, out);
    };
    floats(&mut out, &|own| own.sum);
    if form == COLUMNS {
        floats(&mut out, &|own| own.min);
        floats(&mut out, &|own| own.max);
    }
    floats(&mut out, &|own| own.first.value);
    floats(&mut out, &|own| own.last.value);
    if form == COLUMNS {
        floats(&mut out, &|own| own.taken);
    }
    out
}

/// Decodes what [`put`] wrote.
///
/// # Errors
/// `Corrupt` when the bytes are no hours.
pub(super) fn read(entry: &[u8], start: TimestampMs) -> Result<Vec<HourAggregate>> {
    let mut bytes = Reader::new(entry);
    let mask = bytes.count((1 << 25) - 1)?;
    let hours: Vec<u8> = (0..25).filter(|hour| mask >> hour & 1 == 1).collect();
    if hours.is_empty() {
        return Err(Error::corrupt("aggregates of no hour"));
    }
    let broken = bytes.count((1 << 25) - 1)?;
    let form = bytes.byte()?;
    let [counts, firsts, lasts] = [(); 3].map(|()| integers::decode(&mut bytes, hours.len()));
    let (counts, firsts, lasts) = (counts?, firsts?, lasts?);
    let columns = match form {
        ONE_VALUE => {
            let value = bytes.float()?;
            let sums = counts.iter().map(|count| *count as f64 * value).collect();
            let same = vec![value; hours.len()];
            [sums, same.clone(), same.clone(), same.clone(), same, vec![0.0; hours.len()]]
        }
        COLUMNS => {
            let mut columns: [Vec<f64>; 6] = Default::default();
            for column in &mut columns {
                *column = floats::decode(&mut bytes, hours.len())?;
            }
            columns
        }
        RISING => {
            let [sums, firsts, lasts] = [(); 3].map(|()| floats::decode(&mut bytes, hours.len()));
            let (sums, firsts, lasts) = (sums?, firsts?, lasts?);
            [sums, firsts.clone(), lasts.clone(), firsts, lasts, vec![0.0; hours.len()]]
        }
        other => return Err(Error::corrupt(format!("unknown form {other} of aggregates"))),
    };
    if !bytes.rest().is_empty() {
        return Err(Error::corrupt("aggregates have bytes behind their end"));
    }
    let [sums, mins, maxs, first_values, last_values, taken] = columns;
    let hour = |(place, hour): (usize, u8)| {
        let (from, to) = bounds(hour, start);
        HourAggregate {
            hour,
            count: counts[place].unsigned_abs(),
            first: Sample::new(from.wrapping_add(firsts[place]), first_values[place]),
            last: Sample::new(to.wrapping_sub(lasts[place]), last_values[place]),
            sum: sums[place],
            min: mins[place],
            max: maxs[place],
            taken: taken[place],
            whole: broken >> hour & 1 == 0,
        }
    };
    Ok(hours.into_iter().enumerate().map(hour).collect())
}

impl HourAggregate {
    fn is_one_value(&self, value: f64) -> bool {
        let all = [self.first.value, self.last.value, self.min, self.max];
        all.iter().all(|own| own.to_bits() == value.to_bits())
            && self.sum.to_bits() == (self.count as f64 * value).to_bits()
            && self.taken.to_bits() == 0
    }

    fn is_rising(&self) -> bool {
        self.min.to_bits() == self.first.value.to_bits()
            && self.max.to_bits() == self.last.value.to_bits()
            && self.taken.to_bits() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stale::stale_nan;
    use proptest::prelude::*;

    const START: TimestampMs = TimestampMs(1_795_392_000_000);

    fn sample(into_day: i64, value: f64) -> Sample {
        Sample::new(START.0 + into_day, value)
    }

    #[test]
    fn an_hour_ends_with_the_point_at_its_end_and_counts_resets() {
        let points = [
            sample(0, 5.0),
            sample(1, 1.0),
            sample(60_000, 7.0),
            sample(120_000, stale_nan()),
            sample(180_000, 2.0),
            sample(HOUR_MS, 4.0),
            sample(HOUR_MS + 1, 0.5),
            sample(24 * HOUR_MS - 1, 9.0),
        ];
        let hours = of_points(&points, START);
        assert_eq!(hours.iter().map(|own| own.hour).collect::<Vec<_>>(), [0, 1, 2, 24]);
        let first = hours[1];
        assert_eq!((first.count, first.sum, first.min, first.max), (4, 14.0, 1.0, 7.0));
        assert_eq!((first.first, first.last), (points[1], points[5]));
        // 1 to 7, then from 0 to 2 and on to 4.
        assert_eq!(first.increase(), 10.0);
        assert_eq!(read(&put(&hours, START), START).unwrap(), hours);
    }

    #[test]
    fn a_constant_day_costs_little() {
        let points: Vec<_> = (0..5_760).map(|i| sample(i * 15_000 + 3, 0.1)).collect();
        let hours = of_points(&points, START);
        let entry = put(&hours, START);
        assert_eq!(read(&entry, START).unwrap(), hours);
        assert!(entry.len() < 32, "{} bytes", entry.len());
        assert!(read(&entry[..entry.len() - 1], START).is_err());
    }

    proptest! {
        #[test]
        fn any_hours_come_back(steps in prop::collection::vec((1_i64..2_000_000, prop_oneof![any::<f64>(), Just(-0.0), Just(7.0)]), 1..80)) {
            let mut at = 0;
            let points: Vec<_> = steps.into_iter().map(|(step, value)| { at += step; sample(at % (24 * HOUR_MS), value) }).collect();
            let sorted: Vec<_> = points.windows(2).take_while(|pair| pair[0].timestamp < pair[1].timestamp).map(|pair| pair[0]).collect();
            let hours = of_points(&sorted, START);
            prop_assert_eq!(hours.iter().map(|own| own.count).sum::<u64>(), sorted.iter().filter(|one| !is_stale(one.value)).count() as u64);
            if !hours.is_empty() {
                let bits = |hours: &[HourAggregate]| hours.iter().map(|own| format!("{own:?}")).collect::<Vec<_>>();
                prop_assert_eq!(bits(&read(&put(&hours, START), START).unwrap()), bits(&hours));
            }
        }

        #[test]
        fn hostile_bytes_are_an_error_or_hours(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, START);
        }
    }
}
