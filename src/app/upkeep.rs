//! What stores need from time to time: flush, retention, and numbers about themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::size::ByteSize;
use crate::base::task::TaskGroup;
use crate::config::{Config, Retention};
use crate::ingest::{Ingest, Shortage};
use crate::model::time::{Day, TimestampMs};
use crate::storage::lifecycle::{Lifecycle, RetentionLimits};
use crate::telemetry::{instruments, names};

/// How often sizes are measured and retention is enforced: what can come in meanwhile must fit
/// between [`KEEP_BELOW`] and the budget.
const ROUND: Duration = Duration::from_secs(1);
/// How often memory goes into files, when neither memory nor the log asks for it sooner. Metrics are
/// packed in windows of two hours, each of which is best written once, when it is over.
const FLUSH_EVERY: [(&str, Duration); 3] = [
    ("metrics", Duration::from_secs(7_200)),
    ("logs", Duration::from_secs(120)),
    ("traces", Duration::from_secs(120)),
];
/// How long after the end of its span memory goes into files: what comes a little late is with it.
const REST_OF_A_SPAN: Duration = Duration::from_secs(60);
/// How long a store whose flush failed is left in peace before the next try.
const FLUSH_AGAIN: Duration = Duration::from_secs(30);
/// The oldest days go when more than this share of the disk budget is used, in percent.
const KEEP_BELOW: u64 = 90;
/// Writes are refused when more than this share is used and nothing older is left.
const REFUSE_FROM: u64 = 97;
/// Metrics go into files early when memory holds more samples than this: a start after a kill reads
/// them back from the log in four seconds.
const MOST_SAMPLES: u64 = 10_000_000;
/// Memory goes into files early when the log takes more than this part of the disk budget.
const LOG_PART: u64 = 8;
/// The most that the log takes before that.
const MAX_LOG: u64 = 1 << 30;

/// How often days that are over are sought, to be sealed.
const SEAL_ROUND: Duration = Duration::from_secs(900);
/// How long after its end a day is sealed, besides the time in which late points are taken; one that
/// is sealed and gets later points is sealed again.
const REST_OF_A_DAY: Duration = Duration::from_secs(3_600);
/// No window for late points holds sealing up longer than this.
const LONGEST_WINDOW: Duration = Duration::from_secs(22 * 3_600);

/// Keeps the stores within their limits.
pub(crate) struct Upkeep {
    stores: OpenStores,
    retention: Retention,
    disk: ByteSize,
    late: Duration,
    ingest: Ingest,
    /// Whether writes are refused for want of disk.
    refusing: AtomicBool,
    /// When the stores whose flush failed are tried again.
    owed: Mutex<BTreeMap<&'static str, i64>>,
    clock: SharedClock,
    bytes: Gauge<f64>,
    series: Gauge<f64>,
    dropped: Counter<u64>,
    failed: Counter<u64>,
}

impl Upkeep {
    /// Prepares the upkeep of `stores`, which take points that are up to `late` old.
    pub(crate) fn new(
        stores: OpenStores,
        config: &Config,
        ingest: Ingest,
        clock: SharedClock,
    ) -> Self {
        Upkeep {
            stores,
            retention: config.retention.clone(),
            disk: config.budget.disk,
            late: config.metrics.out_of_order_window,
            ingest,
            refusing: AtomicBool::new(false),
            owed: Mutex::default(),
            clock,
            bytes: instruments::gauge(names::STORAGE_BYTES, "Allocated bytes on disk, by signal."),
            series: instruments::gauge(names::ACTIVE_SERIES, "Active series."),
            dropped: instruments::counter(
                names::RETENTION_DROPPED,
                "Partitions that retention dropped, by signal.",
            ),
            failed: instruments::counter(
                names::UPKEEP_FAILED,
                "Runs of flush, seal and retention that failed, by signal and task.",
            ),
        }
    }

