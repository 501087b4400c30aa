//! The environment variables of the origin that configure the appliance.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::base::secret::Secret;
use crate::base::yaml::fault::Fault;
use crate::base::yaml::reader::Environment;
use crate::config::address::{CompatDoor, CompatListener};
use crate::config::checked::{Listen, Own};
use crate::config::make::{self, MakeParts};
use crate::telemetry::logging::LogLevel;

/// Variables that configure the export to other systems, which a later version has.
const EXPORT: [&str; 5] = [
    "JAEGER_ENDPOINT",
    "ELASTICSEARCH_URL",
    "LOG_ELASTICSEARCH_ENABLED",
    "LOG_ELASTICSEARCH_INDEX",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Reads variables and notes what is wrong with them.
pub(crate) struct Variables<'a> {
    environment: &'a Environment<'a>,
    /// What was found wrong.
    pub(crate) faults: Vec<Fault>,
}

impl<'a> Variables<'a> {
    /// Starts to read `environment`.
    pub(crate) fn new(environment: &'a Environment<'a>) -> Self {
        Variables { environment, faults: Vec::new() }
    }

    /// Returns a variable that is set and not empty.
    fn text(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.faults.push(Fault {
                place: "environment".to_owned(),
                line: None,
                key: name.to_owned(),
                message: format!("{text:?} is not valid here"),
            });
        }
        value
    }

    /// Lets `PORT` and `PROMETHEUS_METRICS_PORT` choose ports on loopback.
    pub(crate) fn listen(&mut self, listen: &mut Listen) {
        if let Some(port) = self.parsed("PORT", |text| text.parse().ok()) {
            listen.http.set_port(port);
        }
        if let Some(port) = self.parsed("PROMETHEUS_METRICS_PORT", |text| text.parse().ok()) {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
            listen.compat.push(CompatListener { door: CompatDoor::Prometheus, address });
        }
    }

    /// Lets the `MAKE_*` variables name the account.
    pub(crate) fn make(&mut self, parts: &mut MakeParts) {
        if let Some(key) = self.text("MAKE_API_KEY") {
            parts.token = Some(Secret::new(key));
        }
        if let Some(url) = self.parsed("MAKE_BASE_URL", |text| make::url(text).ok()) {
            parts.base_url = Some(url);
        }
        parts.zone = self.text("MAKE_ZONE").or(parts.zone.take());
        let organization = self.parsed("MAKE_ORGANIZATION_ID", |text| text.parse().ok());
        parts.organization_id = organization.or(parts.organization_id);
        parts.team_id = self.parsed("MAKE_TEAM_ID", |text| text.parse().ok()).or(parts.team_id);
    }

    /// Lets `OTEL_TRACE_SAMPLING_RATIO` choose the share of own traces.
    pub(crate) fn own(&mut self, own: &mut Own) {
        let share = self.parsed("OTEL_TRACE_SAMPLING_RATIO", |text| {
            text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
        });
        own.sampling = share.unwrap_or(own.sampling);
    }

    /// Returns `LOG_LEVEL`.
    pub(crate) fn log_level(&mut self) -> Option<LogLevel> {
        self.parsed("LOG_LEVEL", LogLevel::from_word)
    }

    /// Names the variables that are set and not followed.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let set = EXPORT.into_iter().filter(|name| self.text(name).is_some());
        set.map(|name| format!("{name} is set, but this version does not export; it is ignored"))
            .collect()
    }
}
