//! The loops: one for each target, for as long as the configuration names it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::task::TaskGroup;
use crate::collect::scrape::fetch;
use crate::collect::scrape::job::ScrapeJob;
use crate::collect::scrape::samples::{self, Prepared, Report};
use crate::collect::scrape::target::{self, Health, SharedStatus, Target, TargetStatus};
use crate::ingest::{Door, Ingest};
use crate::model::batch::MetricBatch;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::telemetry::{instruments, names};

/// Scrapes the targets of its jobs until told to stop. Cloning shares everything.
#[derive(Clone)]
pub struct Scraper(Arc<Shared>);

struct Shared {
    ingest: Ingest,
    clock: SharedClock,
    client: reqwest::Client,
    tasks: TaskGroup,
    scrapes: Counter<u64>,
    running: Mutex<Vec<Running>>,
}

/// A target that is being scraped.
struct Running {
    job: Arc<ScrapeJob>,
    target: Target,
    status: SharedStatus,
    stop: CancellationToken,
}

impl Scraper {
    /// Creates a scraper without targets; its loops run in `tasks`.
    ///
    /// # Errors
    /// `Internal` when no HTTP client can be built.
    pub fn new(ingest: Ingest, clock: SharedClock, tasks: TaskGroup) -> Result<Self> {
        let about = "Scrapes by outcome.";
        Ok(Scraper(Arc::new(Shared {
            ingest,
            clock,
            client: fetch::client()?,
            tasks,
            scrapes: instruments::counter(names::SCRAPES, about),
            running: Mutex::default(),
        })))
    }

