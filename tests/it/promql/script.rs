//! Runs a script: `load`, `clear` and `eval` blocks, separated by blank lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belvedere::base::duration::parse_duration;
use belvedere::model::answer::Answer;
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::labels::{Labels, METRIC_NAME};
use belvedere::model::sample::{HistogramSample, Sample, StartTime};
use belvedere::model::time::TimestampMs;
use belvedere::query::promql::{Engine, EngineOptions, parse};
use belvedere::storage::memory::metric::MemoryMetricStore;
use belvedere::storage::metric_store::MetricStore;

use crate::promql::histogram::from_classic;
use crate::promql::notation::{Item, items_of, labels_of, number, split_series};
use crate::promql::outcome::{Expected, Text};

/// How many evaluations passed.
#[derive(Debug, Default)]
pub struct Tally {
    pub passed: usize,
    pub total: usize,
    pub failures: Vec<String>,
}

/// Runs a script against a fresh store.
pub async fn run_script(text: &str) -> Tally {
    let mut tally = Tally::default();
    let mut store = fresh();
    let mut load_fault = None;
    for block in blocks(text) {
        let Some((first, rest)) = block.split_first() else { continue };
        if first.text == "clear" {
            store = fresh();
            load_fault = None;
        } else if first.text.starts_with("load") {
            if let Err(fault) = load(&store, first.text, rest).await {
                load_fault = Some(fault);
            }
        } else if first.text.starts_with("eval") {
            tally.total += 1;
            match evaluate(&store, first.text, rest).await {
                Ok(()) => tally.passed += 1,
                Err(fault) => {
                    let fault: String = fault.chars().take(600).collect();
                    let after = load_fault.as_deref().unwrap_or("");
                    let number = first.number;
                    tally.failures.push(format!("{number}: {}: {fault} {after}", first.text));
                }
            }
        }
    }
    tally
}

fn fresh() -> Arc<dyn MetricStore> {
    Arc::new(MemoryMetricStore::new(Duration::from_secs(1 << 40)))
}

#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// Cuts a script into blocks; an eval or `clear` also begins one.
fn blocks(text: &str) -> Vec<Vec<Line<'_>>> {
    let mut blocks: Vec<Vec<Line<'_>>> = vec![Vec::new()];
    for (index, line) in text.lines().enumerate() {
        let line = Line { number: index + 1, text: line.trim() };
        let begins = ["eval", "load", "clear"].iter().any(|word| line.text.starts_with(word))
            && blocks.last().is_none_or(|block| !block.is_empty());
        if line.text.is_empty() || line.text.starts_with('#') {
            blocks.push(Vec::new());
            continue;
        }
        if begins {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    blocks
}

fn milliseconds(text: &str) -> Result<i64, String> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    if let Ok(length) = parse_duration(rest) {
        return Ok(sign * length.as_millis() as i64);
    }
    let seconds = number(rest).ok_or_else(|| format!("no time: {text}"))?;
    Ok(sign * (seconds * 1000.0) as i64)
}

type Points = BTreeMap<i64, Item>;

