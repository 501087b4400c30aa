//! Points in time with their unit in the type, and ranges that say their ends.

/// Milliseconds since the Unix epoch: the resolution of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampMs(pub i64);

/// Nanoseconds since the Unix epoch (years 1678 to 2262): the resolution of logs and traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampNs(pub i64);

impl TimestampMs {
    /// Returns the same instant in nanoseconds, saturating at the ends of time.
    pub fn to_ns(self) -> TimestampNs {
        TimestampNs(self.0.saturating_mul(1_000_000))
    }
}

impl TimestampNs {
    /// Returns the millisecond that holds this instant.
    pub fn to_ms(self) -> TimestampMs {
        TimestampMs(self.0.div_euclid(1_000_000))
    }

    /// Returns the instant of OTLP's unsigned nanoseconds; `None` past the year 2262.
    pub fn from_unix_nanos(nanos: u64) -> Option<Self> {
        i64::try_from(nanos).ok().map(TimestampNs)
    }
}

/// A closed range: both ends belong to it. Empty when `start > end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange<T> {
    /// The first instant inside.
    pub start: T,
    /// The last instant inside.
    pub end: T,
}

impl<T: Copy + PartialOrd> TimeRange<T> {
    /// Creates the closed range from `start` to `end`.
    pub fn new(start: T, end: T) -> Self {
        TimeRange { start, end }
    }

    /// Returns whether `instant` lies inside.
    pub fn contains(&self, instant: T) -> bool {
        self.start <= instant && instant <= self.end
    }

    /// Returns whether the two ranges share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Returns whether no instant lies inside.
    pub fn is_empty(&self) -> bool {
        self.start > self.end
    }
}

impl TimeRange<TimestampMs> {
    /// The range of all representable time.
    pub const ALL: Self = TimeRange { start: TimestampMs(i64::MIN), end: TimestampMs(i64::MAX) };
}

impl TimeRange<TimestampNs> {
    /// The range of all representable time.
    pub const ALL: Self = TimeRange { start: TimestampNs(i64::MIN), end: TimestampNs(i64::MAX) };
}

/// A UTC day counted from 1970-01-01: the unit of partitions on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// Milliseconds of one UTC day.
pub const DAY_MS: i64 = 86_400_000;

impl Day {
    /// Returns the day that holds `at`; times beyond the year 5 million saturate.
    pub fn of_ms(at: TimestampMs) -> Self {
        let day = at.0.div_euclid(DAY_MS);
        Day(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Returns the day that holds `at`.
    pub fn of_ns(at: TimestampNs) -> Self {
        Day::of_ms(at.to_ms())
    }

    /// Returns the closed range of milliseconds of this day.
    pub fn range_ms(self) -> TimeRange<TimestampMs> {
        let start = i64::from(self.0) * DAY_MS;
        TimeRange::new(TimestampMs(start), TimestampMs(start + DAY_MS - 1))
    }

    /// Reads a day's name, `YYYY-MM-DD`, of the years 0 to 9999.
    pub fn from_name(text: &str) -> Option<Self> {
        let date: jiff::civil::Date = text.parse().ok()?;
        let at = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        let day = Day::of_ms(TimestampMs(at));
        (day.to_string() == text).then_some(day)
    }

    /// Returns the day before.
    pub fn previous(self) -> Self {
        Day(self.0.saturating_sub(1))
    }

    /// Returns year, month (1..=12) and day of month in the proleptic Gregorian calendar.
    pub fn civil(self) -> (i64, u32, u32) {
        civil(i64::from(self.0))
    }
}

/// Returns year, month (1..=12) and day of month of the day that is `days` after 1970-01-01, which
/// is at most 10^17 days away, in the proleptic Gregorian calendar.
pub fn civil(days: i64) -> (i64, u32, u32) {
    // Days are counted from 0000-03-01 so that the leap day ends a year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl std::fmt::Display for Day {
    /// Writes `YYYY-MM-DD`, the name of the day's partition.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_calendar_names() {
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day::of_ms(TimestampMs(1_795_392_000_000)).to_string(), "2026-11-23");
        assert_eq!(Day::of_ms(TimestampMs(951_782_400_000)).to_string(), "2000-02-29");
        assert_eq!(Day::of_ms(TimestampMs(-1)).to_string(), "1969-12-31");
        assert_eq!(Day::from_name("2000-02-29"), Some(Day::of_ms(TimestampMs(951_782_400_000))));
        assert_eq!(Day::from_name("1970-01-02").map(Day::previous), Some(Day(0)));
        for wrong in ["2026-1-1", "2026-02-30", "20260101", "2026-01-01T00:00:00", ""] {
            assert_eq!(Day::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_holds_both_ends() {
        let range = TimeRange::new(1, 3);
        assert!(range.contains(1) && range.contains(3) && !range.contains(4));
    }
}
