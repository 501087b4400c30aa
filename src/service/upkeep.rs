//! Upkeep that a person or a test orders: flush, seal, delete, free space, copy.
//!
//! What was begun is finished even when the asker goes away, because half a flush that is dropped
//! would do its work beside the next one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Instrument;

use crate::access::{Caller, Scope};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::size::ByteSize;
use crate::base::task::TaskGroup;
use crate::model::matcher::Matcher;
use crate::model::series::Deleted;
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::service::desk::Desk;
use crate::service::status::ProcessSource;
use crate::storage::lifecycle::Lifecycle;
use crate::storage::metric_store::MetricStore;

/// What upkeep did to the store of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUpkeep {
    /// `metrics`, `logs` or `traces`.
    pub signal: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Partitions that were rewritten into their final form.
    pub sealed: usize,
    /// Allocated bytes on disk afterwards.
    pub disk_bytes: u64,
}

/// The stores of all signals by their names.
pub(crate) type Lifecycles = [(&'static str, Arc<dyn Lifecycle>); 3];

/// Orders upkeep of the stores. Cloning is cheap.
#[derive(Clone)]
pub struct UpkeepService {
    stores: Lifecycles,
    metrics: Arc<dyn MetricStore>,
    snapshots: Option<Snapshots>,
    tasks: TaskGroup,
    desk: Desk,
}

/// Where copies are put and how much room there is.
#[derive(Clone)]
pub(crate) struct Snapshots {
    /// The directory above all copies.
    pub(crate) directory: PathBuf,
    /// Tells what the data directory has allocated.
    pub(crate) process: Arc<dyn ProcessSource>,
    /// What it may allocate.
    pub(crate) disk_budget: u64,
}

impl Snapshots {
    /// Checks that so many bytes more fit into the budget.
    fn check_room(&self, bytes: u64) -> Result<()> {
        let used = self.process.data_bytes();
        if used.saturating_add(bytes) <= self.disk_budget {
            return Ok(());
        }
        let (bytes, budget) = (ByteSize(bytes), ByteSize(self.disk_budget));
        let text = format!(
            "a copy of {bytes} does not fit into budget.disk ({budget}) any more; remove old ones below {}",
            self.directory.display()
        );
        Err(Error::new(ErrorKind::Unavailable, text))
    }
}

impl UpkeepService {
    pub(crate) fn new(
        stores: Lifecycles,
        metrics: Arc<dyn MetricStore>,
        snapshots: Option<Snapshots>,
        tasks: TaskGroup,
        desk: Desk,
    ) -> Self {
        UpkeepService { stores, metrics, snapshots, tasks, desk }
    }

    /// Moves what the stores hold in memory into files, one store after the other.
    ///
    /// # Errors
    /// Permission (`admin`), and the first error of a store; the others were tried.
    pub async fn flush(&self, caller: &Caller) -> Result<Vec<StoreUpkeep>> {
        let stores = self.stores.clone();
        let work = async move {
            let mut done = Vec::new();
            for (signal, store) in &stores {
                let begin = Instant::now();
                let flushed = store.flush().await.map(|()| 0);
                done.push(outcome(signal, store, begin, flushed));
            }
            done.into_iter().collect()
        };
        self.ordered(caller, "upkeep.flush", caller.require(Scope::Admin), work).await
    }

    /// Rewrites the partitions up to and including the day `through`, by default yesterday, into
    /// their final form; `signal` restricts it to one store. Returns the day, too.
    ///
    /// # Errors
    /// Permission (`admin`), `InvalidInput` for an unknown signal, and the first error of a store;
    /// the others were tried.
    pub async fn seal(
        &self,
        caller: &Caller,
        through: Option<Day>,
        signal: Option<&str>,
    ) -> Result<(Day, Vec<StoreUpkeep>)> {
        let through = through.unwrap_or_else(|| Day::of_ms(self.desk.now()).previous());
        let wanted = |name: &str| signal.is_none_or(|signal| signal == name);
        let stores: Vec<_> = self.stores.iter().filter(|(name, _)| wanted(name)).cloned().collect();
        let known = match stores.is_empty() {
            true => Err(Error::invalid("the signal is none of metrics, logs and traces")),
            false => Ok(()),
        };
        let permitted = caller.require(Scope::Admin).and(known);
        let work = async move {
            let mut done = Vec::new();
            for (signal, store) in &stores {
                let begin = Instant::now();
                let sealed = store.seal(through).await;
                done.push(outcome(signal, store, begin, sealed));
            }
            let done: Result<Vec<_>> = done.into_iter().collect();
            Ok((through, done?))
        };
        self.ordered(caller, "upkeep.seal", permitted, work).await
    }

    /// Deletes points of metrics: those inside `range` of the series that fulfil one whole set.
    ///
    /// # Errors
    /// Permission ([`Caller::require_deletion`]), and those of the store.
    pub async fn delete_series(
        &self,
        caller: &Caller,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Deleted> {
        let (metrics, name) = (Arc::clone(&self.metrics), caller.name.clone());
        let work = async move {
            let deleted = metrics.delete(match_sets, range).await?;
            let (series, from, to) = (deleted.series, range.start.0, range.end.0);
            tracing::info!(caller = name, series, from, to, "series were deleted");
            Ok(deleted)
        };
        self.ordered(caller, "upkeep.delete_series", caller.require_deletion(), work).await
    }

    /// Frees the space of metrics that were deleted.
    ///
    /// # Errors
    /// Permission (`admin`), and those of the store.
    pub async fn purge_deleted(&self, caller: &Caller) -> Result<()> {
        let metrics = Arc::clone(&self.metrics);
        let work = async move { metrics.purge_deleted().await };
        self.ordered(caller, "upkeep.purge_deleted", caller.require(Scope::Admin), work).await
    }

    /// Copies everything that the metric store has acknowledged into a new directory among the
    /// snapshots and returns the directory's name. The copy is a data directory of its own.
    ///
    /// # Errors
    /// Permission (`admin`), `Unsupported` for a store without files, `Unavailable` when the copy
    /// would not fit into `budget.disk`, and those of the store.
    pub async fn snapshot(&self, caller: &Caller) -> Result<String> {
        let (metrics, snapshots) = (Arc::clone(&self.metrics), self.snapshots.clone());
        let name = snapshot_name(self.desk.now(), rand::random());
        let work = async move {
            let Some(snapshots) = snapshots else {
                let text = "nothing is on disk here, so there is nothing to copy";
                return Err(Error::unsupported(text));
            };
            snapshots.check_room(metrics.disk_bytes())?;
            let directory = snapshots.directory.join(&name);
            tokio::fs::create_dir_all(&directory).await?;
            let copied = metrics.snapshot(&directory.join("metrics")).await;
            if copied.is_err() {
                // Half a copy must not look like one; what cannot be removed is at least no error more.
                let _ = tokio::fs::remove_dir_all(&directory).await;
            }
            copied.map(|()| name)
        };
        self.ordered(caller, "upkeep.snapshot", caller.require(Scope::Admin), work).await
    }

    /// Runs `work` in a task of its own, which ends it even when nobody waits any more.
    async fn ordered<T: Send + 'static>(
        &self,
        caller: &Caller,
        use_case: &'static str,
        permitted: Result<()>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let tasks = self.tasks.clone();
        let waiting = async move {
            let (answer, outcome) = oneshot::channel();
            let span = tracing::Span::current();
            let task = async move {
                // The asker may have gone away meanwhile.
                let _ = answer.send(work.await);
            };
            tasks.spawn(use_case, task.instrument(span));
            let ended = |_| Error::internal(format!("{use_case} did not come to its end"));
            outcome.await.map_err(ended)?
        };
        self.desk.change(caller, use_case, permitted, waiting).await
    }
}

fn outcome(
    signal: &'static str,
    store: &Arc<dyn Lifecycle>,
    begin: Instant,
    sealed: Result<usize>,
) -> Result<StoreUpkeep> {
    let sealed = sealed.map_err(|error| error.context(signal))?;
    Ok(StoreUpkeep { signal, took: begin.elapsed(), sealed, disk_bytes: store.disk_bytes() })
}

/// Names a snapshot as Prometheus does: when, and something nobody else has.
fn snapshot_name(now: TimestampMs, random: u64) -> String {
    let (year, month, day) = Day::of_ms(now).civil();
    let second = now.0.div_euclid(1_000).rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let random = random >> 1;
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scopes;
    use crate::base::clock::ManualClock;
    use crate::ingest::Offenders;
    use crate::service::NoTargets;
    use crate::service::in_memory::InMemory;

    /// 2026-11-23 12:00:00 UTC.
    const NOON_MS: i64 = 1_795_435_200_000;

    fn upkeep() -> UpkeepService {
        InMemory::whole(ManualClock::at_ms(NOON_MS), Arc::new(NoTargets)).services.upkeep.clone()
    }

    #[tokio::test]
    async fn sealing_means_until_yesterday_and_all_signals_unless_said_otherwise() {
        let (upkeep, caller) = (upkeep(), Caller::local("test"));
        let (through, done) = upkeep.seal(&caller, None, None).await.unwrap();
        assert_eq!(through.to_string(), "2026-11-22");
        let signals: Vec<_> = done.iter().map(|one| one.signal).collect();
        assert_eq!(signals, ["metrics", "logs", "traces"]);
        let day = Day::from_name("2026-01-02");
        let (through, done) = upkeep.seal(&caller, day, Some("logs")).await.unwrap();
        assert_eq!((through.to_string().as_str(), done[0].signal), ("2026-01-02", "logs"));
        let wrong = upkeep.seal(&caller, None, Some("smells")).await.unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn upkeep_needs_admin_and_deletion_needs_credentials_besides() {
        let upkeep = upkeep();
        let editor = Caller::new("editor", Scopes::of(&[Scope::Read, Scope::Ingest]));
        assert_eq!(upkeep.flush(&editor).await.unwrap_err().kind(), ErrorKind::Forbidden);
        assert_eq!(upkeep.snapshot(&editor).await.unwrap_err().kind(), ErrorKind::Forbidden);
        assert_eq!(upkeep.purge_deleted(&editor).await.unwrap_err().kind(), ErrorKind::Forbidden);
        let nobody = Caller::anonymous(Scopes::all());
        assert!(upkeep.flush(&nobody).await.is_ok());
        let all = TimeRange::<TimestampMs>::ALL;
        let refused = upkeep.delete_series(&nobody, Vec::new(), all).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        let local = Caller::local("test");
        assert_eq!(upkeep.delete_series(&local, Vec::new(), all).await, Ok(Deleted::default()));
    }

    #[test]
    fn snapshots_are_named_by_their_time() {
        let name = snapshot_name(TimestampMs(NOON_MS + 61_000), 0x1_fe);
        assert_eq!(name, "20261123T120101Z-00000000000000ff");
    }

    #[test]
    fn a_copy_that_would_pass_the_disk_budget_is_refused() {
        struct Used;
        impl ProcessSource for Used {
            fn log_bytes(&self) -> u64 {
                0
            }
            fn data_bytes(&self) -> u64 {
                70
            }
            fn offenders(&self) -> Offenders {
                Offenders::default()
            }
            fn anonymous_bytes(&self) -> Option<u64> {
                None
            }
        }
        let (directory, process) = (PathBuf::from("data/snapshots"), Arc::new(Used));
        let snapshots = Snapshots { directory, process, disk_budget: 100 };
        assert_eq!(snapshots.check_room(30), Ok(()));
        let error = snapshots.check_room(31).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("data/snapshots"), "{error}");
    }

    #[tokio::test]
    async fn what_was_begun_ends_even_when_nobody_waits() {
        let upkeep = upkeep();
        let (done, ended) = oneshot::channel();
        let (go_on, wait) = oneshot::channel::<()>();
        let work = async move {
            let _ = wait.await;
            let _ = done.send(());
            Ok(())
        };
        {
            let caller = Caller::local("test");
            let mut asked = Box::pin(upkeep.ordered(&caller, "test", Ok(()), work));
            assert!(futures_util::poll!(&mut asked).is_pending());
        }
        go_on.send(()).unwrap();
        assert_eq!(ended.await, Ok(()));
    }
}
