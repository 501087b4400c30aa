use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::base::clock::{Clock, ManualClock, SystemClock};
use crate::ingest::IngestLimits;
use crate::ingest::recording::Recording;
use crate::model::resource::AttrValue;
use crate::telemetry::logging::LogLevel;

/// A clock that talks whenever the door asks it for the time, as a store under it might.
struct LoudClock(SharedClock);

impl Clock for LoudClock {
    fn now_ns(&self) -> i64 {
        tracing::info_span!("loud").in_scope(|| tracing::error!("asked for the time"));
        self.0.now_ns()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(duration)
    }
}

/// Runs `work` observed, writes what was observed, and returns what reached the stores.
async fn observed(work: impl Future<Output = ()>) -> Arc<Recording> {
    // Spans carry the system's time, whatever clock we pass.
    let clock: SharedClock = ManualClock::at_ms(SystemClock.now_ms());
    let metrics = OwnMetrics::new(Arc::clone(&clock));
    let (recorder, layers) = Recorder::new(metrics, LogLevel::Trace, 1.0, Arc::clone(&clock));
    let subscriber = tracing_subscriber::registry().with(layers);
    let _observing = tracing::subscriber::set_default(subscriber);
    let loud = Arc::new(LoudClock(Arc::clone(&clock)));
    let (ingest, recording) = Recording::behind_door(IngestLimits::default(), loud);
    work.await;
    let tasks = TaskGroup::new();
    let interval = Duration::from_secs(15);
    let own = OwnTelemetry { ingest, clock, interval, instance: "h:1".to_owned() };
    start(recorder, own, &tasks);
    assert_eq!(tasks.stop(Duration::from_secs(5)).await, Vec::<&str>::new());
    recording
}

#[tokio::test]
async fn writing_own_telemetry_is_not_observed_again() {
    let recording = observed(async {
        tracing::info_span!("work").in_scope(|| tracing::info!(answer = 42, "worked"));
    })
    .await;
    let logs = recording.records();
    let bodies: Vec<_> = logs.iter().map(|record| record.body.to_text()).collect();
    assert_eq!(bodies, ["worked"]);
    let spans: Vec<_> = recording.traces.lock().iter().flat_map(|b| b.spans.clone()).collect();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["work"]);
    assert_eq!(logs[0].attributes.get("answer"), Some(&AttrValue::Int(42)));
    assert_eq!(logs[0].trace_id, Some(spans[0].trace_id), "the line must lead to its trace");
    assert_eq!(logs[0].service_name(), "belvedere");
}

#[tokio::test]
async fn the_appliance_says_that_it_is_up() {
    let recording = observed(async {}).await;
    let batches = recording.metrics.lock();
    let up = r#"{__name__="up", instance="h:1", job="belvedere"}"#;
    let found = batches[0].series.iter().find(|write| write.labels.to_string() == up);
    assert_eq!(found.map(|write| write.samples[0].value), Some(1.0));
}
