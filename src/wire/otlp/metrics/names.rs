//! Names as Prometheus' OTLP translation makes them: legacy characters, units and `_total`.

/// What a metric's suffix depends on besides its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A monotonic sum: `_total`.
    Counter,
    /// A gauge: `_ratio` when its unit is 1.
    Gauge,
    /// Everything else.
    Other,
}

/// UCUM units and the words Prometheus has for them.
const UNITS: [(&str, &str); 26] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// Units behind a slash, in the singular.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// Returns the Prometheus name, or `None` when nothing is left of it.
pub(crate) fn metric_name(name: &str, unit: &str, shape: Shape) -> Option<String> {
    let mut words: Vec<&str> = words_of(name).collect();
    if words.is_empty() {
        return None;
    }
    let (main, per) = unit_words(unit);
    let has = |words: &[&str], word: &str| words.contains(&word);
    if !main.is_empty() && !has(&words, &main) {
        words.push(&main);
    }
    if !per.is_empty() && !has(&words, &per) {
        words.push(&per);
    }
    if shape == Shape::Counter {
        move_to_end(&mut words, "total");
    }
    if shape == Shape::Gauge && unit == "1" {
        move_to_end(&mut words, "ratio");
    }
    let joined = words.join("_");
    let starts_with_digit = joined.starts_with(|first: char| first.is_ascii_digit());
    Some(if starts_with_digit { format!("_{joined}") } else { joined })
}

/// Returns the unit in Prometheus' words, for the metadata; empty when it has none.
pub(crate) fn unit_name(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let parts: Vec<&str> =
        [main.as_str(), per.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

/// Returns the label name for an attribute key, or `None` when nothing is left of it.
pub(crate) fn label_name(key: &str) -> Option<String> {
    let is_reserved = key.len() > 4 && key.starts_with("__") && key.ends_with("__");
    let mut name = String::with_capacity(key.len() + 4);
    for character in key.chars() {
        let plain = character.is_ascii_alphanumeric();
        match plain {
            true => name.push(character),
            false if is_reserved || !name.ends_with('_') => name.push('_'),
            false => {}
        }
    }
    if !name.contains(|character: char| character.is_ascii_alphanumeric()) {
        return None;
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert_str(0, "key_");
    } else if name.starts_with('_') && !name.starts_with("__") {
        name.insert_str(0, "key");
    }
    Some(name)
}

fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == ':';
    name.split(move |character| !is_part(character)).filter(|word| !word.is_empty())
}

/// Returns the words for a unit and for what it is per (`per_second`); an annotation in braces has
/// none.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |part: &str, table: &[(&str, &str)]| {
        let part = part.trim();
        if part.contains(['{', '}']) {
            return String::new();
        }
        let known = table.iter().find(|(ucum, _)| *ucum == part).map(|(_, word)| *word);
        words_of(known.unwrap_or(part)).collect::<Vec<_>>().join("_")
    };
    let main = word(main, &UNITS);
    let per = word(per, &PER_UNITS);
    (main, if per.is_empty() { per } else { format!("per_{per}") })
}

fn move_to_end<'a>(words: &mut Vec<&'a str>, last: &'a str) {
    words.retain(|word| *word != last);
    words.push(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prometheus_otlp_translation() {
        let cases = [
            (
                "http.server.request.duration",
                "s",
                Shape::Other,
                "http_server_request_duration_seconds",
            ),
            ("http.server.duration", "ms", Shape::Other, "http_server_duration_milliseconds"),
            ("requests", "{request}", Shape::Counter, "requests_total"),
            ("requests.total.count", "1", Shape::Counter, "requests_count_total"),
            ("system.memory.usage", "By", Shape::Other, "system_memory_usage_bytes"),
            ("memory_bytes", "By", Shape::Gauge, "memory_bytes"),
            ("cpu.utilization", "1", Shape::Gauge, "cpu_utilization_ratio"),
            ("ratio.of.things", "1", Shape::Gauge, "of_things_ratio"),
            ("disk.io", "By/s", Shape::Gauge, "disk_io_bytes_per_second"),
            ("speed", "m/{lap}", Shape::Gauge, "speed_meters"),
            ("odd", "%/m", Shape::Gauge, "odd_percent_per_minute"),
            ("a..b__c", "", Shape::Other, "a_b_c"),
            ("9lives", "", Shape::Other, "_9lives"),
            ("already_total", "", Shape::Counter, "already_total"),
            ("job:rule", "", Shape::Gauge, "job:rule"),
            ("größe", "By", Shape::Gauge, "gr_e_bytes"),
            ("fan.speed", "{rpm}", Shape::Gauge, "fan_speed"),
            ("custom", "foo.bar", Shape::Gauge, "custom_foo_bar"),
        ];
        for (name, unit, shape, expected) in cases {
            assert_eq!(metric_name(name, unit, shape).as_deref(), Some(expected), "{name} {unit}");
        }
        assert_eq!(metric_name("日本", "s", Shape::Gauge), None);
        assert_eq!(unit_name("By/s"), "bytes_per_second");
        assert_eq!(unit_name("1"), "");
    }

    #[test]
    fn label_names_are_legacy_names() {
        let cases = [
            ("http.request.method", Some("http_request_method")),
            ("1st", Some("key_1st")),
            ("_private", Some("key_private")),
            ("a--b", Some("a_b")),
            ("__reserved__", Some("__reserved__")),
            ("", None),
            ("日本", None),
        ];
        for (key, expected) in cases {
            assert_eq!(label_name(key).as_deref(), expected, "{key}");
        }
    }
}
