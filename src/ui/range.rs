//! The time range of a page, with everything its menu shows.

use std::time::Duration;

use crate::base::duration::parse_duration;
use crate::model::time::{TimeRange, TimestampMs, TimestampNs};
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::time_text;

/// Presets of the menu: the text of `from`, and its words. They end now.
const PRESETS: [(&str, &str); 12] = [
    ("now-5m", "Last 5 minutes"),
    ("now-15m", "Last 15 minutes"),
    ("now-30m", "Last 30 minutes"),
    ("now-1h", "Last hour"),
    ("now-3h", "Last 3 hours"),
    ("now-6h", "Last 6 hours"),
    ("now-12h", "Last 12 hours"),
    ("now-24h", "Last 24 hours"),
    ("now-2d", "Last 2 days"),
    ("now-7d", "Last 7 days"),
    ("now-30d", "Last 30 days"),
    ("today", "Today"),
];
const COMPARES: [(&str, &str); 4] = [
    ("", "nothing"),
    ("prev", "the window before"),
    ("1d", "a day before"),
    ("7d", "a week before"),
];
const REFRESHES: [(&str, &str); 5] = [
    ("off", "off"),
    ("live", "live, every 2 s"),
    ("10s", "every 10 s"),
    ("30s", "every 30 s"),
    ("60s", "every minute"),
];

/// The range that an address asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    /// The start as written.
    pub(crate) from: String,
    /// The end as written.
    pub(crate) to: String,
    /// Both in words.
    pub(crate) label: String,
    /// Why the written times were not taken; empty when they were.
    pub(crate) fault: String,
    /// Seconds between refreshes; 0 when there are none.
    pub(crate) refresh_seconds: u64,
    /// The labels that every signal is restricted to, as written.
    pub(crate) scope: String,
    /// The address without a scope.
    pub(crate) without_scope: String,
    /// Links to presets.
    pub(crate) presets: Vec<Choice>,
    /// What can be compared with; `href` is the form's value.
    pub(crate) compares: Vec<Choice>,
    /// How often the page can refresh; `href` is the form's value.
    pub(crate) refreshes: Vec<Choice>,
    /// The page's state but for the scope.
    pub(crate) others: Vec<(String, String)>,
    start: TimestampMs,
    end: TimestampMs,
}

/// One entry of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What it is called.
    pub(crate) title: String,
    /// Where it leads, or the value it stands for.
    pub(crate) href: String,
    /// Whether it is what the page shows.
    pub(crate) current: bool,
}

impl Range {
    /// Reads the range of an address at `now`. Wrong times are said in `fault`, and the default is
    /// taken; `refresh` is that of an address that names none.
    pub(crate) fn of(address: &Address, now: TimestampMs, refresh: &str) -> Self {
        let written = |key: &str, default: &str| match address.get(key) {
            "" => default.to_owned(),
            text => text.to_owned(),
        };
        let (mut from, mut to) = (written("from", "now-1h"), written("to", "now"));
        let (mut start, mut end, mut fault) = (now, now, String::new());
        match bounds(&from, &to, now) {
            Ok((first, last)) => (start, end) = (first, last),
            Err(why) => {
                fault = why;
                (from, to) = ("now-1h".to_owned(), "now".to_owned());
                start.0 -= 3_600_000;
            }
        }
        let refresh = written("refresh", refresh);
        let is_default = |value: &str, wanted: &str| value == wanted;
        Range {
            label: label(&from, &to, start, end),
            fault,
            refresh_seconds: seconds_of(&refresh),
            scope: address.get("scope").to_owned(),
            without_scope: address.clone().with("scope", "").to_string(),
            presets: presets(address, &from, &to),
            compares: choices(&COMPARES, |value| is_default(value, address.get("cmp"))),
            refreshes: choices(&REFRESHES, |value| is_default(value, &refresh)),
            others: address.pairs_but(&["scope"]),
            from,
            to,
            start,
            end,
        }
    }

    /// Returns the range in milliseconds.
    pub(crate) fn ms(&self) -> TimeRange<TimestampMs> {
        TimeRange::new(self.start, self.end)
    }

    /// Returns the range in nanoseconds, the last millisecond whole.
    pub(crate) fn ns(&self) -> TimeRange<TimestampNs> {
        let last = self.end.to_ns().0.saturating_add(999_999);
        TimeRange::new(self.start.to_ns(), TimestampNs(last))
    }

