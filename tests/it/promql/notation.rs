//! The notation of series in the scripts: `name{label="value"} 1 2+3x4 _ stale {{count:1}}`.

use std::sync::Arc;

use belvedere::model::histogram::Histogram;
use belvedere::model::labels::{Labels, METRIC_NAME};
use belvedere::model::stale::stale_nan;
use belvedere::query::promql::ast::Kind;
use belvedere::query::promql::parse;

use crate::promql::histogram::{histogram_of, sum_of};

/// One value of a sequence.
#[derive(Debug, Clone)]
pub enum Item {
    Gap,
    Float(f64),
    /// With whether the reset hint was written.
    Histogram(Arc<Histogram>, bool),
}

/// Cuts a line into series and values.
pub fn split_series(line: &str) -> (&str, &str) {
    let (mut quote, mut braces) = (None, 0);
    let mut escaped = false;
    for (at, next) in line.char_indices() {
        match (quote, next) {
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), _) if next == open && !escaped => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(next),
            (None, '{') => braces += 1,
            (None, '}') => braces -= 1,
            (None, _) if next.is_whitespace() && braces == 0 => {
                return (&line[..at], line[at..].trim());
            }
            _ => {}
        }
        escaped = false;
    }
    (line, "")
}

/// Reads `name{label="value"}`.
pub fn labels_of(text: &str) -> Result<Labels, String> {
    if text == "{}" {
        return Ok(Labels::empty());
    }
    let named = parse(text).or_else(|_| parse(&format!("placeholder{text}")));
    let expr = named.map_err(|error| format!("series {text}: {error}"))?;
    let Kind::Selector(selector) = expr.root.kind else {
        return Err(format!("no series: {text}"));
    };
    let pairs = selector.matchers.iter().map(|one| (one.name.as_str(), one.value.as_str()));
    let pairs = pairs.filter(|pair| *pair != (METRIC_NAME, "placeholder"));
    Ok(Labels::from_pairs(pairs))
}

/// Reads the values of a series.
pub fn items_of(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for word in words(text) {
        if word.starts_with("{{") {
            histograms(&word, &mut items)?;
        } else {
            floats(&word, &mut items).ok_or_else(|| format!("not a value: {word}"))?;
        }
    }
    Ok(items)
}

/// Splits at blanks that are outside of `{{ }}`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0;
    for next in text.chars() {
        match next {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && next.is_whitespace() {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(next);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Splits `…xN` into what is repeated and how often.
fn repetition(word: &str) -> (&str, Option<usize>) {
    match word.rsplit_once('x') {
        Some((rest, times)) => match times.parse() {
            Ok(times) => (rest, Some(times)),
            Err(_) => (word, None),
        },
        None => (word, None),
    }
}

pub fn number(text: &str) -> Option<f64> {
    let bare = text.trim_start_matches(['+', '-']);
    let digits = bare.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let named = bare.eq_ignore_ascii_case("inf") || bare.eq_ignore_ascii_case("nan");
    if !digits && !named {
        return None;
    }
    text.replace('_', "").parse().ok()
}

fn floats(word: &str, items: &mut Vec<Item>) -> Option<()> {
    if word == "stale" {
        items.push(Item::Float(stale_nan()));
        return Some(());
    }
    let (value, times) = repetition(word);
    if value == "_" {
        items.extend(std::iter::repeat_n(Item::Gap, times.unwrap_or(1)));
        return Some(());
    }
    let Some(times) = times else {
        items.push(Item::Float(number(value)?));
        return Some(());
    };
    let (mut value, step) = match number(value) {
        Some(value) => (value, 0.0),
        None => value
            .char_indices()
            .skip(1)
            .filter(|(_, next)| matches!(next, '+' | '-'))
            .find_map(|(at, _)| Some((number(&value[..at])?, number(&value[at..])?)))?,
    };
    for _ in 0..=times {
        items.push(Item::Float(value));
        value += step;
    }
    Some(())
}

fn histograms(word: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let end = word.find("}}").ok_or("an open histogram")? + 2;
    let (first, hinted) = histogram_of(&word[2..end - 2])?;
    let rest = &word[end..];
    let first = Arc::new(first);
    let (change, times) = repetition(rest);
    let Some(times) = times else {
        items.push(Item::Histogram(first, hinted));
        return Ok(());
    };
    if change.is_empty() {
        items.extend(std::iter::repeat_n(Item::Histogram(first, hinted), times + 1));
        return Ok(());
    }
    let sign = if change.starts_with('-') { -1.0 } else { 1.0 };
    let inner = change[1..].strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    let (step, hinted) = histogram_of(inner.ok_or("no histogram to add")?)?;
    let mut current = first;
    items.push(Item::Histogram(Arc::clone(&current), hinted));
    for _ in 0..times {
        current = Arc::new(sum_of(&current, &step, sign)?);
        items.push(Item::Histogram(Arc::clone(&current), hinted));
    }
    Ok(())
}
