//! Addresses to listen on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The front door that a compat listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompatDoor {
    /// The common router on Prometheus' usual port.
    Prometheus,
    /// Elasticsearch's own router, whose whole path space is indices.
    Elasticsearch,
    /// The common router on Jaeger's query port.
    Jaeger,
    /// The common router on Jaeger's collector port.
    JaegerCollector,
    /// The common router on Alertmanager's usual port.
    Alertmanager,
}

/// Names of compat listeners that a later version serves.
const LATER: [&str; 4] = ["loki", "tempo", "zipkin", "syslog"];

impl CompatDoor {
    /// Every door.
    pub const ALL: [CompatDoor; 5] = [
        CompatDoor::Prometheus,
        CompatDoor::Elasticsearch,
        CompatDoor::Jaeger,
        CompatDoor::JaegerCollector,
        CompatDoor::Alertmanager,
    ];

    /// Returns the name in `listen.compat`.
    pub fn name(self) -> &'static str {
        match self {
            CompatDoor::Prometheus => "prometheus",
            CompatDoor::Elasticsearch => "elasticsearch",
            CompatDoor::Jaeger => "jaeger",
            CompatDoor::JaegerCollector => "jaeger_collector",
            CompatDoor::Alertmanager => "alertmanager",
        }
    }

    /// Returns the port its clients expect.
    pub fn usual_port(self) -> u16 {
        match self {
            CompatDoor::Prometheus => 9090,
            CompatDoor::Elasticsearch => 9200,
            CompatDoor::Jaeger => 16686,
            CompatDoor::JaegerCollector => 14268,
            CompatDoor::Alertmanager => 9093,
        }
    }
}

/// One more address, where clients of another product expect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompatListener {
    /// What is served there.
    pub door: CompatDoor,
    /// Where.
    pub address: SocketAddr,
}

impl CompatListener {
    /// Reads `NAME`, `NAME:PORT` or `NAME:ADDR:PORT`.
    ///
    /// # Errors
    /// A text for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        if LATER.contains(&name) {
            return Err(format!("{name:?} is not supported by this version yet; remove it"));
        }
        let door = CompatDoor::ALL.into_iter().find(|door| door.name() == name);
        let door = door.ok_or_else(|| {
            let names: Vec<_> = CompatDoor::ALL.into_iter().map(CompatDoor::name).collect();
            format!("{name:?} is not one of {}", names.join(", "))
        })?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let address = match rest {
            "" => SocketAddr::new(loopback, door.usual_port()),
            rest => match rest.parse::<u16>() {
                Ok(port) => SocketAddr::new(loopback, port),
                Err(_) => parse_address(rest)?,
            },
        };
        Ok(CompatListener { door, address })
    }
}

/// Reads `ADDR:PORT`; `localhost` stands for 127.0.0.1 and a missing address for all of them.
///
/// # Errors
/// A text for people.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{text:?} is not an address; write for example 127.0.0.1:8080");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let address = match host {
        "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            bare.unwrap_or(host).parse().map_err(|_| wrong())?
        }
    };
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compat_entries_take_the_usual_port_a_port_or_an_address() {
        let at = |text: &str| CompatListener::parse(text).map(|entry| entry.address.to_string());
        assert_eq!(at("elasticsearch"), Ok("127.0.0.1:9200".to_owned()));
        assert_eq!(at("jaeger_collector:1"), Ok("127.0.0.1:1".to_owned()));
        assert_eq!(at("prometheus:0.0.0.0:9091"), Ok("0.0.0.0:9091".to_owned()));
        assert!(at("loki").unwrap_err().contains("not supported"));
        assert!(at("prometeus").unwrap_err().contains("prometheus"));
        assert!(at("prometheus:x").is_err());
    }

    #[test]
    fn addresses_need_a_port_and_no_name_service() {
        assert_eq!(parse_address("[::1]:80").map(|a| a.to_string()), Ok("[::1]:80".to_owned()));
        assert_eq!(parse_address(":80").map(|a| a.to_string()), Ok("0.0.0.0:80".to_owned()));
        for wrong in ["127.0.0.1", "example.com:80", "127.0.0.1:99999", ""] {
            assert!(parse_address(wrong).is_err(), "{wrong} must be refused");
        }
    }
}
