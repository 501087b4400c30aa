//! Reads credentials, puts the [`Caller`] beside the request, and hands it to handlers.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::access::{Authenticator, Caller, Credentials};
use crate::base::error::{Error, ErrorKind, Result};
use crate::http::error::plain;

/// The layer: refuses wrong credentials, else adds the [`Caller`] to the request's extensions.
/// Every answer of status 401 says how to do better.
pub(crate) async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match caller_of(&authenticator, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            tracing::debug!(error = error.message(), "credentials refused");
            plain(&error)
        }
    };
    if response.status() == StatusCode::UNAUTHORIZED {
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