    /// Returns its length, at least a second.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(self.end.0.abs_diff(self.start.0)).max(Duration::from_secs(1))
    }

    /// The state that the form for times keeps.
    pub(crate) fn kept(&self) -> Vec<(String, String)> {
        let own = ["from", "to", "cmp", "refresh"];
        let mut kept = self.others.clone();
        kept.retain(|(key, _)| !own.contains(&key.as_str()));
        if !self.scope.is_empty() {
            kept.push(("scope".to_owned(), self.scope.clone()));
        }
        kept
    }

    /// Time and scope, which a jump to another page keeps.
    pub(crate) fn kept_times(&self) -> Vec<(String, String)> {
        let mut kept = self.others.clone();
        kept.retain(|(key, _)| key == "from" || key == "to");
        if !self.scope.is_empty() {
            kept.push(("scope".to_owned(), self.scope.clone()));
        }
        kept
    }
}

fn bounds(from: &str, to: &str, now: TimestampMs) -> Result<(TimestampMs, TimestampMs), String> {
    let read = |text: &str| {
        time_text::parse(text, now).ok_or_else(|| format!("{text:?} is not a time known here"))
    };
    let (start, end) = (read(from)?, read(to)?);
    match start < end {
        true => Ok((start, end)),
        false => Err(format!("{from:?} is not before {to:?}")),
    }
}

fn label(from: &str, to: &str, start: TimestampMs, end: TimestampMs) -> String {
    let preset = PRESETS.iter().find(|(text, _)| *text == from && to == "now");
    match preset {
        Some((_, words)) => (*words).to_owned(),
        None if from.starts_with("now") && to.starts_with("now") => format!("{from} to {to}"),
        None => format!("{} to {}", format::minute(start), format::minute(end)),
    }
}

fn presets(address: &Address, from: &str, to: &str) -> Vec<Choice> {
    let preset = |(text, words): &(&str, &str)| Choice {
        title: (*words).to_owned(),
        href: address.clone().with("from", *text).with("to", "now").to_string(),
        current: *text == from && to == "now",
    };
    PRESETS.iter().map(preset).collect()
}

fn choices(all: &[(&str, &str)], current: impl Fn(&str) -> bool) -> Vec<Choice> {
    let choice = |(value, words): &(&str, &str)| Choice {
        title: (*words).to_owned(),
        href: (*value).to_owned(),
        current: current(value),
    };
    all.iter().map(choice).collect()
}

fn seconds_of(refresh: &str) -> u64 {
    match refresh {
        "off" => 0,
        "live" => 2,
        text => parse_duration(text).map_or(0, |every| every.as_secs().clamp(1, 3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 12:00:00 UTC.
    const NOON: TimestampMs = TimestampMs(1_795_435_200_000);

    fn range(pairs: &[(&str, &str)]) -> Range {
        let mut address = Address::of("/ui/x");
        for (key, value) in pairs {
            address = address.with(key, *value);
        }
        Range::of(&address, NOON, "off")
    }

    #[test]
    fn an_address_without_times_shows_the_last_hour() {
        let range = range(&[]);
        assert_eq!(range.label, "Last hour");
        assert_eq!(range.window(), Duration::from_secs(3_600));
        assert_eq!(range.refresh_seconds, 0);
    }

    #[test]
    fn wrong_times_are_said_and_replaced() {
        let unknown = range(&[("from", "soon")]);
        assert!(unknown.fault.contains("soon"), "{}", unknown.fault);
        assert_eq!(unknown.window(), Duration::from_secs(3_600));
        assert!(range(&[("from", "now"), ("to", "now-1h")]).fault.contains("not before"));
    }

    #[test]
    fn a_page_refreshes_as_its_address_says() {
        let seconds = |refresh| range(&[("refresh", refresh)]).refresh_seconds;
        assert_eq!((seconds("live"), seconds("30s"), seconds("soon")), (2, 30, 0));
        let compared = range(&[("cmp", "1d")]);
        assert!(compared.compares.iter().any(|choice| choice.current && choice.href == "1d"));
    }

    #[test]
    fn forms_keep_the_rest_of_the_state() {
        let range = range(&[("q", "up"), ("from", "now-2h"), ("scope", "a=b")]);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(range.kept(), [pair("q", "up"), pair("scope", "a=b")]);
        assert_eq!(range.kept_times(), [pair("from", "now-2h"), pair("scope", "a=b")]);
    }
}
