//! Questions about metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::{Caller, Scope};
use crate::base::error::{Error, Result};
use crate::model::answer::{Answer, SampleValue, VectorSample};
use crate::model::batch::MetricMetadata;
use crate::model::cost::Watch;
use crate::model::cut::Cut;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::series::{LabelQuery, SelectStats, SeriesData, SeriesExemplars};
use crate::model::stale::is_stale;
use crate::model::time::{TimeRange, TimestampMs};
use crate::query::promql::{Engine, EngineOptions, QueryRoom, RangeResults, ResultOptions};
use crate::service::desk::Desk;
use crate::service::expression::Expression;
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery, SeriesCursor};

/// An expression at one instant.
#[derive(Debug, Clone)]
pub struct InstantQuery {
    /// What to compute.
    pub expression: Expression,
    /// When.
    pub time: TimestampMs,
    /// How long it may take, if less than the limit.
    pub timeout: Option<Duration>,
    /// How far selectors look back for a sample, if not as far as always.
    pub lookback: Option<Duration>,
}

/// An expression over time.
#[derive(Debug, Clone)]
pub struct RangeQuery {
    /// What to compute.
    pub expression: Expression,
    /// The first evaluation time, and the end that none passes.
    pub range: TimeRange<TimestampMs>,
    /// The distance of evaluation times, at least 1 ms.
    pub step: Duration,
    /// How long it may take, if less than the limit.
    pub timeout: Option<Duration>,
    /// How far selectors look back for a sample, if not as far as always.
    pub lookback: Option<Duration>,
    /// Whether every step is evaluated now, also those that were answered before.
    pub afresh: bool,
}

impl RangeQuery {
    /// Checks that there are at most `max` steps between start and end.
    ///
    /// # Errors
    /// `InvalidInput` in Prometheus' words.
    pub fn check_steps(&self, max: i64) -> Result<()> {
        let step = i64::try_from(self.step.as_millis()).unwrap_or(i64::MAX).max(1);
        if self.range.end.0.saturating_sub(self.range.start.0) / step <= max {
            return Ok(());
        }
        let max = grouped(max);
        Err(Error::invalid(format!(
            "exceeded maximum resolution of {max} points per timeseries. Try decreasing the query resolution (?step=XX)"
        )))
    }
}

/// Adds what every series with a name fulfils where nothing is asked for, because a store wants a
/// condition that not everything fulfils.
fn choosing(mut matchers: Vec<Matcher>) -> Result<Vec<Matcher>> {
    if matchers.iter().all(Matcher::matches_absent) {
        matchers.push(Matcher::new(MatchOp::NotEqual, METRIC_NAME, "")?);
    }
    Ok(matchers)
}

/// Returns the last point of a series that is not over.
fn newest_of(series: SeriesData) -> Option<VectorSample> {
    let SeriesData { labels, samples, histograms, .. } = series;
    let float = samples.last().map(|sample| (sample.timestamp, sample.value));
    let later = |at: TimestampMs| float.is_none_or(|(float_at, _)| float_at < at);
    if let Some(sample) = histograms.last()
        && later(sample.timestamp)
    {
        let value = SampleValue::Histogram(Arc::clone(&sample.histogram));
        let newest = VectorSample { labels, timestamp: sample.timestamp, value };
        return (!sample.histogram.is_stale()).then_some(newest);
    }
    let (timestamp, value) = float?;
    let value = (!is_stale(value)).then_some(SampleValue::Float(value))?;
    Some(VectorSample { labels, timestamp, value })
}

/// Tells the span of a query what was read for it.
fn tell(answer: &Answer) {
    let SelectStats { series, samples, hours, blobs, bytes } = answer.stats;
    tracing::debug!(series, samples, hours, blobs, bytes, "metrics read");
}

/// Adds to what a query cost the time that it waited for its turn.
fn after_queue(mut answer: Answer, queued: Duration) -> Answer {
    if let Some(cost) = &mut answer.cost {
        cost.timings.exec_queue = queued;
        cost.timings.exec_total = queued + cost.timings.eval_total;
    }
    answer
}

/// Writes a number with a comma before every three digits.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Raw points of some series.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Which series; all must hold.
    pub matchers: Vec<Matcher>,
    /// Which points.
    pub range: TimeRange<TimestampMs>,
    /// What the asker will do with them, in the words of [`SelectHints`].
    pub step_ms: i64,
    /// As before.
    pub range_ms: i64,
    /// As before.
    pub function: String,
}

/// Series that are carried elsewhere.
pub struct Exported(Box<dyn SeriesCursor>);

impl Exported {
    /// Returns the next series, or `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` and `Internal` from the store.
    pub async fn next(&mut self) -> Result<Option<Vec<SeriesData>>> {
        self.0.next_block().await
    }

    /// Returns what the reader should know, complete at the end.
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}