    /// Runs in tasks of `tasks` until the group stops. No day is sealed while memory is short.
    pub(crate) fn start(self, mut memory_is_short: watch::Receiver<bool>, tasks: &TaskGroup) {
        let sealing = Arc::new(self);
        let (upkeep, stop) = (Arc::clone(&sealing), tasks.stop_token());
        tasks.spawn("upkeep", async move {
            // What a kill left undone is done at once.
            upkeep.retain().await;
            let mut before = upkeep.clock.now_ms();
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = upkeep.clock.sleep(ROUND) => {}
                }
                let now = upkeep.clock.now_ms();
                upkeep.flush(before, now).await;
                upkeep.retain().await;
                before = now;
            }
        });
        let stop = tasks.stop_token();
        tasks.spawn("seal", async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sealing.clock.sleep(SEAL_ROUND) => {}
                }
                // Sealing takes its time, and what is given up is begun again later.
                tokio::select! {
                    () = stop.cancelled() => return,
                    Ok(_) = memory_is_short.wait_for(|short| *short) => {}
                    () = sealing.seal() => {}
                }
            }
        });
    }

    async fn seal(&self) {
        let through = last_to_seal(self.clock.now_ms(), self.late);
        for (signal, store) in self.stores.lifecycles() {
            let sealed = store.seal_at_leisure(through).await;
            if let Some(partitions @ 1..) = self.check(signal, "seal", sealed) {
                tracing::info!(signal, partitions, bytes = store.disk_bytes(), "sealed");
            }
        }
    }

    /// Flushes the stores whose span ended behind `before` and until `now`, or all when the log is
    /// long, or the metrics when there are many. One that fails is flushed after a while, whatever the
    /// time.
    async fn flush(&self, before: i64, now: i64) {
        let log_is_long = self.stores.log_bytes() > (self.disk.0 / LOG_PART).min(MAX_LOG);
        for (signal, store) in self.stores.lifecycles() {
            let every = FLUSH_EVERY.iter().find(|(name, _)| *name == signal);
            let is_time = every.is_none_or(|(_, every)| ends_between(before, now, *every));
            let is_full =
                signal == "metrics" && self.stores.metrics.stats().head_samples > MOST_SAMPLES;
            let again = self.owed.lock().get(signal).copied();
            if again.map_or(log_is_long || is_time || is_full, |again| again <= now) {
                let flushed = store.flush().await;
                match self.check(signal, "flush", flushed) {
                    Some(_) => self.owed.lock().remove(signal),
                    None => {
                        self.owed.lock().insert(signal, now.saturating_add(millis(FLUSH_AGAIN)))
                    }
                };
            }
        }
    }

    async fn retain(&self) {
        let stores = self.stores.lifecycles();
        let sizes = stores.each_ref().map(|(_, store)| store.disk_bytes());
        self.series.record(self.stores.metrics.stats().active_series as f64, &[]);
        let log = [KeyValue::new("signal", "log")];
        let log_bytes = self.stores.log_bytes();
        self.bytes.record(log_bytes as f64, &log);
        let kept = [self.retention.metrics, self.retention.logs, self.retention.traces];
        let room = (self.disk.0 / 100 * KEEP_BELOW).saturating_sub(log_bytes);
        for (index, (signal, store)) in stores.iter().enumerate() {
            self.bytes.record(sizes[index] as f64, &[KeyValue::new("signal", *signal)]);
            let limits = RetentionLimits {
                oldest_ns: self.clock.now_ns().saturating_sub(nanos(kept[index])),
                max_bytes: share(sizes, index, room),
            };
            self.enforce(signal, store, limits).await;
        }
        let used: u64 = stores.iter().map(|(_, store)| store.disk_bytes()).sum();
        self.refuse(used.saturating_add(log_bytes));
    }

    /// Refuses writes while the budget is used up, although the oldest days are gone.
    fn refuse(&self, used: u64) {
        let refuse = used > self.disk.0 / 100 * REFUSE_FROM;
        if self.refusing.swap(refuse, Ordering::AcqRel) != refuse {
            self.ingest.refuse_all(Shortage::Disk, refuse);
            tracing::warn!(used, budget = self.disk.0, refusing = refuse, "the disk is short");
        }
    }

    async fn enforce(
        &self,
        signal: &'static str,
        store: &Arc<dyn Lifecycle>,
        limits: RetentionLimits,
    ) {
        let Some(dropped) = self.check(signal, "retention", store.enforce_retention(limits).await)
        else {
            return;
        };
        if !dropped.partitions.is_empty() {
            let partitions = dropped.partitions.join(", ");
            tracing::info!(signal, partitions, bytes = dropped.bytes, "retention dropped data");
            let labels = [KeyValue::new("signal", signal)];
            self.dropped.add(dropped.partitions.len() as u64, &labels);
        }
    }

    fn check<T>(&self, signal: &'static str, task: &'static str, done: Result<T>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(signal, task, %error, "upkeep failed");
                let labels = [KeyValue::new("signal", signal), KeyValue::new("task", task)];
                self.failed.add(1, &labels);
                None
            }
        }
    }
}

/// Returns the last day that ended long enough before `now_ms`.
fn last_to_seal(now_ms: i64, late: Duration) -> Day {
    let rest = REST_OF_A_DAY + late.min(LONGEST_WINDOW);
    Day::of_ms(TimestampMs(now_ms.saturating_sub(millis(rest)))).previous()
}

/// Returns whether a span of this length, counted from 1970, and its rest ended behind `before` and
/// until `now`.
fn ends_between(before: i64, now: i64, every: Duration) -> bool {
    let number = |at: i64| at.saturating_sub(millis(REST_OF_A_SPAN)).div_euclid(millis(every));
    number(before) != number(now)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns how many bytes the store may keep when all of them exceed the budget: every signal
/// gives way in proportion to what it uses.
fn share(sizes: [u64; 3], index: usize, budget: u64) -> Option<u64> {
    let total: u64 = sizes.iter().sum();
    if total <= budget {
        return None;
    }
    let share = u128::from(sizes[index]) * u128::from(budget) / u128::from(total);
    Some(u64::try_from(share).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_sealed_an_hour_after_late_points_end() {
        let midnight = Day(100).range_ms().start.0;
        let (hour, late) = (3_600_000, Duration::from_secs(3_600));
        assert_eq!(last_to_seal(midnight + 2 * hour - 1, late), Day(98));
        assert_eq!(last_to_seal(midnight + 2 * hour, late), Day(99));
        assert_eq!(last_to_seal(midnight + 23 * hour, Duration::MAX), Day(99));
    }

    #[test]
    fn memory_goes_into_files_once_a_span_a_minute_after_its_end() {
        let (two, hours) = (Duration::from_secs(7_200), 7_200_000);
        let flushes = (0..86_400).filter(|at| ends_between(at * 1_000, (at + 1) * 1_000, two));
        assert_eq!(
            flushes.map(|at| (at * 1_000 + 1_000) % hours).collect::<Vec<_>>(),
            [60_000; 12]
        );
        assert!(ends_between(0, hours * 3, two), "a clock that was put forward");
    }

    #[test]
    fn signals_give_way_in_proportion_and_only_beyond_the_budget() {
        assert_eq!(share([10, 20, 30], 1, 60), None);
        assert_eq!(share([10, 20, 70], 2, 50), Some(35));
        assert_eq!(share([0, 0, 100], 0, 50), Some(0));
        assert_eq!(share([u64::MAX / 2, 0, 0], 0, 1 << 40), Some(1 << 40));
    }
}
