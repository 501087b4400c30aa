//! Knows how long a connection has been idle: no byte moved and, for the shorter limit, no request
//! under way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What moves on one connection. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Activity(Arc<Meter>);

struct Meter {
    begin: Instant,
    last_ms: AtomicU64,
    requests: AtomicUsize,
    /// Whether a request has ever begun.
    begun: AtomicBool,
}

/// How long a connection may rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestLimits {
    /// From its beginning to its first whole request head, however slowly bytes drip.
    pub(crate) first: Duration,
    /// Without a request under way.
    pub(crate) idle: Duration,
    /// With one: its peer neither sends nor reads.
    pub(crate) stalled: Duration,
}

impl Activity {
    /// Starts with a connection that just opened.
    pub(crate) fn new() -> Self {
        let meter = Meter {
            begin: Instant::now(),
            last_ms: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
        };
        Activity(Arc::new(meter))
    }

    fn touch(&self) {
        let now = u64::try_from(self.0.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(now, Ordering::Relaxed);
    }

    /// Marks a request as under way until the result is dropped.
    pub(crate) fn request(&self) -> UnderWay {
        self.0.begun.store(true, Ordering::Release);
        self.0.requests.fetch_add(1, Ordering::AcqRel);
        UnderWay(self.clone())
    }

    /// Returns how much longer the connection may rest; `None` when its time is over.
    fn left(&self, limits: RestLimits) -> Option<Duration> {
        if !self.0.begun.load(Ordering::Acquire) {
            let left = limits.first.checked_sub(self.0.begin.elapsed());
            return left.filter(|left| !left.is_zero());
        }
        let busy = self.0.requests.load(Ordering::Acquire) > 0;
        let limit = if busy { limits.stalled } else { limits.idle };
        let last = Duration::from_millis(self.0.last_ms.load(Ordering::Relaxed));
        let rested = self.0.begin.elapsed().saturating_sub(last);
        limit.checked_sub(rested).filter(|left| !left.is_zero())
    }

    /// Completes when the connection has rested for too long.
    pub(crate) async fn rested(&self, limits: RestLimits) {
        while let Some(left) = self.left(limits) {
            // A request may end and so shorten the limit: look again after the shorter one.
            tokio::time::sleep(left.min(limits.idle).min(limits.first)).await;
        }
    }
}

/// A request under way.
pub(crate) struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.touch();
        self.0.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream whose every moved byte counts as activity.
pub(crate) struct Watched<S> {
    stream: S,
    activity: Activity,
}

impl<S> Watched<S> {
    /// Watches `stream`.
    pub(crate) fn new(stream: S, activity: Activity) -> Self {
        Watched { stream, activity }
    }

    fn count<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Ok(_)) = &poll {
            self.activity.touch();
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.count(poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.count(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_under_way_lengthens_the_rest() {
        let limits = RestLimits {
            first: Duration::ZERO,
            idle: Duration::ZERO,
            stalled: Duration::from_secs(3_600),
        };
        let activity = Activity::new();
        assert_eq!(activity.left(limits), None);
        let request = activity.request();
        assert!(activity.left(limits).is_some());
        drop(request);
        assert_eq!(activity.left(limits), None);
    }
}
