//! Time intervals: office hours, nights, the last days of months.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::time::TimestampMs;

/// Instants that fulfil every part that is given; a part without ranges is fulfilled always.
#[derive(Debug, Clone)]
pub struct TimeInterval {
    /// Minutes of the day, the end excluded.
    pub times: Vec<Range>,
    /// Days of the week, Sunday is 0.
    pub weekdays: Vec<Range>,
    /// Days of the month from 1; negative ones count from its end, -1 is the last day.
    pub days_of_month: Vec<Range>,
    /// Months from 1.
    pub months: Vec<Range>,
    /// Years.
    pub years: Vec<Range>,
    /// Where the clock hangs.
    pub zone: TimeZone,
}

/// Numbers from the first to the last, both included unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: i32,
    /// The last.
    pub end: i32,
}

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const MINUTES: i32 = 24 * 60;

impl TimeInterval {
    /// Returns whether the instant lies inside.
    pub fn contains(&self, at: TimestampMs) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at.0) else { return false };
        let at = at.to_zoned(self.zone.clone());
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        let weekday = i32::from(at.weekday().to_sunday_zero_offset());
        let holds = |ranges: &[Range], value: i32| {
            ranges.is_empty() || ranges.iter().any(|r| r.start <= value && value <= r.end)
        };
        let in_times = self.times.is_empty()
            || self.times.iter().any(|range| range.start <= minute && minute < range.end);
        in_times
            && holds(&self.weekdays, weekday)
            && holds(&self.months, i32::from(at.month()))
            && holds(&self.years, i32::from(at.year()))
            && self.holds_day(&at)
    }

    fn holds_day(&self, at: &Zoned) -> bool {
        let length = i32::from(at.days_in_month());
        let day = |day: i32| if day < 0 { length + day + 1 } else { day };
        let today = i32::from(at.day());
        self.days_of_month.is_empty()
            || self.days_of_month.iter().any(|range| {
                let (start, end) = (day(range.start).max(1), day(range.end).min(length));
                start <= today && today <= end
            })
    }
}

/// Reads `09:00` or `24:00` as minutes of the day.
///
/// # Errors
/// A text for people.
pub fn minute_of_day(text: &str) -> Result<i32, String> {
    let wrong = || format!("couldn't parse timestamp {text}, invalid format");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 {
        return Err(wrong());
    }
    let hour = i32::from(u8::from_str(hour).map_err(|_| wrong())?);
    let minute = i32::from(u8::from_str(minute).map_err(|_| wrong())?);
    let total = hour * 60 + minute;
    if minute > 59 || total > MINUTES {
        return Err(wrong());
    }
    Ok(total)
}

/// Reads `monday` or `monday:friday`.
///
/// # Errors
/// A text for people.
pub fn weekdays(text: &str) -> Result<Range, String> {
    let range = range(text, |word| {
        let found = WEEKDAYS.iter().position(|name| *name == word.to_lowercase());
        found.map(|index| index as i32).ok_or_else(|| format!("{word} is not a valid weekday"))
    })?;
    ordered(range, text)
}

/// Reads `march`, `1:3` or `march:june`.
///
/// # Errors
/// A text for people.
pub fn months(text: &str) -> Result<Range, String> {
    let range = range(text, |word| {
        let wrong = || format!("{word} is not a valid month");
        match MONTHS.iter().position(|name| *name == word.to_lowercase()) {
            Some(index) => Ok(index as i32 + 1),
            None => i32::from_str(word).ok().filter(|m| (1..=12).contains(m)).ok_or_else(wrong),
        }
    })?;
    ordered(range, text)
}

/// Reads `2026` or `2026:2028`.
///
/// # Errors
/// A text for people.
pub fn years(text: &str) -> Result<Range, String> {
    let range =
        range(text, |word| i32::from_str(word).map_err(|_| format!("{word} is not a year")))?;
    ordered(range, text)
}