async fn load(
    store: &Arc<dyn MetricStore>,
    command: &str,
    lines: &[Line<'_>],
) -> Result<(), String> {
    let (word, step) = command.split_once(' ').ok_or("load without a step")?;
    let step = milliseconds(step.trim())?;
    let mut loaded: BTreeMap<Labels, Points> = BTreeMap::new();
    let mut starts: BTreeMap<Labels, Vec<StartTime>> = BTreeMap::new();
    for line in lines {
        let (series, values) = split_series(line.text);
        if let Some(series) = series.strip_suffix("@st") {
            let offsets = offsets_of(values)?.into_iter().enumerate();
            let of_series = offsets.filter_map(|(index, offset)| {
                let timestamp = TimestampMs(step * index as i64);
                Some(StartTime { timestamp, start: TimestampMs(timestamp.0 + offset?) })
            });
            starts.insert(labels_of(series)?, of_series.collect());
            continue;
        }
        let labels = labels_of(series)?;
        let items = items_of(values)?.into_iter().enumerate();
        let points = items
            .filter(|(_, item)| !matches!(item, Item::Gap))
            .map(|(index, item)| (step * index as i64, item));
        loaded.insert(labels, points.collect());
    }
    if word == "load_with_nhcb" {
        let custom = custom_histograms(&loaded);
        loaded.extend(custom);
    }
    let series = loaded.into_iter().map(|(labels, points)| {
        let starts = starts.remove(&labels).unwrap_or_default();
        SeriesWrite { starts, ..write(labels, points) }
    });
    let batch = MetricBatch { series: series.collect(), metadata: Vec::new() };
    store.append(batch).await.map_err(|error| error.to_string())?;
    Ok(())
}

/// Reads how far the start of each point lies from it: `_ -30s 1ms -30s-1mx2`.
fn offsets_of(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for word in text.split_whitespace() {
        let (value, times) = match word.rsplit_once('x') {
            Some((value, times)) => (value, Some(times.parse::<i64>().map_err(|_| word)?)),
            None => (word, None),
        };
        if value == "_" {
            offsets.extend(std::iter::repeat_n(None, times.unwrap_or(1) as usize));
            continue;
        }
        let sign = |at: &(usize, char)| matches!(at.1, '+' | '-');
        let (first, each) = match value.char_indices().skip(1).find(sign) {
            Some((at, _)) => (offset(&value[..at])?, offset(&value[at..])?),
            None => (offset(value)?, 0),
        };
        offsets.extend((0..=times.unwrap_or(0)).map(|index| Some(first + each * index)));
    }
    Ok(offsets)
}

fn offset(text: &str) -> Result<i64, String> {
    milliseconds(text.strip_prefix('+').unwrap_or(text))
}

fn write(labels: Labels, points: Points) -> SeriesWrite {
    let mut write = SeriesWrite { labels, ..SeriesWrite::default() };
    for (at, item) in points {
        match item {
            Item::Gap => {}
            Item::Float(value) => write.samples.push(Sample::new(at, value)),
            Item::Histogram(histogram, _) => {
                write.histograms.push(HistogramSample { timestamp: TimestampMs(at), histogram });
            }
        }
    }
    write
}

/// Buckets, count and sum of one classic histogram at one instant.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// Builds histograms with custom buckets from the classic ones.
fn custom_histograms(loaded: &BTreeMap<Labels, Points>) -> BTreeMap<Labels, Points> {
    let mut classic: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, points) in loaded {
        let name = labels.metric_name();
        let endings = ["_bucket", "_count", "_sum"];
        let Some(ending) = endings.into_iter().find(|ending| name.ends_with(ending)) else {
            continue;
        };
        let upper = labels.get("le").and_then(number);
        if ending == "_bucket" && upper.is_none() {
            continue;
        }
        let mut base = labels.to_builder();
        base.set(METRIC_NAME, name.strip_suffix(ending).unwrap_or(name)).remove("le");
        let histogram = classic.entry(base.build()).or_default();
        for (at, item) in points {
            let Item::Float(value) = item else { continue };
            let instant = histogram.entry(*at).or_default();
            match (ending, upper) {
                ("_bucket", Some(upper)) => instant.buckets.push((upper, *value)),
                ("_count", _) => instant.count = Some(*value),
                _ => instant.sum = Some(*value),
            }
        }
    }
    let mut made = BTreeMap::new();
    for (labels, instants) in classic {
        let mut points = Points::new();
        for (at, mut instant) in instants {
            if instant.buckets.is_empty() {
                continue;
            }
            instant.buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
            instant.buckets.dedup_by_key(|bucket| bucket.0);
            let histogram = from_classic(&instant.buckets, instant.count, instant.sum);
            points.insert(at, Item::Histogram(Arc::new(histogram), false));
        }
        if !points.is_empty() {
            made.insert(labels, points);
        }
    }
    made
}

