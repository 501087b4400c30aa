//! A door for tests, and what is sent to it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::access::Caller;
use crate::base::clock::ManualClock;
use crate::base::shutdown::{Phase, Readiness};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::protocols::prometheus::{
    ExpositionSource, PrometheusLimits, PrometheusState, WriteMemory, routes,
};
use crate::service::in_memory::InMemory;
use crate::service::{Target, TargetHealth, TargetSource};

/// "Now" of every test: 2026-11-23 00:00:00 UTC.
pub(super) const NOW_MS: i64 = 1_795_392_000_000;
/// The same in seconds.
pub(super) const NOW: i64 = NOW_MS / 1_000;

/// A door in front of memory.
pub(super) struct Door {
    routes: Router,
    memory: InMemory,
    pub(super) readiness: Readiness,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// Samples, histograms and exemplars written, of answers that say so.
    pub(super) written: Option<[u64; 3]>,
    pub(super) text: String,
    pub(super) bytes: Vec<u8>,
}

impl Answered {
    /// Reads the text as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

impl Door {
    /// Opens a door that lets everybody in.
    pub(super) fn open() -> Self {
        Door::for_caller(Caller::local("test"))
    }

    /// Opens a door at which everybody is `caller`.
    pub(super) fn for_caller(caller: Caller) -> Self {
        let clock = ManualClock::at_ms(NOW_MS);
        let memory = InMemory::new(clock.clone(), Arc::new(OneTarget));
        let readiness = Readiness::new();
        readiness.set(Phase::Ready);
        let state = PrometheusState {
            services: memory.services.clone(),
            ingest: memory.ingest.clone(),
            clock,
            readiness: readiness.clone(),
            exposition: Arc::new(OwnUp),
            external_labels: Labels::from_pairs([("cluster", "eu"), ("job", "outer")]),
            limits: PrometheusLimits {
                write_bytes: 1 << 20,
                read_bytes: 1 << 20,
                form_bytes: 10_000,
            },
            written: Arc::new(WriteMemory::new(1 << 20)),
        };
        Door { routes: routes(state).layer(Extension(caller)), memory, readiness }
    }

    /// Sends a request.
    pub(super) async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let content_type = parts.headers.get("content-type");
        let number = |what: &str| {
            let name = format!("x-prometheus-remote-write-{what}-written");
            Some(parts.headers.get(name)?.to_str().unwrap().parse().unwrap())
        };
        let written = match ["samples", "histograms", "exemplars"].map(number) {
            [Some(samples), Some(histograms), Some(exemplars)] => {
                Some([samples, histograms, exemplars])
            }
            _ => None,
        };
        Answered {
            written,
            status: parts.status.as_u16(),
            content_type: content_type.map_or("", |value| value.to_str().unwrap()).to_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.to_vec(),
        }
    }

    /// Asks by GET.
    pub(super) async fn get(&self, path: &str) -> Answered {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    /// Asks by POST with a form.
    pub(super) async fn post(&self, path: &str, form: &str) -> Answered {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.unwrap()).await
    }

    /// Writes series as they are.
    pub(super) async fn write(&self, series: SeriesWrite) {
        self.memory.store(MetricBatch { series: vec![series], metadata: Vec::new() }).await;
    }

    /// Stores samples of one series at times relative to now, in seconds.
    pub(super) async fn store(&self, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        let labels = Labels::from_pairs(labels.iter().copied());
        let kind = MetricType::Gauge;
        let metric = labels.metric_name().to_owned();
        let about = MetricMetadata { metric, kind, help: "h".to_owned(), unit: String::new() };
        let samples = samples
            .iter()
            .map(|(seconds, value)| Sample::new(NOW_MS + seconds * 1_000, *value))
            .collect();
        let series = vec![SeriesWrite { labels, samples, ..SeriesWrite::default() }];
        self.memory.store(MetricBatch { series, metadata: vec![about] }).await;
    }
}

struct OneTarget;

impl TargetSource for OneTarget {
    fn targets(&self) -> Vec<Target> {
        vec![Target {
            job: "node".to_owned(),
            discovered_labels: Labels::from_pairs([("__address__", "h:9100")]),
            labels: Labels::from_pairs([("instance", "h:9100"), ("job", "node")]),
            url: "http://h:9100/metrics".to_owned(),
            health: TargetHealth::Down,
            last_error: "connection \"refused\"".to_owned(),
            last_scrape: Some(TimestampMs(NOW_MS)),
            last_duration: Duration::from_millis(1_500),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
        }]
    }
}

struct OwnUp;

impl ExpositionSource for OwnUp {
    fn snapshot(&self) -> MetricBatch {
        let labels = Labels::from_pairs([("__name__", "belvedere_up")]);
        let series = vec![SeriesWrite::sample(labels, Sample::new(NOW_MS, 1.0))];
        MetricBatch { series, metadata: Vec::new() }
    }
}
