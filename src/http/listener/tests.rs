use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Serves a few routes on a free port; the group stops them.
async fn start(limits: ListenerLimits) -> (std::net::SocketAddr, TaskGroup) {
    let router = Router::new().route("/", get(|| async { "hello" })).route(
        "/slow",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "late"
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = TaskGroup::new();
    serve(listener, router, limits, &tasks);
    (address, tasks)
}

/// Sends bytes and returns all that comes back until the connection ends.
async fn exchange(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses may close before everything is sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn http1_and_http2_are_served_on_one_port() {
    let (address, tasks) = start(ListenerLimits::default()).await;
    assert!(exchange(address, GET).await.ends_with("hello"));
    let stream = TcpStream::connect(address).await.unwrap();
    let executor = GroupExecutor(tasks.clone());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tasks.spawn("client", async move { drop(connection.await) });
    let request = Request::builder().uri("http://localhost/").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.version(), axum::http::Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn a_connection_beyond_the_cap_is_told_so() {
    let limits = ListenerLimits { connections: 1, ..ListenerLimits::default() };
    let (address, _tasks) = start(limits).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    first.read_u8().await.unwrap();
    let refused = exchange(address, b"").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.ends_with("\r\n\r\ntoo many connections\n"), "{refused}");
}

#[tokio::test]
async fn a_head_past_its_limit_is_answered_with_431() {
    let limits = ListenerLimits { header_bytes: 8 << 10, ..ListenerLimits::default() };
    let (address, _tasks) = start(limits).await;
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(16 << 10));
    let answer = exchange(address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let limits =
        ListenerLimits { header_timeout: Duration::from_millis(20), ..ListenerLimits::default() };
    let (address, _tasks) = start(limits).await;
    let answer = exchange(address, b"GET / HTTP/1.1\r\nHost: loc").await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let limits =
        ListenerLimits { idle_timeout: Duration::from_millis(20), ..ListenerLimits::default() };
    let (address, _tasks) = start(limits).await;
    assert_eq!(exchange(address, b"").await, "");
}

#[tokio::test]
async fn stopping_finishes_the_request_under_way_and_closes_the_port() {
    let (address, tasks) = start(ListenerLimits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // The first connection is being served once a second one was answered.
    assert!(exchange(address, GET).await.ends_with("hello"));
    assert_eq!(tasks.stop(Duration::from_secs(5)).await, Vec::<&str>::new());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("late"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err());
}
