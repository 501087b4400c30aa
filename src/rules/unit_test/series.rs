//! Series in Prometheus' notation: `up{job="a"}` with values `1 2+3x4 _x5 stale`.

use crate::model::labels::Labels;
use crate::model::matcher::MatchOp;
use crate::model::stale::stale_nan;
use crate::query::promql::ast::Kind;
use crate::query::promql::parse;

/// The most values of one series.
const MAX_VALUES: usize = 1_000_000;

/// Reads the name and labels of a series; `{}` has none.
///
/// # Errors
/// A text for people.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    if matches!(text.trim(), "" | "{}") {
        return Ok(Labels::empty());
    }
    let expr = parse(text).map_err(|error| error.to_string())?;
    let wrong = || format!("{text:?} is not a series");
    let Kind::Selector(selector) = &expr.root.kind else { return Err(wrong()) };
    if selector.matchers.iter().any(|matcher| matcher.op != MatchOp::Equal) {
        return Err(wrong());
    }
    Ok(Labels::from_pairs(selector.matchers.iter().map(|m| (&m.name, &m.value))))
}

/// Reads values; `None` stands for a place without one.
///
/// # Errors
/// A text for people.
pub(super) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        push_item(&mut values, item)?;
        if values.len() > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values"));
        }
    }
    Ok(values)
}

fn push_item(values: &mut Vec<Option<f64>>, item: &str) -> Result<(), String> {
    if item.starts_with("{{") {
        return Err("native histograms are not supported in tests".to_owned());
    }
    if item == "stale" {
        values.push(Some(stale_nan()));
        return Ok(());
    }
    let wrong = || format!("{item:?} is not a value");
    let (body, times) = match item.rsplit_once('x') {
        Some((body, times)) => (body, Some(times.parse::<usize>().map_err(|_| wrong())?)),
        None => (item, None),
    };
    if times.is_some_and(|times| times > MAX_VALUES) {
        return Err(format!("more than {MAX_VALUES} values"));
    }
    if body == "_" {
        values.extend(std::iter::repeat_n(None, times.unwrap_or(1)));
        return Ok(());
    }
    let (start, step) = match times {
        None => (number(body).ok_or_else(wrong)?, 0.0),
        Some(_) => start_and_step(body).ok_or_else(wrong)?,
    };
    // `a+bxn` is a value and n steps behind it.
    let mut value = start;
    for _ in 0..=times.unwrap_or(0) {
        values.push(Some(value));
        value += step;
    }
    Ok(())
}

/// Splits `1+2`, `1-2`, `-1e3+2` and `1` into start and step.
fn start_and_step(body: &str) -> Option<(f64, f64)> {
    for (at, sign) in body.char_indices().skip(1).filter(|(_, c)| "+-".contains(*c)) {
        if body[..at].ends_with(['e', 'E']) {
            continue;
        }
        let step = number(&body[at + 1..])?;
        return Some((number(&body[..at])?, if sign == '-' { -step } else { step }));
    }
    Some((number(body)?, 0.0))
}

fn number(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().trim_start_matches('+') {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_expands_to_values() {
        let plain = |text: &str| {
            values(text).map(|v| v.into_iter().map(|v| v.unwrap_or(-99.0)).collect::<Vec<_>>())
        };
        assert_eq!(plain("1 _ 2"), Ok(vec![1.0, -99.0, 2.0]));
        assert_eq!(plain("1+2x3"), Ok(vec![1.0, 3.0, 5.0, 7.0]));
        assert_eq!(plain("-1-1x2 _x2"), Ok(vec![-1.0, -2.0, -3.0, -99.0, -99.0]));
        assert_eq!(plain("5x2 1e-1+1e1x1"), Ok(vec![5.0, 5.0, 5.0, 0.1, 10.1]));
        assert!(values("stale").unwrap()[0].is_some_and(crate::model::stale::is_stale));
        for wrong in ["a", "1x", "1+x2", "x3", "{{count:1}}", "1x9999999"] {
            assert!(values(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn series_have_a_name_and_equal_signs_only() {
        assert_eq!(labels("{}"), Ok(Labels::empty()));
        let expected = Labels::from_pairs([("__name__", "up"), ("job", "a b")]);
        assert_eq!(labels("up{job=\"a b\"}"), Ok(expected));
        assert!(labels("up{job=~\"a\"}").is_err());
        assert!(labels("sum(up)").is_err());
    }
}