/// Reads `1:5`, `-3:-1` or `15:-1`.
///
/// # Errors
/// A text for people.
pub fn days_of_month(text: &str) -> Result<Range, String> {
    let range = range(text, |word| {
        let day = i32::from_str(word).ok().filter(|day| *day != 0 && (-31..=31).contains(day));
        day.ok_or_else(|| format!("{word} is not a valid day of the month: out of range"))
    })?;
    if range.start < 0 && range.end > 0 {
        return Err("end day must be negative if start day is negative".to_owned());
    }
    // Whether 15:-20 is empty depends on the month; 1:-31 at the longest month is not.
    let length = |day: i32| if day < 0 { 31 + day + 1 } else { day };
    let compared = Range { start: length(range.start), end: length(range.end) };
    ordered(compared, text)?;
    Ok(range)
}

fn range(text: &str, one: impl Fn(&str) -> Result<i32, String>) -> Result<Range, String> {
    let text = text.trim();
    let (start, end) = text.split_once(':').unwrap_or((text, text));
    Ok(Range { start: one(start.trim())?, end: one(end.trim())? })
}

fn ordered(range: Range, text: &str) -> Result<Range, String> {
    match range.start <= range.end {
        true => Ok(range),
        false => Err(format!("the start of {text:?} lies behind its end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always() -> TimeInterval {
        TimeInterval {
            times: Vec::new(),
            weekdays: Vec::new(),
            days_of_month: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }

    fn at(text: &str) -> TimestampMs {
        TimestampMs(Timestamp::from_str(text).unwrap().as_millisecond())
    }

    #[test]
    fn office_hours_end_with_their_last_minute_in_their_own_zone() {
        let range =
            Range { start: minute_of_day("09:00").unwrap(), end: minute_of_day("17:00").unwrap() };
        let mut office = TimeInterval { times: vec![range], ..always() };
        office.weekdays = vec![weekdays("monday:friday").unwrap()];
        assert!(office.contains(at("2026-11-23T09:00:00Z")));
        assert!(office.contains(at("2026-11-23T16:59:59Z")));
        assert!(!office.contains(at("2026-11-23T17:00:00Z")));
        assert!(!office.contains(at("2026-11-22T10:00:00Z")), "a Sunday");
        office.zone = TimeZone::get("Australia/Melbourne").unwrap();
        assert!(office.contains(at("2026-11-22T22:30:00Z")), "Monday morning there");
        assert!(!office.contains(at("2026-11-23T09:00:00Z")), "Monday evening there");
    }

    #[test]
    fn negative_days_count_from_the_end_of_each_month() {
        let last =
            TimeInterval { days_of_month: vec![days_of_month("-2:-1").unwrap()], ..always() };
        assert!(last.contains(at("2027-02-27T12:00:00Z")));
        assert!(!last.contains(at("2026-11-28T12:00:00Z")));
        assert!(last.contains(at("2026-11-29T12:00:00Z")));
        let rest = TimeInterval { days_of_month: vec![days_of_month("31").unwrap()], ..always() };
        assert!(!rest.contains(at("2026-11-30T12:00:00Z")), "November has no 31st");
    }

    #[test]
    fn months_and_years_are_read_by_name_and_number() {
        let mut spring = TimeInterval { months: vec![months("march:may").unwrap()], ..always() };
        assert!(spring.contains(at("2026-05-31T23:59:59Z")));
        assert!(!spring.contains(at("2026-06-01T00:00:00Z")));
        spring.years = vec![years("2027:2028").unwrap()];
        assert!(!spring.contains(at("2026-05-01T00:00:00Z")));
        assert_eq!(months("1:3").unwrap(), Range { start: 1, end: 3 });
    }

    #[test]
    fn wrong_words_and_turned_ranges_are_refused() {
        assert!(minute_of_day("24:01").is_err() && minute_of_day("9").is_err());
        assert!(minute_of_day("9:60").is_err() && minute_of_day("24:00") == Ok(MINUTES));
        assert!(weekdays("friday:monday").is_err() && weekdays("mon").is_err());
        assert!(months("13").is_err() && months("may:march").is_err());
        for wrong in ["0", "32", "-5:3", "-1:-3", "20:10", "x"] {
            assert!(days_of_month(wrong).is_err(), "{wrong}");
        }
        assert!(days_of_month("15:-1").is_ok());
    }
}
