//! Counts and traces requests, by the route that matched, never by the path that was sent.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::HeaderName;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use tracing::Instrument;

use crate::telemetry::instruments::{counter, histogram, meter};
use crate::telemetry::names;

/// The label value of requests that matched no route.
const NO_ROUTE: &str = "none";

/// The counters of the server kit. Cloning is cheap.
#[derive(Clone)]
pub struct RequestInstruments {
    requests: Counter<u64>,
    seconds: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
    panics: Counter<u64>,
}

impl RequestInstruments {
    /// Binds the counters to the meter that is installed now.
    pub fn new() -> Self {
        let seconds = vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
        RequestInstruments {
            requests: counter(names::HTTP_REQUESTS, "Answered requests, by route and status."),
            seconds: histogram(names::HTTP_DURATION, "Time to the head of the answer.", seconds),
            in_flight: meter()
                .i64_up_down_counter(names::HTTP_IN_FLIGHT)
                .with_description("Requests that wait for the head of their answer.")
                .build(),
            panics: counter(names::HTTP_PANICS, "Requests that ended in a fault of the code."),
        }
    }

    /// Counts a request whose handler panicked.
    pub(crate) fn panicked(&self, route: &str) {
        self.panics.add(1, &[KeyValue::new("route", route.to_owned())]);
    }
}

impl Default for RequestInstruments {
    fn default() -> Self {
        RequestInstruments::new()
    }
}

/// Returns the route a request matched, as it is written in code.
pub(crate) fn route_of(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or(NO_ROUTE, MatchedPath::as_str).to_owned()
}

/// Keeps the number of requests in flight right when a client goes away.
struct InFlight(UpDownCounter<i64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

/// The layer: counts the request, times it and opens its span.
pub(crate) async fn record(
    State(instruments): State<RequestInstruments>,
    request: Request,
    next: Next,
) -> Response {
    let route = route_of(&request);
    let span = tracing::info_span!(
        "http.request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    instruments.in_flight.add(1, &[]);
    let in_flight = InFlight(instruments.in_flight.clone());
    let begin = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    let route = KeyValue::new("route", route);
    instruments.seconds.record(begin.elapsed().as_secs_f64(), std::slice::from_ref(&route));
    instruments.requests.add(1, &[route, KeyValue::new("status", i64::from(status.as_u16()))]);
    response
        .headers_mut()
        .entry(HeaderName::from_static("x-content-type-options"))
        .or_insert(axum::http::HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use axum::{Router, middleware};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn the_route_is_the_one_in_code_and_never_what_was_sent() {
        let tell = |request: Request, _: Next| async move { route_of(&request).into_response() };
        let routes = Router::new()
            .route("/label/{name}/values", get(|| async {}))
            .layer(middleware::from_fn(tell));
        for (path, expected) in
            [("/label/secret/values", "/label/{name}/values"), ("/made/up", NO_ROUTE)]
        {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let answer = routes.clone().oneshot(request).await.unwrap();
            let told = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(told, expected, "{path}");
        }
    }
}
