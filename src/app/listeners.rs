//! Binds addresses. Only the main one must succeed.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::base::error::{Error, ErrorKind, Result};
use crate::config::{CompatDoor, Listen};

/// What is served on an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Everything.
    All,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// OTLP over HTTP.
    OtlpHttp,
    /// What clients of another product expect.
    Compat(CompatDoor),
}

impl Served {
    fn name(self) -> &'static str {
        match self {
            Served::All => "http",
            Served::OtlpGrpc => "otlp_grpc",
            Served::OtlpHttp => "otlp_http",
            Served::Compat(door) => door.name(),
        }
    }
}

/// A bound address.
pub(crate) struct Bound {
    /// What is served there.
    pub(crate) served: Served,
    /// The address, its port chosen by the system if it was 0.
    pub(crate) address: SocketAddr,
    /// The socket.
    pub(crate) socket: TcpListener,
}

/// Binds everything, the main address first.
///
/// # Errors
/// `Unavailable` when the main address is taken or not ours; the others are warned about.
pub(crate) async fn bind(listen: &Listen) -> Result<Vec<Bound>> {
    let main = bind_one(Served::All, listen.http).await.map_err(|error| {
        let text = format!(
            "cannot listen on {}: {error}; choose another address with --listen",
            listen.http
        );
        Error::new(ErrorKind::Unavailable, text)
    })?;
    let mut bound = vec![main];
    let grpc = listen.otlp_grpc.map(|address| (Served::OtlpGrpc, address));
    let http = listen.otlp_http.map(|address| (Served::OtlpHttp, address));
    let compat = listen.compat.iter().map(|entry| (Served::Compat(entry.door), entry.address));
    for (served, address) in grpc.into_iter().chain(http).chain(compat) {
        match bind_one(served, address).await {
            Ok(one) => bound.push(one),
            Err(error) => {
                let listener = served.name();
                tracing::warn!(listener, %address, %error, "cannot listen; going on without");
            }
        }
    }
    Ok(bound)
}

async fn bind_one(served: Served, address: SocketAddr) -> std::io::Result<Bound> {
    let socket = TcpListener::bind(address).await?;
    let address = socket.local_addr()?;
    Ok(Bound { served, address, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(http: SocketAddr, otlp_http: SocketAddr) -> Listen {
        Listen {
            http,
            otlp_grpc: None,
            otlp_http: Some(otlp_http),
            compat: Vec::new(),
            allowed_hosts: Vec::new(),
            insecure: false,
        }
    }

    #[tokio::test]
    async fn a_taken_main_address_is_fatal_and_a_taken_other_one_is_not() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (taken_at, any) = (taken.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], 0)));
        let bound = bind(&listen(any, taken_at)).await.unwrap();
        assert_eq!(bound.iter().map(|one| one.served).collect::<Vec<_>>(), [Served::All]);
        assert_ne!(bound[0].address.port(), 0);
        let refused = bind(&listen(taken_at, any)).await.err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::Unavailable));
    }
}
