//! Times and durations as Go writes them.

use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::base::gotemplate::number::format_float;
use crate::base::gotemplate::value::Value;

/// The parts of a layout, longer ones before their beginnings.
const PARTS: [&str; 32] = [
    "January",
    "Monday",
    "Z07:00:00",
    "-07:00:00",
    "Z070000",
    "-070000",
    "Z07:00",
    "-07:00",
    "Z0700",
    "-0700",
    "2006",
    "Jan",
    "Mon",
    "MST",
    "Z07",
    "-07",
    "002",
    "__2",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "_2",
    "1",
    "2",
    "3",
    "4",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Writes a time in a layout of Go, such as `2006-01-02 15:04:05`.
pub fn format_time(at: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some((length, digits)) = fraction(rest) {
            out.push_str(&fraction_text(at, &rest[..length], digits));
            rest = &rest[length..];
        } else if let Some(part) = PARTS.iter().find(|part| begins_with(rest, part)) {
            out.push_str(&part_text(at, part));
            rest = &rest[part.len()..];
        } else if rest.starts_with('5') {
            out.push_str(&at.second().to_string());
            rest = &rest[1..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// `Jan` and `Mon` are parts only where no longer word begins with them.
fn begins_with(rest: &str, part: &str) -> bool {
    rest.strip_prefix(part).is_some_and(|behind| {
        let word = matches!(part, "Jan" | "Mon");
        !(word && behind.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

/// When a fraction of a second begins: its length and number of digits.
fn fraction(rest: &str) -> Option<(usize, usize)> {
    let digit = rest.strip_prefix(['.', ','])?.chars().next().filter(|c| "09".contains(*c))?;
    let digits = rest[1..].chars().take_while(|c| *c == digit).count();
    let more = rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit());
    (!more).then_some((1 + digits, digits))
}

fn fraction_text(at: &Zoned, layout: &str, digits: usize) -> String {
    let nanos = format!("{:09}", at.subsec_nanosecond());
    let kept = &nanos[..digits.min(9)];
    let mark = &layout[..1];
    if layout.ends_with('0') {
        return format!("{mark}{kept}");
    }
    match kept.trim_end_matches('0') {
        "" => String::new(),
        kept => format!("{mark}{kept}"),
    }
}

fn part_text(at: &Zoned, part: &str) -> String {
    let month = MONTHS[usize::try_from(at.month() - 1).unwrap_or(0)];
    let day = DAYS[usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0)];
    let hour12 = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match part {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "2006" => format!("{:04}", at.year()),
        "06" => format!("{:02}", at.year().rem_euclid(100)),
        "01" => format!("{:02}", at.month()),
        "1" => at.month().to_string(),
        "02" => format!("{:02}", at.day()),
        "_2" => format!("{:>2}", at.day()),
        "2" => at.day().to_string(),
        "002" => format!("{:03}", at.day_of_year()),
        "__2" => format!("{:>3}", at.day_of_year()),
        "15" => format!("{:02}", at.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", at.minute()),
        "4" => at.minute().to_string(),
        "05" => format!("{:02}", at.second()),
        "PM" => if at.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if at.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        "MST" => zone_name(at),
        zone => offset_text(at.offset().seconds(), zone),
    }
}

fn zone_name(at: &Zoned) -> String {
    at.time_zone().to_offset_info(at.timestamp()).abbreviation().to_owned()
}

/// Writes an offset as a part like `-07:00` or `Z0700` asks.
fn offset_text(seconds: i32, part: &str) -> String {
    if part.starts_with('Z') && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.abs();
    let colon = if part.contains(':') { ":" } else { "" };
    let mut text = format!("{sign}{:02}", size / 3_600);
    let digits = part.chars().filter(char::is_ascii_digit).count();
    if digits >= 4 {
        text.push_str(&format!("{colon}{:02}", size / 60 % 60));
    }
    if digits >= 6 {
        text.push_str(&format!("{colon}{:02}", size % 60));
    }
    text
}

/// Writes a time as Go prints it.
pub(crate) fn text(at: &Zoned) -> String {
    format_time(at, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// Writes a duration as Go prints it: `1h2m3.5s`.
pub(crate) fn duration_text(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let size = ns.unsigned_abs();
    let small = |unit: u64, name: &str| {
        format!("{sign}{}{name}", format_float(size as f64 / unit as f64, 'f', None))
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => small(1, "ns"),
        1_000..1_000_000 => small(1_000, "µs"),
        1_000_000..1_000_000_000 => small(1_000_000, "ms"),
        _ => {
            let seconds = size / 1_000_000_000;
            let nanos = format!("{:09}", size % 1_000_000_000);
            let fraction = match nanos.trim_end_matches('0') {
                "" => String::new(),
                digits => format!(".{digits}"),
            };
            let rest = format!("{}{fraction}s", seconds % 60);
            match (seconds / 3_600, seconds / 60 % 60) {
                (0, 0) => format!("{sign}{rest}"),
                (0, minutes) => format!("{sign}{minutes}m{rest}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}"),
            }
        }
    }
}

/// Calls a method of a time; `None` when there is none of this name.
pub(crate) fn method(at: &Zoned, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let value = match (name, arguments) {
        ("Format", [Value::Str(layout)]) => Value::from(format_time(at, layout)),
        ("Format", _) => return Some(Err("Format wants one layout".to_owned())),
        ("Unix", []) => Value::Int(at.timestamp().as_second()),
        ("UnixMilli", []) => Value::Int(at.timestamp().as_millisecond()),
        ("UnixNano", []) => {
            Value::Int(i64::try_from(at.timestamp().as_nanosecond()).unwrap_or(i64::MAX))
        }
        ("UTC", []) => Value::Time(Arc::new(at.with_time_zone(TimeZone::UTC))),
        ("Local", []) => Value::Time(Arc::new(at.with_time_zone(TimeZone::system()))),
        ("Year", []) => Value::Int(at.year().into()),
        ("Month", []) => Value::text(part_text(at, "January")),
        ("Day", []) => Value::Int(at.day().into()),
        ("YearDay", []) => Value::Int(at.day_of_year().into()),
        ("Weekday", []) => Value::text(part_text(at, "Monday")),
        ("Hour", []) => Value::Int(at.hour().into()),
        ("Minute", []) => Value::Int(at.minute().into()),
        ("Second", []) => Value::Int(at.second().into()),
        ("IsZero", []) => Value::Bool(text(at) == "0001-01-01 00:00:00 +0000 UTC"),
        ("String", []) => Value::from(text(at)),
        ("After", [Value::Time(other)]) => Value::Bool(at.timestamp() > other.timestamp()),
        ("Before", [Value::Time(other)]) => Value::Bool(at.timestamp() < other.timestamp()),
        ("Equal", [Value::Time(other)]) => Value::Bool(at.timestamp() == other.timestamp()),
        ("Sub", [Value::Time(other)]) => {
            let ns = at.timestamp().as_nanosecond() - other.timestamp().as_nanosecond();
            Value::Duration(i64::try_from(ns).unwrap_or(i64::MAX))
        }
        ("Add", [Value::Duration(ns)]) => {
            let moved = at.checked_add(jiff::SignedDuration::from_nanos(*ns));
            return Some(moved.map(|at| Value::Time(Arc::new(at))).map_err(|e| e.to_string()));
        }
        _ => return None,
    };
    Some(Ok(value))
}

/// Calls a method of a duration; `None` when there is none of this name.
pub(crate) fn duration_method(
    ns: i64,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    let value = match (name, arguments) {
        ("Seconds", []) => Value::Float(ns as f64 / 1e9),
        ("Minutes", []) => Value::Float(ns as f64 / 60e9),
        ("Hours", []) => Value::Float(ns as f64 / 3_600e9),
        ("Milliseconds", []) => Value::Int(ns / 1_000_000),
        ("Nanoseconds", []) => Value::Int(ns),
        ("String", []) => Value::from(duration_text(ns)),
        _ => return None,
    };
    Some(Ok(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zoned(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn layouts_of_go_write_every_part() {
        let at = zoned("2009-11-10T23:04:05.678[UTC]");
        for (layout, expected) in [
            ("2006-01-02 15:04:05", "2009-11-10 23:04:05"),
            ("2006-01-02T15:04:05Z07:00", "2009-11-10T23:04:05Z"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 10 Nov 2009 23:04:05 UTC"),
            ("Monday, January 2, 3:04PM '06", "Tuesday, November 10, 11:04PM '09"),
            ("15:04:05.000 -0700", "23:04:05.678 +0000"),
            ("5.999999", "5.678"),
            ("002 _2 1 03 pm", "314 10 11 11 pm"),
            ("January Month", "November Month"),
        ] {
            assert_eq!(format_time(&at, layout), expected, "{layout}");
        }
    }

    #[test]
    fn zones_are_written_by_name_and_offset() {
        let at = zoned("2024-07-01T12:00:00[Europe/Paris]");
        assert_eq!(text(&at), "2024-07-01 12:00:00 +0200 CEST");
        assert_eq!(format_time(&at, "Z07:00 -07"), "+02:00 +02");
    }

    #[test]
    fn durations_print_as_in_go() {
        for (ns, expected) in [
            (0, "0s"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (61_500_000_000, "1m1.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (-90_000_000_000, "-1m30s"),
        ] {
            assert_eq!(duration_text(ns), expected);
        }
    }
}
