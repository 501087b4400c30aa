//! Runs unit tests over a store in memory.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{ManualClock, SharedClock};
use crate::base::duration::format_duration;
use crate::base::error::{Error, Result};
use crate::base::task::TaskGroup;
use crate::ingest::{Ingest, IngestLimits, Stores};
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::query::promql::{Engine, EngineOptions};
use crate::rules::definition::GroupDefinition;
use crate::rules::evaluation::{Evaluation, number};
use crate::rules::external::External;
use crate::rules::group::Group;
use crate::rules::instances::signed;
use crate::rules::ruler::{Ruler, RulerParts};
use crate::rules::sink::NoSink;
use crate::rules::status::{AlertState, RuleHealth, RuleKind, RuleStatus};
use crate::rules::unit_test::{AlertCheck, Case, QueryCheck, UnitTests};
use crate::storage::memory::log::MemoryLogStore;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::memory::trace::MemoryTraceStore;
use crate::storage::metric_store::MetricStore;

/// The most evaluations of one test.
const MAX_ROUNDS: i64 = 100_000;
/// Series may come in any order: everything is written before the first evaluation.
const EVER: Duration = Duration::from_secs(8_000 * 365 * 86_400);

impl UnitTests {
    /// Runs every test; returns what differs from what was expected, in words with their line.
    ///
    /// # Errors
    /// `InvalidInput` for a test that takes too long or cannot be stored; those of the engine.
    pub async fn run(&self, groups: &[GroupDefinition]) -> Result<Vec<String>> {
        let mut differences = Vec::new();
        for case in &self.cases {
            let stage = Stage::new(case, self).await?;
            for difference in stage.play(groups).await? {
                let name =
                    if case.name.is_empty() { String::new() } else { format!("{}: ", case.name) };
                differences.push(format!("{name}{difference}"));
            }
        }
        Ok(differences)
    }
}

/// A store with the series of one test.
struct Stage<'a> {
    case: &'a Case,
    tests: &'a UnitTests,
    ruler: Ruler,
    engine: Engine,
    external: Arc<External>,
}

impl<'a> Stage<'a> {
    async fn new(case: &'a Case, tests: &'a UnitTests) -> Result<Self> {
        let clock: SharedClock = ManualClock::at_ms(0);
        let store = Arc::new(MemoryMetricStore::new(EVER));
        load(case, store.as_ref()).await?;
        let stores = Stores {
            metrics: store.clone(),
            logs: Arc::new(MemoryLogStore::new()),
            traces: Arc::new(MemoryTraceStore::new(Arc::clone(&clock))),
        };
        let limits = IngestLimits { future: EVER, ..IngestLimits::default() };
        let external =
            External { url: case.external_url.clone(), labels: case.external_labels.clone() };
        let engine = Engine::new(store.clone(), EngineOptions::default());
        let ruler = Ruler::new(RulerParts {
            store,
            ingest: Ingest::new(stores, limits, Arc::clone(&clock)),
            sink: Arc::new(NoSink),
            clock,
            options: EngineOptions::default(),
            external: external.clone(),
            tasks: TaskGroup::new(),
        });
        Ok(Stage { case, tests, ruler, engine, external: Arc::new(external) })
    }

    async fn play(&self, definitions: &[GroupDefinition]) -> Result<Vec<String>> {
        let groups = self.groups(definitions);
        let alerts = self.case.alerts.iter().map(|check| check.at);
        let queries = self.case.queries.iter().map(|check| check.at);
        let end = signed(alerts.chain(queries).max().unwrap_or_default());
        let interval = signed(self.tests.evaluation_interval);
        if end / interval > MAX_ROUNDS {
            return Err(Error::invalid(format!("a test has more than {MAX_ROUNDS} evaluations")));
        }
        let mut differences = Vec::new();
        for at in (0..=end).step_by(usize::try_from(interval).unwrap_or(usize::MAX)) {
            for group in &groups {
                group.evaluate(self.instant(at)).await;
            }
            if differences.is_empty() {
                differences = failures(&groups, at);
            }
            let now = |check: &&AlertCheck| (at..at + interval).contains(&signed(check.at));
            for check in self.case.alerts.iter().filter(now) {
                differences.extend(alerts_differ(check, &groups));
            }
        }
        for check in &self.case.queries {
            differences.extend(self.query_differs(check).await?);
        }
        Ok(differences)
    }

    /// Returns the instant `ms` milliseconds after the start.
    fn instant(&self, ms: i64) -> TimestampMs {
        TimestampMs(self.case.start.0.saturating_add(ms))
    }

