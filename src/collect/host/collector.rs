//! Measures the machine each interval.

use std::time::Duration;

use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::collect::host::measured::Measured;
use crate::collect::host::proc;
use crate::collect::host::system::{self, Lists};
use crate::ingest::{Door, Ingest};
use crate::model::labels::Labels;

/// The value of the label `job`.
const JOB: &str = "belvedere-host";

/// Measures the machine now and then every `interval`, in a task of `tasks`.
pub fn start(ingest: Ingest, clock: SharedClock, interval: Duration, tasks: &TaskGroup) {
    let stop = tasks.stop_token();
    tasks.spawn("host metrics", async move {
        let host = system::host_name();
        let target = Labels::from_pairs([("job", JOB), ("instance", host.as_str())]);
        let mut lists = None;
        loop {
            let measured = Measured::new(target.clone(), clock.now_ms());
            // The system may take its time, above all over file systems of other machines.
            let measuring = tokio::task::spawn_blocking(move || measure(lists, measured));
            match measuring.await {
                Ok((back, measured)) => {
                    lists = Some(back);
                    if let Err(error) = ingest.metrics(Door::Host, measured.batch()).await {
                        tracing::warn!(%error, "host metrics could not be stored");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "host metrics could not be measured");
                    return;
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep(interval) => {}
            }
        }
    });
}

fn measure(lists: Option<Lists>, mut measured: Measured) -> (Lists, Measured) {
    let mut lists = lists.unwrap_or_else(Lists::new);
    lists.measure(&mut measured);
    proc::measure(&mut measured);
    (lists, measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock};
    use crate::ingest::IngestLimits;
    use crate::ingest::recording::Recording;

    #[tokio::test]
    async fn the_machine_is_measured_at_once_and_the_loop_ends_when_told() {
        let clock = ManualClock::at_ms(1_700_000_000_000);
        let (ingest, recording) = Recording::behind_door(IngestLimits::default(), clock.clone());
        let tasks = TaskGroup::new();
        start(ingest, clock as std::sync::Arc<dyn Clock>, Duration::from_secs(15), &tasks);
        assert_eq!(tasks.stop(Duration::from_secs(20)).await, Vec::<&str>::new());
        let batches = recording.metrics.lock();
        let names: Vec<_> = batches[0].series.iter().map(|w| w.labels.metric_name()).collect();
        for expected in ["node_time_seconds", "node_uname_info", "node_boot_time_seconds"] {
            assert!(names.contains(&expected), "{expected} is missing");
        }
        let labelled = batches[0].series.iter().all(|w| w.labels.get("job") == Some(JOB));
        assert!(labelled);
    }
}
