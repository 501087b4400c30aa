//! Brings queued telemetry into the stores, unobserved.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::collect::own::instruments::OwnMetrics;
use crate::collect::own::losses::Losses;
use crate::collect::own::recorder::Recorder;
use crate::ingest::{Door, Ingest};
use crate::model::batch::{LogBatch, LogOp, SeriesWrite, SpanBatch};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::log::LogRecord;
use crate::model::sample::Sample;
use crate::model::trace::Span;
use crate::telemetry::suppress;

/// Log lines, and likewise spans, that are written at once.
const BATCH: usize = 512;
/// How long a batch grows before it is written.
const LINGER: Duration = Duration::from_millis(200);

/// Where own telemetry goes.
#[derive(Clone)]
pub struct OwnTelemetry {
    /// The door in.
    pub ingest: Ingest,
    /// Tells the time.
    pub clock: SharedClock,
    /// How often metrics are written.
    pub interval: Duration,
    /// The value of the label `instance`: the HTTP address.
    pub instance: String,
}

/// Starts to empty the recorder, in tasks of `tasks`. When the group stops, what is queued is
/// written and the tasks end.
pub fn start(recorder: Recorder, own: OwnTelemetry, tasks: &TaskGroup) {
    let losses = Losses::new();
    let Recorder { logs, spans, metrics } = recorder;
    let writer = Writer { own, losses };
    let stop = tasks.stop_token();
    tasks.spawn("own logs", writer.clone().logs(logs, stop.clone()));
    tasks.spawn("own spans", writer.clone().spans(spans, stop.clone()));
    tasks.spawn("own metrics", writer.metrics(metrics, stop));
}

#[derive(Clone)]
struct Writer {
    own: OwnTelemetry,
    losses: Losses,
}

impl Writer {
    async fn logs(self, mut queue: mpsc::Receiver<LogRecord>, stop: CancellationToken) {
        let mut records = Vec::with_capacity(BATCH);
        while self.gather(&mut queue, &mut records, &stop).await {
            let count = records.len() as u64;
            let put = |record| LogOp::Put { record: Box::new(record), replace: false };
            let batch = LogBatch { ops: records.drain(..).map(put).collect() };
            let written = suppress::scope(self.own.ingest.logs(Door::Own, batch)).await;
            if let Err(error) = written {
                self.losses.count("logs", error.kind().as_str(), count);
            }
        }
    }

    async fn spans(self, mut queue: mpsc::Receiver<Span>, stop: CancellationToken) {
        let mut spans = Vec::with_capacity(BATCH);
        while self.gather(&mut queue, &mut spans, &stop).await {
            let count = spans.len() as u64;
            let batch = SpanBatch { spans: std::mem::take(&mut spans) };
            let written = suppress::scope(self.own.ingest.traces(Door::Own, batch)).await;
            if let Err(error) = written {
                self.losses.count("traces", error.kind().as_str(), count);
            }
        }
    }

    /// Waits for items and gathers a batch; `false` when the end has come and nothing is left.
    async fn gather<T>(
        &self,
        queue: &mut mpsc::Receiver<T>,
        batch: &mut Vec<T>,
        stop: &CancellationToken,
    ) -> bool {
        let received = tokio::select! {
            biased;
            received = queue.recv_many(batch, BATCH) => received,
            () = stop.cancelled() => {
                queue.close();
                queue.recv_many(batch, BATCH).await
            }
        };
        if received > 0 && received < BATCH && !stop.is_cancelled() {
            tokio::select! {
                () = self.own.clock.sleep(LINGER) => {}
                () = stop.cancelled() => {}
            }
            while batch.len() < BATCH {
                match queue.try_recv() {
                    Ok(item) => batch.push(item),
                    Err(_) => break,
                }
            }
        }
        received > 0
    }

    async fn metrics(self, metrics: OwnMetrics, stop: CancellationToken) {
        let target = Labels::from_pairs([
            ("job", crate::telemetry::instruments::SERVICE),
            ("instance", self.own.instance.as_str()),
        ]);
        loop {
            suppress::scope(self.write_metrics(&metrics, &target)).await;
            tokio::select! {
                () = self.own.clock.sleep(self.own.interval) => {}
                () = stop.cancelled() => {
                    suppress::scope(self.write_metrics(&metrics, &target)).await;
                    return;
                }
            }
        }
    }

    async fn write_metrics(&self, metrics: &OwnMetrics, target: &Labels) {
        let mut batch = match metrics.read(target) {
            Ok(batch) => batch,
            Err(error) => return self.losses.count("metrics", error.kind().as_str(), 1),
        };
        let mut up = target.to_builder();
        up.set(METRIC_NAME, "up");
        let now = self.own.clock.now_ms();
        batch.series.push(SeriesWrite::sample(up.build(), Sample::new(now, 1.0)));
        let count = batch.sample_count() as u64;
        if let Err(error) = self.own.ingest.metrics(Door::Own, batch).await {
            self.losses.count("metrics", error.kind().as_str(), count);
        }
    }
}

#[cfg(test)]
mod tests;