    /// Returns the groups in the order of evaluation.
    fn groups(&self, definitions: &[GroupDefinition]) -> Vec<Group> {
        let order = &self.tests.group_order;
        let place = |group: &&GroupDefinition| {
            order.iter().position(|name| *name == group.name).unwrap_or(order.len())
        };
        let mut ordered: Vec<&GroupDefinition> = definitions.iter().collect();
        ordered.sort_by_key(place);
        ordered.into_iter().map(|group| self.ruler.group(group.clone())).collect()
    }

    async fn query_differs(&self, check: &QueryCheck) -> Result<Option<String>> {
        let evaluation = Evaluation {
            engine: self.engine.clone(),
            external: Arc::clone(&self.external),
            at: self.instant(signed(check.at)),
        };
        let samples = evaluation.vector(check.expr.tree()).await?;
        let mut got: Vec<(Labels, f64)> =
            samples.into_iter().map(|s| (s.labels.clone(), number(&s.value))).collect();
        let mut expected = check.expected.clone();
        for rows in [&mut got, &mut expected] {
            rows.sort_by(|left, right| left.0.cmp(&right.0));
        }
        let same = |(left, right): (&(Labels, f64), &(Labels, f64))| {
            left.0 == right.0 && self.same(left.1, right.1)
        };
        if got.len() == expected.len() && got.iter().zip(&expected).all(same) {
            return Ok(None);
        }
        let shown = |rows: &[(Labels, f64)]| {
            let row = |(labels, value): &(Labels, f64)| format!("{labels} {value}");
            rows.iter().map(row).collect::<Vec<_>>().join(", ")
        };
        Ok(Some(format!(
            "line {}: expr: {}, time: {}\n    expected: [{}]\n    got:      [{}]",
            check.line,
            check.expr,
            format_duration(check.at),
            shown(&expected),
            shown(&got),
        )))
    }

    fn same(&self, left: f64, right: f64) -> bool {
        if left.to_bits() == right.to_bits() || left == right || (left.is_nan() && right.is_nan()) {
            return true;
        }
        self.tests.fuzzy && (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
    }
}

async fn load(case: &Case, store: &MemoryMetricStore) -> Result<()> {
    let interval = signed(case.interval);
    let mut series = Vec::new();
    for (labels, values) in &case.input {
        let samples = values.iter().enumerate().filter_map(|(index, value)| {
            let at = i64::try_from(index).ok()?.checked_mul(interval)?;
            let at = case.start.0.checked_add(at)?;
            value.map(|value| Sample::new(at, value))
        });
        let samples = samples.collect();
        series.push(SeriesWrite { labels: labels.clone(), samples, ..SeriesWrite::default() });
    }
    let receipt = store.append(MetricBatch { series, metadata: Vec::new() }).await?;
    receipt.summary(3).map_or(Ok(()), |refused| Err(Error::invalid(refused)))
}

/// Tells which rules could not be evaluated.
fn failures(groups: &[Group], at_ms: i64) -> Vec<String> {
    let at = format_duration(Duration::from_millis(at_ms.unsigned_abs()));
    let mut failures = Vec::new();
    for group in groups {
        let status = group.status();
        let failed = status.rules.iter().filter(|rule| rule.health == RuleHealth::Err);
        let told =
            |rule: &RuleStatus| format!("rule: {}, time: {at}\n    {}", rule.name, rule.last_error);
        failures.extend(failed.map(told));
    }
    failures
}

fn alerts_differ(check: &AlertCheck, groups: &[Group]) -> Option<String> {
    let mut got: Vec<(Labels, Labels)> = Vec::new();
    for group in groups {
        for rule in group.status().rules.iter().filter(|rule| rule.name == check.alert) {
            let RuleKind::Alerting { alerts, .. } = &rule.kind else { continue };
            let firing = alerts.iter().filter(|alert| alert.state == AlertState::Firing);
            got.extend(firing.map(|alert| (alert.labels.clone(), alert.annotations.clone())));
        }
    }
    got.sort();
    let mut expected = check.expected.clone();
    expected.sort();
    if got == expected {
        return None;
    }
    let shown = |alerts: &[(Labels, Labels)]| {
        let alert = |(labels, texts): &(Labels, Labels)| format!("{labels} {texts}");
        alerts.iter().map(alert).collect::<Vec<_>>().join(", ")
    };
    Some(format!(
        "line {}: alertname: {}, time: {}\n    expected: [{}]\n    got:      [{}]",
        check.line,
        check.alert,
        format_duration(check.at),
        shown(&expected),
        shown(&got),
    ))
}