/// Queries metrics.
#[derive(Clone)]
pub struct MetricsService {
    store: Arc<dyn MetricStore>,
    engine: Arc<Engine>,
    results: Arc<RangeResults>,
    desk: Desk,
}

impl MetricsService {
    pub(crate) fn new(store: Arc<dyn MetricStore>, desk: Desk) -> Self {
        let limits = desk.limits();
        let options = EngineOptions {
            lookback: limits.lookback,
            max_samples: limits.samples,
            room: QueryRoom::of_bytes(limits.memory),
            default_subquery_interval: limits.subquery_interval,
            timeout: limits.timeout,
        };
        let engine = Arc::new(Engine::new(Arc::clone(&store), options));
        let kept = ResultOptions::of_bytes(limits.results);
        let results = Arc::new(RangeResults::new(Engine::clone(&engine), kept));
        MetricsService { store, engine, results, desk }
    }

    /// Gives memory back that makes questions quicker, but is not needed to answer them.
    pub fn shed_caches(&self) {
        self.results.shed();
    }

    /// Returns how many queries are answered at one time; further ones wait.
    pub fn concurrency(&self) -> usize {
        self.desk.limits().concurrency
    }

    /// Returns how many steps a range query may have.
    pub fn max_steps(&self) -> i64 {
        self.desk.limits().steps
    }

    /// Evaluates an expression at one instant.
    ///
    /// # Errors
    /// Permission, deadline, and those of the engine: what cannot be evaluated is `InvalidInput`,
    /// what holds too many samples `LimitExceeded`.
    pub async fn instant(&self, caller: &Caller, query: InstantQuery) -> Result<Answer> {
        self.watched_instant(caller, query, Watch::Nothing).await
    }

    /// Does what [`MetricsService::instant`] does and tells what it cost.
    ///
    /// # Errors
    /// Those of [`MetricsService::instant`].
    pub async fn watched_instant(
        &self,
        caller: &Caller,
        query: InstantQuery,
        watch: Watch,
    ) -> Result<Answer> {
        let InstantQuery { expression, time, timeout, lookback } = query;
        let engine = self.engine.watching(watch).looking_back(lookback);
        let asked = Instant::now();
        let answer = async move {
            let queued = asked.elapsed();
            let answer = engine.instant(expression.tree(), time).await.inspect(tell);
            answer.map(|answer| after_queue(answer, queued))
        };
        self.desk.read_within(caller, "metrics.instant", timeout, answer).await
    }

    /// Evaluates an expression from the start of a range on, step by step.
    ///
    /// # Errors
    /// `InvalidInput` for too many steps, and those of [`MetricsService::instant`].
    pub async fn range(&self, caller: &Caller, query: RangeQuery) -> Result<Answer> {
        self.watched_range(caller, query, Watch::Nothing).await
    }

    /// Does what [`MetricsService::range`] does and tells what it cost, if that is watched: then every
    /// step is evaluated now, as where that is asked for.
    ///
    /// # Errors
    /// Those of [`MetricsService::range`].
    pub async fn watched_range(
        &self,
        caller: &Caller,
        query: RangeQuery,
        watch: Watch,
    ) -> Result<Answer> {
        query.check_steps(self.max_steps())?;
        let RangeQuery { expression, range, step, timeout, lookback, afresh } = query;
        let engine = self.engine.watching(watch).looking_back(lookback);
        let may_repeat = watch == Watch::Nothing && lookback.is_none() && !afresh;
        let results = may_repeat.then(|| Arc::clone(&self.results));
        let TimeRange { start, end } = range;
        let asked = Instant::now();
        let answer = async move {
            let queued = asked.elapsed();
            let answer = match results {
                Some(results) => results.range(expression.tree(), start, end, step).await,
                None => engine.range(expression.tree(), start, end, step).await,
            };
            answer.inspect(tell).map(|answer| after_queue(answer, queued))
        };
        self.desk.read_within(caller, "metrics.range", timeout, answer).await
    }

    /// Returns how many samples one question may read.
    pub fn max_samples(&self) -> u64 {
        self.desk.limits().samples
    }

