//! OpenMetrics 1.0: every line is a sample or one of `TYPE`, `HELP`, `UNIT`; `# EOF` comes last.
//!
//! `_created` lines are samples like others: created-timestamp ingestion is off (PRODUCT.md §5).

use crate::model::time::TimestampMs;
use crate::wire::exposition::cursor::{Cursor, Fault, Parsed, unescape};
use crate::wire::exposition::line::{Families, exemplar_labels, metric_name, metric_type, series};
use crate::wire::exposition::number;
use crate::wire::exposition::scrape::{Scrape, ScrapedExemplar, ScrapedSample};

/// The longest exemplar label set in characters.
/// <https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars>
const EXEMPLAR_CHARS: usize = 128;

/// Reads a whole body.
pub(crate) fn parse(body: &str) -> Parsed<Scrape> {
    let mut cursor = Cursor::new(body);
    let mut families = Families::default();
    let mut samples = Vec::new();
    loop {
        if cursor.is_over() {
            return Err(cursor.fault("the text does not end with # EOF"));
        }
        if cursor.eat("# EOF") {
            cursor.eat("\n");
            if cursor.is_over() {
                return Ok(Scrape { samples, metadata: families.into_metadata() });
            }
            return Err(cursor.fault("nothing may follow # EOF"));
        }
        match cursor.peek() {
            Some(b'#') => descriptor(&mut cursor, &mut families)?,
            _ => samples.push(sample(&mut cursor)?),
        }
        if !cursor.eat("\n") {
            return Err(cursor.fault("the end of the line is expected"));
        }
    }
}

fn sample(cursor: &mut Cursor<'_>) -> Parsed<ScrapedSample> {
    let labels = series(cursor)?;
    let value = value(cursor)?;
    let mut timestamp = None;
    let mut exemplar = None;
    if cursor.eat(" ") {
        if cursor.peek() != Some(b'#') {
            timestamp = Some(time(cursor)?);
            cursor.eat(" ");
        }
        if cursor.eat("# ") {
            exemplar = Some(self::exemplar(cursor)?);
        }
    }
    Ok(ScrapedSample { labels, value, timestamp, exemplar })
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
    cursor.blanks();
    let at = cursor.at();
    number::value(cursor.word()).ok_or_else(|| cursor.fault_at(at, "a value is expected"))
}

fn time(cursor: &mut Cursor<'_>) -> Parsed<TimestampMs> {
    let at = cursor.at();
    let time = number::seconds(cursor.word());
    time.ok_or_else(|| cursor.fault_at(at, "a time in seconds is expected"))
}

fn descriptor(cursor: &mut Cursor<'_>, families: &mut Families) -> Parsed<()> {
    if cursor.eat("# HELP ") {
        let name = metric_name(cursor)?;
        if !cursor.eat(" ") && cursor.peek() != Some(b'\n') {
            return Err(cursor.fault("a blank is expected after the metric name"));
        }
        families.of(&name).help = unescape(cursor.rest_of_line(), true);
    } else if cursor.eat("# TYPE ") {
        let name = metric_name(cursor)?;
        cursor.eat(" ");
        let at = cursor.at();
        let kind = metric_type(cursor.rest_of_line());
        families.of(&name).kind =
            kind.ok_or_else(|| cursor.fault_at(at, "a metric type is expected"))?;
    } else if cursor.eat("# UNIT ") {
        let start = cursor.at();
        let name = metric_name(cursor)?;
        cursor.eat(" ");
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
