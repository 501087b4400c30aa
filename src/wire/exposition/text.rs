//! Prometheus text 0.0.4, read as leniently as Prometheus reads it: blanks and comments anywhere.

use crate::model::batch::MetricType;
use crate::wire::exposition::cursor::{Cursor, Parsed, unescape};
use crate::wire::exposition::line::{Families, metric_name, metric_type, series};
use crate::wire::exposition::number;
use crate::wire::exposition::scrape::{Scrape, ScrapedSample};

/// Reads a whole body.
pub(crate) fn parse(body: &str) -> Parsed<Scrape> {
    let mut cursor = Cursor::new(body);
    let mut families = Families::default();
    let mut samples = Vec::new();
    while !cursor.is_over() {
        cursor.blanks();
        match cursor.peek() {
            Some(b'\n' | b'\r') | None => {}
            Some(b'#') => comment(&mut cursor, &mut families)?,
            Some(_) => samples.push(sample(&mut cursor, families.current())?),
        }
        line_end(&mut cursor)?;
    }
    Ok(Scrape { samples, metadata: families.into_metadata(), ..Scrape::default() })
}

/// Passes the end of a line; a target on Windows ends them with `\r\n`.
fn line_end(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.blanks();
    cursor.eat("\r");
    match cursor.is_over() || cursor.eat("\n") {
        true => Ok(()),
        false => Err(cursor.fault("the end of the line is expected")),
    }
}

fn sample(cursor: &mut Cursor<'_>, kind: MetricType) -> Parsed<ScrapedSample> {
    let labels = series(cursor, kind)?;
    cursor.blanks();
    let at = cursor.at();
    let value = number::value(word(cursor));
    let value = value.ok_or_else(|| cursor.fault_at(at, "a value is expected"))?;
    cursor.blanks();
    let at = cursor.at();
    let timestamp = match word(cursor) {
        "" => None,
        time => Some(
            number::millis(time)
                .ok_or_else(|| cursor.fault_at(at, "a time in whole milliseconds is expected"))?,
        ),
    };
    Ok(ScrapedSample { labels, value, timestamp, start: None, exemplar: None })
}

fn word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Reads a line that starts with `#`; what is neither `HELP` nor `TYPE` is for people.
fn comment(cursor: &mut Cursor<'_>, families: &mut Families) -> Parsed<()> {
    cursor.eat("#");
    let spaced = cursor.blanks();
    if spaced && (cursor.eat("HELP ") || cursor.eat("HELP\t")) {
        cursor.blanks();
        let name = metric_name(cursor)?;
        let spaced = cursor.blanks();
        let raw = cursor.rest_of_line();
        if !spaced && !raw.trim().is_empty() {
            return Err(cursor.fault("a blank is expected after the metric name"));
        }
        families.of(&name).help = unescape(raw.strip_suffix('\r').unwrap_or(raw), false);
    } else if spaced && (cursor.eat("TYPE ") || cursor.eat("TYPE\t")) {
        cursor.blanks();
        let name = metric_name(cursor)?;
        cursor.blanks();
        let at = cursor.at();
        let kind = metric_type(cursor.rest_of_line().trim());
        let kind = kind.ok_or_else(|| cursor.fault_at(at, "a metric type is expected"))?;
        families.begin(&name, kind);
    } else {
        cursor.rest_of_line();
    }
    Ok(())
}