    /// Scrapes these jobs from now on. Targets that stay as they are go on undisturbed, those that
    /// vanish end with stale markers.
    pub fn apply(&self, jobs: &[ScrapeJob]) {
        let mut running = self.0.running.lock();
        let mut before = std::mem::take(&mut *running);
        for job in jobs {
            let job = Arc::new(job.clone());
            for target in target::targets(&job) {
                let same = |r: &Running| same_loop(&r.job, &job) && r.target == target;
                match before.iter().position(same) {
                    Some(place) => running.push(before.swap_remove(place)),
                    None => running.push(self.start(Arc::clone(&job), target)),
                }
            }
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// Returns what is known of each target.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.0.running.lock().iter().map(|running| running.status.lock().clone()).collect()
    }

    fn start(&self, job: Arc<ScrapeJob>, target: Target) -> Running {
        let status = Arc::new(Mutex::new(TargetStatus {
            job: job.name.clone(),
            discovered: target.discovered.clone(),
            labels: target.labels.clone(),
            url: target.url.clone(),
            interval: job.interval,
            timeout: job.timeout,
            health: Health::Unknown,
            last_error: String::new(),
            last_scrape: None,
            last_duration: Duration::ZERO,
        }));
        let stop = self.0.tasks.stop_token().child_token();
        let scrape = ScrapeLoop {
            shared: Arc::clone(&self.0),
            job: Arc::clone(&job),
            target: target.clone(),
            status: Arc::clone(&status),
            present: HashSet::new(),
        };
        self.0.tasks.spawn("scrape", scrape.run(stop.clone()));
        Running { job, target, status, stop }
    }
}

/// Whether a loop for `new` would do what the one for `old` does; the groups only name targets.
fn same_loop(old: &ScrapeJob, new: &ScrapeJob) -> bool {
    ScrapeJob { groups: Vec::new(), ..old.clone() }
        == ScrapeJob { groups: Vec::new(), ..new.clone() }
}

/// The loop of one target.
struct ScrapeLoop {
    shared: Arc<Shared>,
    job: Arc<ScrapeJob>,
    target: Target,
    status: SharedStatus,
    present: HashSet<Labels>,
}

impl ScrapeLoop {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = self.until_next();
            tokio::select! {
                () = stop.cancelled() => return self.end().await,
                () = self.shared.clock.sleep(wait) => {}
            }
            let now = TimestampMs(self.shared.clock.now_ms());
            tokio::select! {
                () = stop.cancelled() => return self.end().await,
                () = self.scrape(now) => {}
            }
        }
    }

    /// Time to the next slot of this target: slots lie a whole number of intervals after its place.
    fn until_next(&self) -> Duration {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX).max(1);
        let interval = nanos(self.job.interval);
        let place = nanos(target::offset(&self.target, self.job.interval));
        let past = (self.shared.clock.now_ns().saturating_sub(place)).rem_euclid(interval);
        Duration::from_nanos(u64::try_from(interval - past).unwrap_or(0))
    }

    /// Scrapes once and writes what came, or what its absence means.
    async fn scrape(&mut self, now: TimestampMs) {
        let begin = self.shared.clock.now_ns();
        let fetched = fetch::fetch(&self.shared.client, &self.job, &self.target.url).await;
        let nanos = u64::try_from(self.shared.clock.now_ns() - begin).unwrap_or(0);
        let took = Duration::from_nanos(nanos);
        let sent =
            fetched.as_ref().map_or(0, |scrape| scrape.samples.len() + scrape.histograms.len());
        let prepared = fetched
            .and_then(|scrape| samples::prepare(&self.job, &self.target.labels, scrape, now));
        let (outcome, error, prepared) = match prepared {
            Ok(prepared) => ("ok", String::new(), prepared),
            Err(error) => {
                let failed = Prepared { scraped: sent, ..Prepared::default() };
                (error.kind().as_str(), error.message().to_owned(), failed)
            }
        };
        self.shared.scrapes.add(1, &[KeyValue::new("outcome", outcome)]);
        let up = outcome == "ok";
        self.note(now, took, up, error);
        let report = Report {
            up,
            seconds: took.as_secs_f64(),
            scraped: prepared.scraped,
            kept: prepared.kept,
            added: prepared.present.difference(&self.present).count(),
        };
        self.write(prepared, report, now).await;
    }

    async fn write(&mut self, prepared: Prepared, report: Report, now: TimestampMs) {
        let Prepared { mut batch, present, .. } = prepared;
        batch.series.extend(samples::stale(&self.present, &present, now));
        batch.series.extend(report.series(&self.target.labels, now));
        self.present = present;
        self.ingest(batch).await;
    }

    async fn ingest(&self, batch: MetricBatch) {
        match self.shared.ingest.metrics(Door::Scrape, batch).await {
            // The door counts what it refuses, by reason.
            Ok(receipt) if receipt.rejected.is_empty() => {}
            Ok(receipt) => {
                let refused = receipt.summary(1).unwrap_or_default();
                tracing::debug!(url = self.target.url, refused, "samples of a scrape were refused");
            }
            Err(error) => {
                tracing::warn!(url = self.target.url, %error, "a scrape could not be stored");
            }
        }
    }

    fn note(&self, now: TimestampMs, took: Duration, up: bool, error: String) {
        let mut status = self.status.lock();
        let was = status.health;
        status.health = if up { Health::Up } else { Health::Down };
        if was != status.health && !up {
            tracing::warn!(job = self.job.name, url = self.target.url, error, "target is down");
        } else if was == Health::Down && up {
            tracing::info!(job = self.job.name, url = self.target.url, "target is up again");
        }
        status.last_error = error;
        status.last_scrape = Some(now);
        status.last_duration = took;
    }

    /// Marks everything stale: the target is gone, or we are.
    async fn end(self) {
        if self.status.lock().last_scrape.is_none() {
            return;
        }
        let now = TimestampMs(self.shared.clock.now_ms());
        let mut series = samples::stale(&self.present, &HashSet::new(), now);
        series.extend(Report::end(&self.target.labels, now));
        self.ingest(MetricBatch { series, metadata: Vec::new() }).await;
    }
}

#[cfg(test)]
pub(super) mod tests;
