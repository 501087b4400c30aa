//! Takes what the process observes of itself, from its first moment on.

use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::sync::mpsc;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, dynamic_filter_fn};

use crate::base::clock::SharedClock;
use crate::collect::own::events::EventLayer;
use crate::collect::own::instruments::OwnMetrics;
use crate::collect::own::losses::Losses;
use crate::collect::own::spans::SpanQueue;
use crate::model::log::LogRecord;
use crate::model::resource::Resource;
use crate::model::trace::Span;
use crate::telemetry::logging::{ExtraLayer, LogLevel};
use crate::telemetry::{instruments, suppress};

/// Log lines, and likewise spans, that wait to be written; further ones are lost.
const QUEUE: usize = 4_096;

/// The ends of the queues that [`crate::collect::own::start`] empties, and the metrics.
pub struct Recorder {
    pub(crate) logs: mpsc::Receiver<LogRecord>,
    pub(crate) spans: mpsc::Receiver<Span>,
    pub(crate) metrics: OwnMetrics,
}

impl Recorder {
    /// Builds the recorder and the layers that feed it. `sampling` is the share of traces kept.
    /// The global meter must be that of `metrics`.
    pub fn new(
        metrics: OwnMetrics,
        level: LogLevel,
        sampling: f64,
        clock: SharedClock,
    ) -> (Self, Vec<ExtraLayer>) {
        let losses = Losses::new();
        let resource = Arc::new(own_resource());
        let (log_sender, logs) = mpsc::channel(QUEUE);
        let (span_sender, spans) = mpsc::channel(QUEUE);
        let events = EventLayer::new(log_sender, Arc::clone(&resource), clock, losses.clone());
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sampling)));
        let tracers = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_span_processor(SpanQueue::new(span_sender, resource, losses))
            .build();
        let tracer = tracers.tracer(instruments::SERVICE);
        let observed = || dynamic_filter_fn(|_, _| !suppress::is_suppressed());
        let spans_layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(level.targets().and(observed()))
            .boxed();
        // The span layer comes first: it makes the span's context current, which events carry.
        let layers = vec![spans_layer, events.with_filter(level.targets().and(observed())).boxed()];
        (Recorder { logs, spans, metrics }, layers)
    }

    /// Returns the metrics, for `/metrics`.
    pub fn metrics(&self) -> OwnMetrics {
        self.metrics.clone()
    }
}

fn own_resource() -> Resource {
    let mut resource = Resource::of_service(instruments::SERVICE);
    resource.attributes.set("service.version", env!("CARGO_PKG_VERSION").into());
    resource
}
