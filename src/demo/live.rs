//! Brings the shop's telemetry into the stores: first its history, then second by second.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::task::TaskGroup;
use crate::demo::incident::Occurrence;
use crate::demo::traffic::{METRICS_EVERY, SECOND, Shipment, Traffic};
use crate::ingest::Ingest;

/// After a pause as long as this, as of a machine that slept, the time between is left out.
const LOST: i64 = 300 * SECOND;

/// When and how the shop opens.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// When it opens to eyes, nanoseconds since the epoch.
    pub start_ns: i64,
    /// How long it has been open then, in whole seconds.
    pub history: Duration,
}

/// The shop, ready to open.
pub struct LiveShop {
    ingest: Ingest,
    clock: SharedClock,
    traffic: Traffic,
    running: Vec<Occurrence>,
}

impl LiveShop {
    /// Prepares a shop.
    pub fn new(ingest: Ingest, clock: SharedClock, opening: Opening) -> Self {
        let seconds = i64::try_from(opening.history.as_secs()).unwrap_or(0);
        let traffic = Traffic::new(opening.seed, opening.start_ns, seconds);
        LiveShop { ingest, clock, traffic, running: Vec::new() }
    }

    /// Opens in a task of `tasks`; it closes when the group stops.
    pub fn start(self, tasks: &TaskGroup) {
        let stop = tasks.stop_token();
        tasks.spawn("demo shop", self.run(stop));
    }

    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.clock.now_ns();
            let wait = self.traffic.next_end() - now;
            if wait > 0 {
                let wait = Duration::from_nanos(wait.unsigned_abs());
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.clock.sleep(wait) => continue,
                }
            }
            if !self.traffic.is_history() && -wait > LOST {
                self.traffic.skip_to(now - METRICS_EVERY * SECOND);
            }
            let shipment = self.next_shipment();
            self.write(shipment).await;
            self.announce(now);
        }
    }

    /// Returns what the next second brings; of the history many seconds at once.
    fn next_shipment(&mut self) -> Shipment {
        let mut shipment = Shipment::default();
        self.traffic.step(&mut shipment);
        while self.traffic.is_history() && shipment.metrics.is_empty() {
            self.traffic.step(&mut shipment);
        }
        shipment
    }

    async fn write(&self, shipment: Shipment) {
        let Shipment { spans, logs, metrics } = shipment;
        let spans = async {
            for (door, batch) in spans {
                tell("traces", self.ingest.traces(door, batch).await);
            }
        };
        let logs = async {
            for (door, batch) in logs {
                tell("logs", self.ingest.logs(door, batch).await);
            }
        };
        let metrics = async {
            for (door, batch) in metrics {
                tell("metrics", self.ingest.metrics(door, batch).await);
            }
        };
        tokio::join!(spans, logs, metrics);
    }

    /// Says in the own log which incidents begin and end.
    fn announce(&mut self, now: i64) {
        if self.traffic.is_history() {
            return;
        }
        let running = self.traffic.schedule().running(now);
        for one in running.iter().filter(|one| !self.running.contains(one)) {
            tracing::info!("demo incident: {}", one.incident.about());
        }
        for one in self.running.iter().filter(|one| !running.contains(one)) {
            tracing::info!("demo incident is over: {}", one.incident.about());
        }
        self.running = running;
    }
}

/// What is refused is lost, as with any sender that keeps nothing; ingest counts it.
fn tell<T>(signal: &'static str, written: Result<T>) {
    if let Err(error) = written {
        tracing::warn!(signal, %error, "the demo's telemetry was refused");
    }
}
