use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::access::{AccessRules, Anonymous, Caller, Scope, Scopes, Token, TokenDigest};
use crate::http::error::plain;

fn door(anonymous: Anonymous) -> Router {
    let scopes = Scopes::of(&[Scope::Ingest]);
    let digest = TokenDigest::of("t0ken");
    let rules = AccessRules {
        tokens: vec![Token { name: "agent".to_owned(), digest, scopes }],
        users: Vec::new(),
        anonymous,
    };
    let routes =
        Router::new().route("/api/v1/who", get(who)).route("/fault", get(|| async { fault() }));
    let front = Front {
        guard: Arc::new(GuardPolicy::loopback()),
        authenticator: Authenticator::new(rules),
        instruments: RequestInstruments::new(),
    };
    front.before(routes)
}

async fn who(caller: Caller) -> Response {
    match caller.require(Scope::Read) {
        Ok(()) => caller.name.into_response(),
        Err(error) => plain(&error),
    }
}

fn fault() -> &'static str {
    panic!("a fault of the code")
}

async fn ask(door: Router, path: &str, headers: &[(&str, &str)]) -> (u16, String, Response) {
    let mut request = Request::builder().uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = door.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.status.as_u16(), text, Response::from_parts(parts, Body::empty()))
}

#[tokio::test]
async fn an_unknown_path_answers_404_page_not_found() {
    let (status, text, _) = ask(door(Anonymous::Open), "/nothing/here", &[]).await;
    assert_eq!((status, text.as_str()), (404, "404 page not found"));
}

#[tokio::test]
async fn duplicate_slashes_reach_the_route() {
    let (status, text, _) = ask(door(Anonymous::Open), "//api///v1//who", &[]).await;
    assert_eq!((status, text.as_str()), (200, "anonymous"));
}

#[tokio::test]
async fn a_foreign_host_or_origin_gets_403_on_every_path() {
    for path in ["/api/v1/who", "/nothing"] {
        let foreign = ("origin", "https://evil.com");
        assert_eq!(ask(door(Anonymous::Open), path, &[foreign]).await.0, 403, "{path}");
    }
    let request = Request::builder().uri("/api/v1/who").header("host", "evil.com");
    let response = door(Anonymous::Open).oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 403);
}

#[tokio::test]
async fn missing_and_wrong_credentials_get_401_with_a_challenge_and_too_few_scopes_403() {
    let wrong = ("authorization", "Bearer guess");
    for headers in [&[][..], &[wrong][..]] {
        let (status, text, answer) = ask(door(Anonymous::Nothing), "/api/v1/who", headers).await;
        assert_eq!(status, 401, "{text}");
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    let right = ("authorization", "Bearer t0ken");
    let (status, text, _) = ask(door(Anonymous::Nothing), "/api/v1/who", &[right]).await;
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("\"read\""), "{text}");
}

#[tokio::test]
async fn credentials_nobody_asked_for_are_ignored() {
    for value in ["Bearer guess", "Digest x"] {
        let answer = ask(door(Anonymous::Open), "/api/v1/who", &[("authorization", value)]).await;
        assert_eq!((answer.0, answer.1.as_str()), (200, "anonymous"));
    }
}

#[tokio::test]
async fn a_panic_becomes_status_500() {
    let (status, text, _) = ask(door(Anonymous::Open), "/fault", &[]).await;
    assert_eq!(status, 500, "{text}");
    assert!(!text.contains("a fault of the code"), "{text}");
}