    /// Reads raw points series by series, in no promised order, and lets `add` put each into what is
    /// returned at the end.
    ///
    /// # Errors
    /// Permission, deadline, `LimitExceeded` past [`MetricsService::max_samples`], and those of the
    /// store.
    pub async fn fold_points<T: Send + 'static>(
        &self,
        caller: &Caller,
        selection: Selection,
        mut into: T,
        mut add: impl FnMut(&mut T, SeriesData) + Send + 'static,
    ) -> Result<T> {
        let Selection { matchers, range, step_ms, range_ms, function } = selection;
        let matchers = choosing(matchers)?;
        let hints = SelectHints { step_ms, range_ms, function, whole_hours: false };
        let max_samples = Some(self.max_samples());
        let query = SelectQuery { matchers, range, hints, max_samples };
        let store = Arc::clone(&self.store);
        let work = async move {
            let mut cursor = store.select(query).await?;
            while let Some(block) = cursor.next_block().await? {
                block.into_iter().for_each(|series| add(&mut into, series));
            }
            Ok(into)
        };
        self.desk.read(caller, "metrics.points", work).await
    }

    /// Returns the newest point of every series that one of the sets chooses, unless it is older
    /// than the lookback or a stale marker, sorted by metric name and then by labels.
    ///
    /// # Errors
    /// Those of [`MetricsService::fold_points`].
    pub async fn newest(
        &self,
        caller: &Caller,
        match_sets: Vec<Vec<Matcher>>,
    ) -> Result<Vec<VectorSample>> {
        let now = self.desk.now();
        let lookback = i64::try_from(self.desk.limits().lookback.as_millis()).unwrap_or(i64::MAX);
        let range = TimeRange::new(TimestampMs(now.0.saturating_sub(lookback)), now);
        let max_samples = Some(self.max_samples());
        let store = Arc::clone(&self.store);
        let work = async move {
            let mut found: BTreeMap<Labels, VectorSample> = BTreeMap::new();
            for matchers in match_sets {
                let matchers = choosing(matchers)?;
                let hints = SelectHints::default();
                let query = SelectQuery { matchers, range, hints, max_samples };
                let mut cursor = store.select(query).await?;
                while let Some(block) = cursor.next_block().await? {
                    let newest = block.into_iter().filter_map(newest_of);
                    found.extend(newest.map(|sample| (sample.labels.clone(), sample)));
                }
            }
            let mut found: Vec<_> = found.into_values().collect();
            found.sort_by(|one, other| one.labels.metric_name().cmp(other.labels.metric_name()));
            Ok(found)
        };
        self.desk.read(caller, "metrics.newest", work).await
    }

    /// Opens all points of the series that fulfil all `matchers`, block by block, however many they
    /// are: for whoever carries data elsewhere.
    ///
    /// # Errors
    /// Permission (`admin`), deadline, and those of the store.
    pub async fn export(
        &self,
        caller: &Caller,
        matchers: Vec<Matcher>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Exported> {
        caller.require(Scope::Admin)?;
        let store = Arc::clone(&self.store);
        let query =
            SelectQuery { matchers, range, hints: SelectHints::default(), max_samples: None };
        let work = async move { store.select(query).await };
        self.desk.read(caller, "metrics.export", work).await.map(Exported)
    }

    /// Returns label names, sorted.
    ///
    /// # Errors
    /// Permission, deadline, and those of the store; likewise below.
    pub async fn labels(&self, caller: &Caller, query: LabelQuery) -> Result<Cut<String>> {
        let store = Arc::clone(&self.store);
        let work = async move { store.label_names(query).await };
        self.desk.read(caller, "metrics.labels", work).await
    }

    /// Returns the values of one label, sorted.
    pub async fn label_values(
        &self,
        caller: &Caller,
        name: &str,
        query: LabelQuery,
    ) -> Result<Cut<String>> {
        let (store, name) = (Arc::clone(&self.store), name.to_owned());
        let work = async move { store.label_values(&name, query).await };
        self.desk.read(caller, "metrics.label_values", work).await
    }

    /// Returns label sets, sorted.
    pub async fn series(&self, caller: &Caller, query: LabelQuery) -> Result<Cut<Labels>> {
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "metrics.series", async move { store.series(query).await }).await
    }

    /// Returns what is known of families, sorted by name; `metric` restricts it to one.
    pub async fn metadata(
        &self,
        caller: &Caller,
        metric: Option<&str>,
    ) -> Result<Vec<MetricMetadata>> {
        let (store, metric) = (Arc::clone(&self.store), metric.map(str::to_owned));
        let work = async move { store.metadata(metric.as_deref()).await };
        self.desk.read(caller, "metrics.metadata", work).await
    }

    /// Returns the exemplars of the series that one of the sets chooses.
    pub async fn exemplars(
        &self,
        caller: &Caller,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>> {
        let store = Arc::clone(&self.store);
        let work = async move { store.exemplars(match_sets, range).await };
        self.desk.read(caller, "metrics.exemplars", work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_may_have_as_many_steps_as_the_limit_says() {
        let query = |end_ms| RangeQuery {
            expression: Expression::parse("1").unwrap(),
            range: TimeRange::new(TimestampMs(0), TimestampMs(end_ms)),
            step: Duration::from_secs(1),
            timeout: None,
            lookback: None,
            afresh: false,
        };
        assert_eq!(query(11_000_000).check_steps(11_000), Ok(()));
        let text = query(11_001_000).check_steps(11_000).unwrap_err().to_string();
        assert!(text.contains("11,000 points"), "{text}");
        assert!(query(i64::MAX).check_steps(11_000).is_err());
    }
}
