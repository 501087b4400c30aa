//! What an evaluation must come to, and whether it did.

use belvedere::model::answer::{Answer, SampleValue, Value};
use belvedere::model::labels::Labels;
use belvedere::model::series::SeriesData;
use belvedere::model::stale::is_stale;

use crate::promql::histogram::histograms_agree;
use crate::promql::notation::Item;

/// What the lines after `eval` say.
#[derive(Debug, Default)]
pub struct Expected {
    pub fail: Option<Option<Text>>,
    pub warnings: Vec<Option<Text>>,
    pub infos: Vec<Option<Text>>,
    pub no_warnings: bool,
    pub no_infos: bool,
    pub ordered: bool,
    pub text: Option<String>,
    pub scalar: Option<f64>,
    /// Start and step of the expected values in milliseconds, where they are not those of the query.
    pub range: Option<(i64, i64)>,
    pub series: Vec<(Labels, Vec<Item>)>,
}

/// A text to find.
#[derive(Debug)]
pub enum Text {
    Exact(String),
    Pattern(regex::Regex),
}

impl Text {
    fn fits(&self, text: &str) -> bool {
        match self {
            Text::Exact(exact) => exact == text,
            Text::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Returns whether two numbers agree but for rounding.
pub fn nearly(wanted: f64, got: f64) -> bool {
    if is_stale(wanted) || is_stale(got) {
        return is_stale(wanted) && is_stale(got);
    }
    if wanted.is_nan() && got.is_nan() || wanted == got {
        return true;
    }
    let (sum, difference) = (wanted.abs() + got.abs(), (wanted - got).abs());
    if wanted == 0.0 || got == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < 1e-6 * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < 1e-6
}

impl Expected {
    /// Compares with the answer; `grid` is start and step of the query in milliseconds.
    pub fn compare(&self, answer: &Answer, grid: (i64, i64)) -> Result<(), String> {
        notes("warnings", &self.warnings, self.no_warnings, &answer.warnings)?;
        notes("infos", &self.infos, self.no_infos, &answer.infos)?;
        match &answer.value {
            Value::Str(text, _) => {
                let agrees = self.text.as_ref() == Some(text);
                agrees.then_some(()).ok_or_else(|| format!("text {text:?}"))
            }
            Value::Scalar(got, _) => match self.scalar {
                Some(wanted) if nearly(wanted, *got) => Ok(()),
                _ => Err(format!("scalar {got}")),
            },
            Value::Vector(samples) => {
                let got: Vec<_> =
                    samples.iter().map(|one| (one.labels.clone(), one.value.clone())).collect();
                self.compare_vector(&got)
            }
            Value::Matrix(series) => self.compare_matrix(series, self.range.unwrap_or(grid)),
        }
    }

    fn compare_vector(&self, got: &[(Labels, SampleValue)]) -> Result<(), String> {
        let shown = || format!("got {got:?}");
        if got.len() != self.series.len() {
            return Err(format!("{} series wanted, {}", self.series.len(), shown()));
        }
        for (place, (labels, items)) in self.series.iter().enumerate() {
            let found = if self.ordered {
                got.get(place).filter(|(own, _)| own == labels)
            } else {
                got.iter().find(|(own, _)| own == labels)
            };
            let Some((_, value)) = found else {
                return Err(format!("{labels} is missing, {}", shown()));
            };
            let agrees = match (items.first(), value) {
                (Some(Item::Float(wanted)), SampleValue::Float(got)) => nearly(*wanted, *got),
                (Some(Item::Histogram(wanted, hinted)), SampleValue::Histogram(got)) => {
                    histograms_agree(wanted, got, *hinted)
                }
                _ => false,
            };
            if !agrees {
                return Err(format!("{labels}: wanted {items:?}, got {value:?}"));
            }
        }
        Ok(())
    }

    fn compare_matrix(&self, got: &[SeriesData], grid: (i64, i64)) -> Result<(), String> {
        let (start, step) = grid;
        let wanted: Vec<_> = self
            .series
            .iter()
            .filter(|(_, items)| items.iter().any(|item| !matches!(item, Item::Gap)))
            .collect();
        if got.len() != wanted.len() {
            return Err(format!("{} series wanted, got {got:?}", wanted.len()));
        }
        for (labels, items) in wanted {
            let Some(data) = got.iter().find(|data| data.labels == *labels) else {
                return Err(format!("{labels} is missing, got {got:?}"));
            };
            let mut points = 0;
            for (index, item) in items.iter().enumerate() {
                let at = start + step * index as i64;
                let agrees = match item {
                    Item::Gap => continue,
                    Item::Float(wanted) => data
                        .samples
                        .iter()
                        .any(|got| got.timestamp.0 == at && nearly(*wanted, got.value)),
                    Item::Histogram(wanted, hinted) => data.histograms.iter().any(|got| {
                        got.timestamp.0 == at && histograms_agree(wanted, &got.histogram, *hinted)
                    }),
                };
                if !agrees {
                    return Err(format!("{labels}: wanted {item:?} at {at}, got {data:?}"));
                }
                points += 1;
            }
            if points != data.samples.len() + data.histograms.len() {
                return Err(format!("{labels}: {points} points wanted, got {data:?}"));
            }
        }
        Ok(())
    }

    /// Compares with an error.
    pub fn compare_error(&self, error: &str) -> Result<(), String> {
        match &self.fail {
            Some(None) => Ok(()),
            Some(Some(text)) if text.fits(error) => Ok(()),
            _ => Err(format!("error: {error}")),
        }
    }
}

/// With any expectation every note must fit one and every expectation must be met.
fn notes(what: &str, wanted: &[Option<Text>], none: bool, got: &[String]) -> Result<(), String> {
    if none && !got.is_empty() {
        return Err(format!("no {what} wanted, got {got:?}"));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let fits = |wanted: &Option<Text>, got: &str| wanted.as_ref().is_none_or(|one| one.fits(got));
    let unmet = wanted.iter().any(|one| !got.iter().any(|text| fits(one, text)));
    let foreign = got.iter().any(|text| !wanted.iter().any(|one| fits(one, text)));
    if unmet || foreign {
        return Err(format!("{what}: wanted {wanted:?}, got {got:?}"));
    }
    Ok(())
}
