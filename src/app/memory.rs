//! Holds the process to `budget.memory`: memory goes into files early, and before the budget is
//! passed, writes are refused until there is room again.

use std::fs;
use std::time::Duration;

use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::size::ByteSize;
use crate::base::task::TaskGroup;
use crate::ingest::Ingest;

/// How often the process is measured.
const ROUND: Duration = Duration::from_secs(1);
/// From this share of the budget on, in percent, memory goes into files.
const FLUSH_FROM: u64 = 60;
/// From this share on, writes are refused.
const REFUSE_FROM: u64 = 95;
/// Below this share they are taken again.
const TAKE_BELOW: u64 = 85;
/// Rounds between two flushes for want of memory.
const ROUNDS_PER_FLUSH: u32 = 20;

/// Watches the process's anonymous memory in a task of `tasks`; on systems that do not tell it,
/// there is nothing to watch.
pub(crate) fn watch(
    stores: OpenStores,
    ingest: Ingest,
    budget: ByteSize,
    clock: SharedClock,
    tasks: &TaskGroup,
) {
    let stop = tasks.stop_token();
    tasks.spawn("memory watch", async move {
        let mut refusing = false;
        let mut rest = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep(ROUND) => {}
            }
            let Some(used) = anonymous_bytes() else { return };
            let share = used.saturating_mul(100) / budget.0.max(1);
            if refuses(refusing, share) != refusing {
                refusing = !refusing;
                ingest.refuse_all(refusing);
                tracing::warn!(used, budget = budget.0, refusing, "memory is short");
            }
            rest = u32::saturating_sub(rest, 1);
            if share >= FLUSH_FROM && rest == 0 {
                rest = ROUNDS_PER_FLUSH;
                for (signal, store) in stores.lifecycles() {
                    if let Err(error) = store.flush().await {
                        tracing::error!(signal, %error, "flush for want of memory failed");
                    }
                }
            }
        }
    });
}

/// Whether writes are refused at this share of the budget: between both bounds all stays as it is.
fn refuses(refusing: bool, share: u64) -> bool {
    share >= if refusing { TAKE_BELOW } else { REFUSE_FROM }
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
        assert!(!refuses(false, 94) && refuses(false, 95));
        assert!(refuses(true, 85) && !refuses(true, 84));
        assert!(anonymous_bytes().is_none_or(|bytes| bytes > 1 << 20));
    }
}
