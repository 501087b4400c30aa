//! OpenMetrics 1.0: every line is a sample or one of `TYPE`, `HELP`, `UNIT`; `# EOF` comes last.
//!
//! `_created` lines are samples like others, because series that a target shows are never swallowed;
//! beside that they tell when the counting of their neighbours began.

use std::borrow::Cow;

use crate::model::batch::MetricType;
use crate::model::time::TimestampMs;
use crate::wire::exposition::cursor::{Cursor, Fault, Parsed, unescape};
use crate::wire::exposition::line::{Families, exemplar_labels, metric_name, metric_type, series};
use crate::wire::exposition::scrape::{Scrape, ScrapedExemplar, ScrapedSample};
use crate::wire::exposition::{created, number};

/// The longest exemplar label set in characters.
/// <https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars>
const EXEMPLAR_CHARS: usize = 128;

/// Reads a whole body.
pub(crate) fn parse(body: &str) -> Parsed<Scrape> {
    let mut cursor = Cursor::strict(body);
    let mut families = Families::default();
    let mut samples = Vec::new();
    loop {
        if cursor.is_over() {
            return Err(cursor.fault("the text does not end with # EOF"));
        }
        if cursor.eat("# EOF") {
            cursor.eat("\n");
            if cursor.is_over() {
                let metadata = families.into_metadata();
                created::fill_starts(&mut samples, &metadata);
                return Ok(Scrape { samples, metadata, ..Scrape::default() });
            }
            return Err(cursor.fault("nothing may follow # EOF"));
        }
        match cursor.peek() {
            Some(b'#') => descriptor(&mut cursor, &mut families)?,
            _ => samples.push(sample(&mut cursor, families.current())?),
        }
        if !cursor.eat("\n") {
            return Err(cursor.fault("the end of the line is expected"));
        }
    }
}

fn sample(cursor: &mut Cursor<'_>, kind: MetricType) -> Parsed<ScrapedSample> {
    let labels = series(cursor, kind)?;
    let value = value(cursor)?;
    let mut has_exemplar = cursor.eat(" # ");
    let mut timestamp = None;
    if !has_exemplar && cursor.eat(" ") {
        timestamp = Some(time(cursor)?);
        has_exemplar = cursor.eat(" # ");
    }
    let exemplar = if has_exemplar { Some(exemplar(cursor)?) } else { None };
    Ok(ScrapedSample { labels, value, timestamp, start: None, exemplar })
}

fn exemplar(cursor: &mut Cursor<'_>) -> Parsed<ScrapedExemplar> {
    let start = cursor.at();
    let labels = exemplar_labels(cursor)?;
    let texts = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count());
    if texts.sum::<usize>() > EXEMPLAR_CHARS {
        let message = format!("the exemplar's labels have more than {EXEMPLAR_CHARS} characters");
        return Err(Fault { at: start, message });
    }
    let value = value(cursor)?;
    let mut timestamp = None;
    if cursor.eat(" ") {
        timestamp = Some(time(cursor)?);
    }
    Ok(ScrapedExemplar { labels, value, timestamp })
}

fn value(cursor: &mut Cursor<'_>) -> Parsed<f64> {
    if !cursor.eat(" ") {
        return Err(cursor.fault("a blank and a value are expected"));
    }
    let at = cursor.at();
    number::value(cursor.word()).ok_or_else(|| cursor.fault_at(at, "a value is expected"))
}

fn time(cursor: &mut Cursor<'_>) -> Parsed<TimestampMs> {
    let at = cursor.at();
    let time = number::seconds(cursor.word());
    time.ok_or_else(|| cursor.fault_at(at, "a time in seconds is expected"))
}

/// Reads the name of a family and the blank behind it.
fn named<'a>(cursor: &mut Cursor<'a>) -> Parsed<Cow<'a, str>> {
    let name = metric_name(cursor)?;
    if !cursor.eat(" ") {
        return Err(cursor.fault("a blank is expected after the metric name"));
    }
    Ok(name)
}

fn descriptor(cursor: &mut Cursor<'_>, families: &mut Families) -> Parsed<()> {
    if cursor.eat("# HELP ") {
        let name = named(cursor)?;
        families.of(&name).help = unescape(cursor.rest_of_line(), true);
    } else if cursor.eat("# TYPE ") {
        let name = named(cursor)?;
        let at = cursor.at();
        // The text format's word for what is unknown is none here.
        let word = cursor.rest_of_line();
        let kind = metric_type(word).filter(|_| word != "untyped");
        let kind = kind.ok_or_else(|| cursor.fault_at(at, "a metric type is expected"))?;
        families.begin(&name, kind);
    } else if cursor.eat("# UNIT ") {
        let start = cursor.at();
        let name = named(cursor)?;
        let unit = cursor.rest_of_line();
        let before_unit = name.strip_suffix(unit);
        let is_suffix = before_unit.is_some_and(|rest| unit.is_empty() || rest.ends_with('_'));
        if !is_suffix {
            let message = "the unit is not the end of the metric's name".to_owned();
            return Err(Fault { at: start, message });
        }
        unit.clone_into(&mut families.of(&name).unit);
    } else {
        return Err(cursor.fault("HELP, TYPE, UNIT or EOF is expected after #"));
    }
    Ok(())
}
