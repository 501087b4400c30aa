//! Where every use case begins and ends: permission, turn, span, deadline, counters. The work
//! itself is done on a thread for long computations, so that a heavy question delays no write.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::access::{Caller, Scope};
use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::task::aside;
use crate::model::time::TimestampMs;
use crate::service::limits::QueryLimits;
use crate::telemetry::instruments::{counter, histogram};
use crate::telemetry::names;

/// Runs use cases within the limits. Cloning is cheap and shares the turns.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Shared>);

struct Shared {
    limits: QueryLimits,
    clock: SharedClock,
    turns: Semaphore,
    queries: Counter<u64>,
    seconds: Histogram<f64>,
}

impl Desk {
    /// Binds the counters to the meter that is installed now.
    pub(crate) fn new(limits: QueryLimits, clock: SharedClock) -> Self {
        let queries = counter(names::QUERIES, "Answered questions, by use case and outcome.");
        let boundaries = vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
        let seconds = histogram(
            names::QUERY_DURATION,
            "Time to answer a question, its wait for a turn included.",
            boundaries,
        );
        let turns = Semaphore::new(limits.concurrency);
        Desk(Arc::new(Shared { limits, clock, turns, queries, seconds }))
    }

    /// Returns the limits.
    pub(crate) fn limits(&self) -> &QueryLimits {
        &self.0.limits
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> TimestampMs {
        TimestampMs(self.0.clock.now_ms())
    }

    /// Runs a use case that needs `read`, within the general time limit.
    ///
    /// # Errors
    /// Those of [`Desk::read_within`].
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        caller: &Caller,
        use_case: &'static str,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.read_within(caller, use_case, None, work).await
    }

    /// Runs a use case that needs `read`, within `timeout` if that is shorter than the limit.
    ///
    /// # Errors
    /// `Unauthenticated` and `Forbidden` without the scope, `Timeout` at the deadline, and those
    /// of `work`.
    pub(crate) async fn read_within<T: Send + 'static>(
        &self,
        caller: &Caller,
        use_case: &'static str,
        timeout: Option<Duration>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let permitted = caller.require(Scope::Read);
        self.observed(caller, use_case, permitted, self.in_turn(use_case, timeout, work)).await
    }

    /// Runs a use case that changes something, once `permitted`: it takes no turn from questions
    /// and ends when it is done.
    ///
    /// # Errors
    /// That of `permitted`, and those of `work`.
    pub(crate) async fn change<T>(
        &self,
        caller: &Caller,
        use_case: &'static str,
        permitted: Result<()>,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.observed(caller, use_case, permitted, work).await
    }

    async fn observed<T>(
        &self,
        caller: &Caller,
        use_case: &'static str,
        permitted: Result<()>,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let span = tracing::info_span!(
            "service",
            otel.name = use_case,
            caller = caller.name,
            outcome = tracing::field::Empty
        );
        let begin = Instant::now();
        let result = match permitted {
            Ok(()) => work.instrument(span.clone()).await,
            Err(error) => Err(error),
        };
        let outcome = result.as_ref().err().map_or("ok", |error| error.kind().as_str());
        span.record("outcome", outcome);
        let use_case = KeyValue::new("use_case", use_case);
        let labels = [use_case, KeyValue::new("outcome", outcome)];
        self.0.seconds.record(begin.elapsed().as_secs_f64(), &labels[..1]);
        self.0.queries.add(1, &labels);
        result
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        use_case: &'static str,
        timeout: Option<Duration>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let limit = self.0.limits.timeout;
        let timeout = timeout.map_or(limit, |timeout| timeout.min(limit));
        let mut deadline = self.0.clock.sleep(timeout);
        let turn = tokio::select! {
            biased;
            turn = self.0.turns.acquire() => turn,
            () = &mut deadline => return Err(too_slow(use_case, "while waiting for its turn")),
        };
        let _turn = turn.map_err(|_| Error::internal("the queue of queries is closed"))?;
        let mut work = pin!(aside(work));
        tokio::select! {
            biased;
            result = &mut work => result,
            () = &mut deadline => Err(too_slow(use_case, "while it was computed")),
        }
    }
}

fn too_slow(use_case: &str, place: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("query timed out {place} ({use_case})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scopes;
    use crate::base::clock::ManualClock;

    fn desk(concurrency: usize) -> (Desk, Arc<ManualClock>) {
        let clock = ManualClock::at_ms(0);
        let limits = QueryLimits { concurrency, ..QueryLimits::default() };
        (Desk::new(limits, clock.clone()), clock)
    }

    #[tokio::test]
    async fn a_caller_without_the_scope_is_refused_before_any_work() {
        let (desk, _clock) = desk(1);
        let writer = Caller::new("agent", Scopes::of(&[Scope::Ingest]));
        let work = async { panic!("must not run") };
        let refused: Result<()> = desk.read(&writer, "test", work).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Forbidden);
    }

    #[tokio::test]
    async fn work_ends_at_the_shorter_of_both_deadlines() {
        let (desk, clock) = desk(1);
        let caller = Caller::local("test");
        let asked = Some(Duration::from_secs(5));
        let mut query =
            pin!(desk.read_within::<()>(&caller, "test", asked, std::future::pending()));
        assert!(futures_util::poll!(&mut query).is_pending());
        clock.advance(Duration::from_secs(5));
        assert_eq!(query.await.unwrap_err().kind(), ErrorKind::Timeout);
    }

    #[tokio::test]
    async fn a_query_without_a_turn_waits_and_then_times_out() {
        let (desk, clock) = desk(1);
        let caller = Caller::local("test");
        let mut first = Box::pin(desk.read::<()>(&caller, "test", std::future::pending()));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = pin!(desk.read(&caller, "test", async { Ok(()) }));
        assert!(futures_util::poll!(&mut second).is_pending());
        clock.advance(desk.limits().timeout);
        assert_eq!(second.await.unwrap_err().kind(), ErrorKind::Timeout);
        drop(first);
        assert_eq!(desk.read(&caller, "test", async { Ok(1) }).await, Ok(1));
    }
}
