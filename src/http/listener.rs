//! Serves HTTP/1 and HTTP/2 (prior knowledge) on one port, within limits, until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, UpDownCounter};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::base::task::TaskGroup;
use crate::http::activity::{Activity, RestLimits, Watched};
use crate::telemetry::instruments::{counter, meter};
use crate::telemetry::names;

/// Bounds of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections at one time; further ones are answered with 503 and closed.
    pub connections: usize,
    /// How long a new connection may take to its first whole request head.
    pub first_timeout: Duration,
    /// How long a request's head may take, and an HTTP/1 connection may rest between requests.
    pub header_timeout: Duration,
    /// Bytes of a request's head; more is answered with 431.
    pub header_bytes: usize,
    /// Number of headers of a request.
    pub headers: usize,
    /// How long a connection without a request may rest.
    pub idle_timeout: Duration,
    /// How long the peer of a running request may neither send nor read.
    pub stall_timeout: Duration,
    /// Requests at one time on an HTTP/2 connection.
    pub streams: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        ListenerLimits {
            connections: 1_024,
            first_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(75),
            header_bytes: 64 << 10,
            headers: 100,
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(600),
            streams: 256,
        }
    }
}

/// How long to wait after the system could not accept, for example without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n";

/// Serves `router` on `listener` in tasks of `tasks`. When the group stops, the port closes,
/// requests under way finish, and resting connections end.
pub fn serve(listener: TcpListener, router: Router, limits: ListenerLimits, tasks: &TaskGroup) {
    let refused = counter(names::HTTP_REFUSED, "Connections that were closed at once, by reason.");
    let server = Server {
        places: Arc::new(Semaphore::new(limits.connections)),
        builder: Arc::new(builder(&limits, tasks)),
        rest: RestLimits {
            first: limits.first_timeout,
            idle: limits.idle_timeout,
            stalled: limits.stall_timeout,
        },
        router,
        tasks: tasks.clone(),
        refused,
        open: meter()
            .i64_up_down_counter(names::ACTIVE_CONNECTIONS)
            .with_description("Open connections of all HTTP listeners.")
            .build(),
    };
    tasks.spawn("http listener", server.accept(listener));
}

/// What the connections of one listener share.
struct Server {
    places: Arc<Semaphore>,
    builder: Arc<Builder<GroupExecutor>>,
    rest: RestLimits,
    router: Router,
    tasks: TaskGroup,
    refused: Counter<u64>,
    open: UpDownCounter<i64>,
}

/// A connection among the counted ones, until it is dropped.
struct Open(UpDownCounter<i64>);

impl Open {
    fn count(counter: &UpDownCounter<i64>) -> Self {
        counter.add(1, &[]);
        Open(counter.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        let stop = self.tasks.stop_token();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    self.refused.add(1, &[KeyValue::new("reason", "accept_error")]);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.refused.add(1, &[KeyValue::new("reason", "too_many")]);
            // The peer gets the answer if its buffer takes it; nothing waits for a stranger.
            let _ = stream.try_write(FULL);
            return;
        };
        // Without it small answers wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            builder: Arc::clone(&self.builder),
            router: self.router.clone(),
            rest: self.rest,
            stop: self.tasks.stop_token(),
            _open: Open::count(&self.open),
            _place: place,
        };
        self.tasks.spawn("http connection", connection.serve(stream));
    }
}

/// One connection and its place among the counted ones.
struct Connection {
    builder: Arc<Builder<GroupExecutor>>,
    router: Router,
    rest: RestLimits,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
    _open: Open,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let activity = Activity::new();
        let io = TokioIo::new(Watched::new(stream, activity.clone()));
        let (router, requests) = (self.router, activity.clone());
        let service = service_fn(move |request| answer(router.clone(), requests.clone(), request));
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = activity.rested(self.rest) => return,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = activity.rested(self.rest) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "connection ended early");
        }
    }
}

async fn answer(
    router: Router,
    activity: Activity,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let under_way = activity.request();
    let response = router.oneshot(request.map(Body::new)).await?;
    // The request is under way until its answer's body was sent.
    Ok(response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &under_way;
            frame
        }))
    }))
}

fn builder(limits: &ListenerLimits, tasks: &TaskGroup) -> Builder<GroupExecutor> {
    let mut builder = Builder::new(GroupExecutor(tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes)
        .max_headers(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.idle_timeout / 4)
        .keep_alive_timeout(limits.idle_timeout / 4);
    builder
}

/// Errors after which the next connection may well succeed.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Runs the tasks of HTTP/2 connections in the listener's group.
#[derive(Clone)]
struct GroupExecutor(TaskGroup);

impl<F> hyper::rt::Executor<F> for GroupExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn("http2 stream", task);
    }
}

#[cfg(test)]
mod tests;
