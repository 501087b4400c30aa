//! One kept answer.

use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::series::SeriesData;
use crate::model::stale::{is_stale, stale_nan};
use crate::model::time::TimestampMs;
use crate::query::promql::engine::QueryTimes;
use crate::storage::changes::ChangeMark;

/// What a series takes besides its values and the bytes of its labels, about.
const SERIES_BYTES: usize = 128;

/// Instants of one question, both included; none when the last is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub first: i64,
    pub last: i64,
}

impl Span {
    /// Returns all instants of a query.
    pub(super) fn of(query: QueryTimes) -> Self {
        let length = query.end.saturating_sub(query.start).max(0);
        Span { first: query.start, last: query.start + length / query.step * query.step }
    }

    /// Returns those that both have, of instants that lie on one grid.
    pub(super) fn within(self, other: Span) -> Self {
        Span { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// Returns those before `end`.
    pub(super) fn before(self, end: TimestampMs, step: i64) -> Self {
        if end.0 <= self.first {
            return Span { last: self.first - step, ..self };
        }
        let length = (end.0 - 1).saturating_sub(self.first);
        let last = self.first.saturating_add(length / step * step);
        Span { last: self.last.min(last), ..self }
    }

    /// Returns how many they are.
    pub(super) fn count(self, step: i64) -> i64 {
        if self.last < self.first { 0 } else { (self.last - self.first) / step + 1 }
    }
}

/// The values of an answer at the steps of a span. Histograms are not kept.
#[derive(Debug)]
pub(super) struct Stored {
    steps: Span,
    step: i64,
    /// From before the answer was evaluated.
    mark: ChangeMark,
    /// Sorted by labels.
    series: Vec<Row>,
    bytes: u64,
}

/// The values of one series, from its first one to its last one; a missing value is the stale marker,
/// which no evaluation yields.
#[derive(Debug)]
struct Row {
    labels: Labels,
    /// The step of the first value.
    from: usize,
    values: Box<[f64]>,
}

impl Stored {
    /// Keeps the series of an answer; `None` when they take more than `most` bytes, or have
    /// histograms.
    pub(super) fn of(
        series: &[SeriesData],
        steps: Span,
        step: i64,
        mark: ChangeMark,
        most: u64,
    ) -> Option<Self> {
        let place = |sample: &Sample| ((sample.timestamp.0 - steps.first) / step) as usize;
        let mut rows = Vec::with_capacity(series.len());
        let mut bytes = size_of::<Stored>() as u64;
        for data in series {
            if !data.histograms.is_empty() {
                return None;
            }
            let (Some(first), Some(last)) = (data.samples.first(), data.samples.last()) else {
                continue;
            };
            let (from, count) = (place(first), place(last) - place(first) + 1);
            let labels = data.labels.as_bytes().len();
            bytes += (SERIES_BYTES + labels + count * size_of::<f64>()) as u64;
            if bytes > most {
                return None;
            }
            let mut values = vec![stale_nan(); count];
            for sample in &data.samples {
                *values.get_mut(place(sample).checked_sub(from)?)? = sample.value;
            }
            rows.push(Row { labels: data.labels.clone(), from, values: values.into() });
        }
        Some(Stored { steps, step, mark, series: rows, bytes })
    }

    /// Returns the steps that are kept.
    pub(super) fn steps(&self) -> Span {
        self.steps
    }

    /// Returns the mark from before the answer was evaluated.
    pub(super) fn mark(&self) -> ChangeMark {
        self.mark
    }

    /// Returns what it takes of memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns how many steps each series with values within `span` has there at most.
    pub(super) fn lengths(&self, span: Span) -> impl Iterator<Item = usize> {
        self.series.iter().map(move |row| self.values(row, span).1.len()).filter(|count| *count > 0)
    }

    /// Returns the series with values at some steps within `span`, which lies within the steps that
    /// are kept, sorted by labels.
    pub(super) fn series(&self, span: Span) -> Vec<SeriesData> {
        let mut series = Vec::with_capacity(self.series.len());
        for row in &self.series {
            let (from, values) = self.values(row, span);
            let mut samples = Vec::with_capacity(values.len());
            for (step, value) in (from..).zip(values).filter(|(_, value)| !is_stale(**value)) {
                let at = TimestampMs(self.steps.first + step as i64 * self.step);
                samples.push(Sample { timestamp: at, value: *value });
            }
            if !samples.is_empty() {
                let labels = row.labels.clone();
                series.push(SeriesData { labels, samples, ..SeriesData::default() });
            }
        }
        series
    }

    /// Returns the values of a row within `span`, with the step of the first one.
    fn values<'a>(&self, row: &'a Row, span: Span) -> (usize, &'a [f64]) {
        let first = ((span.first - self.steps.first) / self.step) as usize;
        let end = first + span.count(self.step) as usize;
        let from = first.saturating_sub(row.from).min(row.values.len());
        let to = end.saturating_sub(row.from).clamp(from, row.values.len());
        (row.from + from, &row.values[from..to])
    }
}

/// Joins the series of two answers, each sorted by labels, where every value of the second is later
/// than all of the first.
pub(super) fn joined(earlier: Vec<SeriesData>, later: Vec<SeriesData>) -> Vec<SeriesData> {
    if earlier.is_empty() {
        return later;
    }
    let mut joined = Vec::with_capacity(earlier.len().max(later.len()));
    let mut later = later.into_iter().peekable();
    for mut series in earlier {
        while let Some(new) = later.next_if(|next| next.labels < series.labels) {
            joined.push(new);
        }
        if let Some(more) = later.next_if(|next| next.labels == series.labels) {
            series.samples.extend(more.samples);
        }
        joined.push(series);
    }
    joined.extend(later);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::changes::Changes;

    fn series(name: &str, samples: &[(i64, f64)]) -> SeriesData {
        let labels = Labels::from_pairs([("__name__", name)]);
        let samples = samples.iter().map(|(at, value)| Sample::new(*at, *value)).collect();
        SeriesData { labels, samples, ..SeriesData::default() }
    }

    #[test]
    fn spans_meet_and_end_before_a_time() {
        let span = Span { first: 5, last: 35 };
        assert_eq!(span.within(Span { first: 15, last: 95 }), Span { first: 15, last: 35 });
        let before = |end| span.before(TimestampMs(end), 10).count(10);
        assert_eq!([5, 6, 15, 16, 35, 36, 90].map(before), [0, 1, 1, 2, 3, 4, 4]);
        assert_eq!([i64::MIN, i64::MAX].map(before), [0, 4]);
    }

    #[test]
    fn a_kept_answer_gives_back_any_of_its_steps() {
        let mark = Changes::default().mark().unwrap();
        let all = [series("a", &[(20, 2.0), (40, 4.0)]), series("b", &[(10, 1.0)])];
        let steps = Span { first: 10, last: 50 };
        let stored = Stored::of(&all, steps, 10, mark, 10_000).unwrap();
        assert_eq!(stored.series(steps), all);
        let some = stored.series(Span { first: 20, last: 30 });
        assert_eq!(some, [series("a", &[(20, 2.0)])]);
        assert_eq!(stored.lengths(Span { first: 20, last: 30 }).collect::<Vec<_>>(), [2]);
        assert_eq!(stored.series(Span { first: 50, last: 50 }), []);
        assert!(Stored::of(&all, steps, 10, mark, 300).is_none());
    }

    #[test]
    fn series_of_both_answers_are_joined_in_the_order_of_labels() {
        let earlier = vec![series("b", &[(1, 1.0)]), series("c", &[(1, 1.0)])];
        let later =
            vec![series("a", &[(2, 2.0)]), series("c", &[(2, 2.0)]), series("d", &[(2, 2.0)])];
        let all = joined(earlier, later);
        let names: Vec<_> = all.iter().map(|one| one.labels.metric_name()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(all[2], series("c", &[(1, 1.0), (2, 2.0)]));
    }
}
