//! Holds the process to `budget.memory`, in the order of sacrifice: memory goes into files early,
//! then caches are given back and days are not sealed, and before the budget is passed, writes are
//! refused until there is room again.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::size::ByteSize;
use crate::base::task::TaskGroup;
use crate::ingest::{Ingest, Shortage};
use crate::service::MetricsService;

/// How often the process is measured.
const ROUND: Duration = Duration::from_millis(250);
/// Time between two flushes for want of memory.
const BETWEEN_FLUSHES: Duration = Duration::from_secs(20);

/// From a share of the budget on, in percent, until it falls below another one.
struct Band {
    from: u64,
    below: u64,
}

/// Memory goes into files.
const FLUSH: Band = Band { from: 60, below: 60 };
/// Caches are given back, and what can wait waits.
const SPARE: Band = Band { from: 75, below: 65 };
/// Writes are refused.
const REFUSE: Band = Band { from: 90, below: 80 };

impl Band {
    /// Whether a share lies in the band: between both bounds all stays as it was.
    fn holds(&self, was: bool, share: u64) -> bool {
        share >= if was { self.below } else { self.from }
    }
}

/// Watches the process's anonymous memory in tasks of `tasks`, and returns whether it is so short
/// that what can wait should. On systems that do not tell it, there is nothing to watch.
pub(crate) fn watch_budget(
    stores: OpenStores,
    (ingest, metrics): (Ingest, MetricsService),
    budget: ByteSize,
    clock: SharedClock,
    tasks: &TaskGroup,
) -> watch::Receiver<bool> {
    let (short, is_short) = watch::channel(false);
    let asked = Arc::new(Notify::new());
    flush_when_asked(stores.clone(), Arc::clone(&asked), Arc::clone(&clock), tasks);
    let stop = tasks.stop_token();
    tasks.spawn("memory watch", async move {
        let mut refusing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep(ROUND) => {}
            }
            let Some(used) = anonymous_bytes() else { return };
            let share = used.saturating_mul(100) / budget.0.max(1);
            if FLUSH.holds(false, share) {
                asked.notify_one();
            }
            let spare = SPARE.holds(*short.borrow(), share);
            if spare && !short.send_replace(spare) {
                metrics.shed_caches();
                stores.lifecycles().iter().for_each(|(_, store)| store.shed_caches());
            }
            short.send_replace(spare);
            if REFUSE.holds(refusing, share) != refusing {
                refusing = !refusing;
                ingest.refuse_all(Shortage::Memory, refusing);
                tracing::warn!(used, budget = budget.0, refusing, "memory is short");
            }
        }
    });
    is_short
}

/// Flushes beside the watch, which must go on measuring meanwhile.
fn flush_when_asked(stores: OpenStores, asked: Arc<Notify>, clock: SharedClock, tasks: &TaskGroup) {
    let stop = tasks.stop_token();
    tasks.spawn("memory flush", async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = asked.notified() => {}
            }
            for (signal, store) in stores.lifecycles() {
                if let Err(error) = store.flush().await {
                    tracing::error!(signal, %error, "flush for want of memory failed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep(BETWEEN_FLUSHES) => {}
            }
        }
    });
}

/// The process's anonymous resident memory.
pub(crate) fn anonymous_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusing_begins_high_and_ends_lower() {
        assert!(!REFUSE.holds(false, 89) && REFUSE.holds(false, 90));
        assert!(REFUSE.holds(true, 80) && !REFUSE.holds(true, 79));
        assert!(anonymous_bytes().is_none_or(|bytes| bytes > 1 << 20));
    }
}