/// When a query is asked.
enum Asked {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

async fn evaluate(
    store: &Arc<dyn MetricStore>,
    command: &str,
    lines: &[Line<'_>],
) -> Result<(), String> {
    let (word, rest) = command.split_once(' ').ok_or("eval without a query")?;
    let (asked, query) = asked(rest.trim())?;
    let expected = expectation(word, lines)?;
    match answer(store, &asked, query).await {
        Err(error) => expected.compare_error(&error),
        Ok(answer) if expected.fail.is_some() => Err(format!("no error but {:?}", answer.value)),
        Ok(answer) => {
            let grid = match asked {
                Asked::Instant(at) => (at, 1),
                Asked::Range { start, step, .. } => (start, step),
            };
            expected.compare(&answer, grid)
        }
    }
}

async fn answer(
    store: &Arc<dyn MetricStore>,
    asked: &Asked,
    query: &str,
) -> Result<Answer, String> {
    let engine = Engine::new(Arc::clone(store), EngineOptions::default());
    let expr = parse(query).map_err(|error| error.to_string())?;
    let answer = match *asked {
        Asked::Instant(at) => engine.instant(&expr, TimestampMs(at)).await,
        Asked::Range { start, end, step } => {
            let step = Duration::from_millis(step.unsigned_abs());
            engine.range(&expr, TimestampMs(start), TimestampMs(end), step).await
        }
    };
    answer.map_err(|error| error.to_string())
}

/// Reads `instant at T QUERY` or `range from T to T step D QUERY`.
fn asked(text: &str) -> Result<(Asked, &str), String> {
    fn word(text: &str) -> (&str, &str) {
        let text = text.trim_start();
        text.split_once(char::is_whitespace).unwrap_or((text, ""))
    }
    let (kind, rest) = word(text);
    let (_, rest) = word(rest);
    let (first, rest) = word(rest);
    if kind == "instant" {
        return Ok((Asked::Instant(milliseconds(first)?), rest.trim()));
    }
    let (_, rest) = word(rest);
    let (end, rest) = word(rest);
    let (_, rest) = word(rest);
    let (step, rest) = word(rest);
    let (start, end, step) = (milliseconds(first)?, milliseconds(end)?, milliseconds(step)?);
    Ok((Asked::Range { start, end, step }, rest.trim()))
}

fn expectation(word: &str, lines: &[Line<'_>]) -> Result<Expected, String> {
    let mut expected = Expected { ordered: word == "eval_ordered", ..Expected::default() };
    if word == "eval_fail" {
        expected.fail = Some(None);
    }
    for line in lines {
        if let Some(rest) = line.text.strip_prefix("expect ") {
            expect(&mut expected, rest.trim())?;
        } else if let Some(text) = line.text.strip_prefix("expected_fail_message ") {
            expected.fail = Some(Some(Text::Exact(text.trim().to_owned())));
        } else if let Some(text) = line.text.strip_prefix("expected_fail_regexp ") {
            expected.fail = Some(Some(pattern(text)?));
        } else if let Some(value) = number(line.text) {
            expected.scalar = Some(value);
        } else {
            let (series, values) = split_series(line.text);
            expected.series.push((labels_of(series)?, items_of(values)?));
        }
    }
    Ok(expected)
}

fn pattern(text: &str) -> Result<Text, String> {
    regex::Regex::new(text.trim()).map(Text::Pattern).map_err(|error| error.to_string())
}

fn expect(expected: &mut Expected, text: &str) -> Result<(), String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let note = || -> Result<Option<Text>, String> {
        if let Some(exact) = rest.strip_prefix("msg:") {
            return Ok(Some(Text::Exact(exact.trim().to_owned())));
        }
        rest.strip_prefix("regex:").map(pattern).transpose()
    };
    match word {
        "fail" => expected.fail = Some(note()?),
        "warn" => expected.warnings.push(note()?),
        "info" => expected.infos.push(note()?),
        "no_warn" => expected.no_warnings = true,
        "no_info" => expected.no_infos = true,
        "ordered" => expected.ordered = true,
        "string" => {
            let inner = rest.get(1..rest.len().saturating_sub(1));
            expected.text = Some(inner.unwrap_or("").to_owned());
        }
        "range" => {
            let words: Vec<_> = rest.split_whitespace().collect();
            let ["vector", "from", start, "to", _, "step", step] = words[..] else {
                return Err(format!("no range: {rest}"));
            };
            expected.range = Some((milliseconds(start)?, milliseconds(step)?));
        }
        _ => return Err(format!("no expectation: {text}")),
    }
    Ok(())
}
