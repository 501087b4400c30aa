//! Reads credentials, puts the [`Caller`] beside the request, and hands it to handlers.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::access::{Authenticator, Caller, Credentials};
use crate::base::error::{Error, ErrorKind, Result};
use crate::http::error::plain;
use crate::telemetry::instruments::counter;
use crate::telemetry::names;

/// The label of requests without credentials.
const NO_METHOD: &str = "none";

/// What the layer needs. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Gate {
    authenticator: Authenticator,
    attempts: Counter<u64>,
}

impl Gate {
    /// Binds the counter to the meter that is installed now.
    pub(crate) fn new(authenticator: Authenticator) -> Self {
        let about = "Shown or missing credentials, by method, result and reason.";
        Gate { authenticator, attempts: counter(names::AUTH_ATTEMPTS, about) }
    }

    fn count(&self, method: &'static str, result: &'static str, reason: &'static str) {
        let labels = [
            KeyValue::new("method", method),
            KeyValue::new("result", result),
            KeyValue::new("reason", reason),
        ];
        self.attempts.add(1, &labels);
    }
}

/// The way in which credentials are shown, from a finite set.
fn method_of(headers: &HeaderMap) -> &'static str {
    let Some(value) = headers.get(AUTHORIZATION) else { return NO_METHOD };
    let scheme = value.to_str().ok().and_then(|text| text.split_whitespace().next());
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("bearer") => "bearer",
        Some("basic") => "basic",
        Some("apikey") => "apikey",
        _ => "other",
    }
}

/// The layer: refuses wrong credentials, else adds the [`Caller`] to the request's extensions.
/// Every answer of status 401 says how to do better.
pub(crate) async fn authenticate(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = method_of(request.headers());
    let outcome = caller_of(&gate.authenticator, request.headers()).await;
    let refused = outcome.as_ref().err().map(|error| error.kind().as_str());
    let mut response = match outcome {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            tracing::debug!(error = error.message(), "credentials refused");
            plain(&error)
        }
    };
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    match (method, refused) {
        (_, Some(reason)) => gate.count(method, "failure", reason),
        (NO_METHOD, None) if unauthorized => gate.count(NO_METHOD, "failure", "missing"),
        (NO_METHOD, None) => {}
        (_, None) => gate.count(method, "success", ""),
    }
    if unauthorized {
        let ways = r#"Bearer realm="belvedere", Basic realm="belvedere", ApiKey"#;
        let header = response.headers_mut().entry(WWW_AUTHENTICATE);
        header.or_insert(HeaderValue::from_static(ways));
    }
    response
}

async fn caller_of(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Caller> {
    let credentials = match headers.get(AUTHORIZATION) {
        None => Ok(Credentials::None),
        Some(value) => match value.to_str() {
            Ok(text) => Credentials::from_header(text),
            Err(_) => Err(unreadable()),
        },
    };
    match credentials {
        Ok(credentials) => authenticator.authenticate(&credentials).await,
        // Where everything is open, unreadable credentials are as good as unknown ones.
        Err(error) => {
            let nobody = authenticator.anonymous();
            if authenticator.ignores_credentials() { Ok(nobody) } else { Err(error) }
        }
    }
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the Authorization header is not text")
}

/// Handlers take the [`Caller`] as an argument. Without the layer in front nobody is let in.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| {
            plain(&Error::new(ErrorKind::Unauthenticated, "the request was not authenticated"))
        })
    }
}
