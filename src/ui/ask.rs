//! The questions about metrics that pages ask, each leading to the page that shows more of it.

use std::time::Duration;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::answer::{SampleValue, Value};
use crate::model::labels::Labels;
use crate::model::time::TimeRange;
use crate::service::{Expression, InstantQuery, RangeQuery};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::range::Range;

/// How long a page waits for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Points of a small course.
const POINTS: u32 = 60;

/// Asks for one page: its caller, its range, its address.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) state: &'a UiState,
    pub(crate) caller: &'a Caller,
    pub(crate) range: &'a Range,
    pub(crate) address: &'a Address,
}

impl Asker<'_> {
    /// Returns a question with `$w` replaced by a window that fits a step of the course, and
    /// `$range` by the whole range.
    pub(crate) fn question(&self, text: &str) -> String {
        // At least four scrapes of 15 s, so that a rate has two samples to go by.
        let window = self.step(POINTS).as_secs().max(60);
        let range = self.range.window().as_secs().max(60);
        text.replace("$w", &format!("{window}s")).replace("$range", &format!("{range}s"))
    }

    /// Returns the address of the page that shows a question's course.
    pub(crate) fn href(&self, text: &str) -> String {
        self.address.jump("/ui/metrics").with("q", self.question(text)).to_string()
    }

    /// Returns the series of an expression with their values at the end of the range. Histograms
    /// are left out.
    pub(crate) async fn at_end(&self, text: &str) -> Result<Vec<(Labels, f64)>> {
        let query = InstantQuery {
            expression: Expression::parse(&self.question(text))?,
            time: self.range.ms().end,
            timeout: Some(TIMEOUT),
            lookback: None,
        };
        let answer = self.state.services.metrics.instant(self.caller, query).await?;
        Ok(match answer.value {
            Value::Scalar(value, _) => vec![(Labels::empty(), value)],
            Value::Vector(samples) => samples
                .into_iter()
                .filter_map(|sample| match sample.value {
                    SampleValue::Float(value) => Some((sample.labels, value)),
                    SampleValue::Histogram(_) => None,
                })
                .collect(),
            Value::Str(..) | Value::Matrix(_) => Vec::new(),
        })
    }

    /// Returns the series of an expression with values at even distances that end with the range; a
    /// missing one is NaN.
    pub(crate) async fn courses(&self, text: &str) -> Result<Vec<(Labels, Vec<f64>)>> {
        self.courses_of(text, POINTS).await
    }

    /// Likewise, with `points` distances.
    pub(crate) async fn courses_of(
        &self,
        text: &str,
        points: u32,
    ) -> Result<Vec<(Labels, Vec<f64>)>> {
        let step = self.step(points);
        let step_ms = step.as_millis() as i64;
        let end = self.range.ms().end;
        let mut start = end;
        start.0 -= step_ms * i64::from(points);
        let query = RangeQuery {
            expression: Expression::parse(&self.question(text))?,
            range: TimeRange::new(start, end),
            step,
            timeout: Some(TIMEOUT),
            lookback: None,
            afresh: false,
        };
        let answer = self.state.services.metrics.range(self.caller, query).await?;
        let Value::Matrix(series) = answer.value else { return Ok(Vec::new()) };
        let course = |samples: &[crate::model::sample::Sample]| {
            let mut values = vec![f64::NAN; points as usize + 1];
            for sample in samples {
                let index = usize::try_from((sample.timestamp.0 - start.0) / step_ms).ok();
                if let Some(value) = index.and_then(|index| values.get_mut(index)) {
                    *value = sample.value;
                }
            }
            values
        };
        Ok(series.into_iter().map(|one| (one.labels, course(&one.samples))).collect())
    }

    /// The distance of so many points: whole seconds, so that the last point is the range's end.
    fn step(&self, points: u32) -> Duration {
        Duration::from_secs((self.range.window() / points.max(1)).as_secs().max(1))
    }
}
