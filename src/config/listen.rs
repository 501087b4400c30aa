//! The section `listen`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::base::yaml::reader::Section;
use crate::config::address::{CompatListener, parse_address};
use crate::config::checked::Listen;

/// Reads the section; without one everything listens on loopback.
pub(crate) fn read(section: Option<Section<'_>>) -> Listen {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut listen = Listen {
        http: loopback(8080),
        otlp_grpc: Some(loopback(4317)),
        otlp_http: Some(loopback(4318)),
        compat: Vec::new(),
        allowed_hosts: Vec::new(),
        insecure: false,
    };
    let Some(section) = section else { return listen };
    if let Some(address) = section.parsed("http", parse_address) {
        listen.http = address;
    }
    listen.otlp_grpc = optional(&section, "otlp_grpc", listen.otlp_grpc);
    listen.otlp_http = optional(&section, "otlp_http", listen.otlp_http);
    for (line, text) in section.texts("compat") {
        match CompatListener::parse(&text) {
            Ok(entry) => listen.compat.push(entry),
            Err(why) => section.fault_at(line, "compat", why),
        }
    }
    listen.allowed_hosts = section.texts("allowed_hosts").into_iter().map(|(_, h)| h).collect();
    listen.insecure = section.flag("insecure").unwrap_or(false);
    section.finish();
    listen
}

/// A listener that is off when its key is written without a value, or as `off`.
fn optional(
    section: &Section<'_>,
    key: &'static str,
    usual: Option<SocketAddr>,
) -> Option<SocketAddr> {
    if !section.is_written(key) {
        return usual;
    }
    section.node(key)?;
    let off_or_address = section.parsed(key, |text| match text {
        "off" => Ok(None),
        text => parse_address(text).map(Some),
    });
    off_or_address.unwrap_or(usual)
}
