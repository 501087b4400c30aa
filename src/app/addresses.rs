//! Where the appliance answers.

use std::net::SocketAddr;

use crate::app::listeners::{Bound, Served};

/// Where the appliance answers, as URLs without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Everything.
    pub http: String,
    /// OTLP over HTTP; `None` when it is off.
    pub otlp_http: Option<String>,
    /// OTLP over gRPC; `None` when it is off.
    pub otlp_grpc: Option<String>,
}

impl Addresses {
    /// Names the listeners that were bound.
    pub(crate) fn of(bound: &[Bound]) -> Self {
        let url = |served| {
            let found = bound.iter().find(|one| one.served == served);
            found.map(|one| format!("http://{}", reachable(one.address)))
        };
        Addresses {
            http: url(Served::All).unwrap_or_default(),
            otlp_http: url(Served::OtlpHttp),
            otlp_grpc: url(Served::OtlpGrpc),
        }
    }
}

/// A wildcard address is no place to connect to; loopback is one of its places.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback: std::net::IpAddr = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(loopback, address.port())
}
