//! What is scraped, how often and within which limits.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::secret::Secret;
use crate::base::size::ByteSize;
use crate::collect::scrape::relabel::RelabelRule;
use crate::wire::exposition::{Format, Histograms};

/// A scrape job, as in `prometheus.yml`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapeJob {
    /// The value of the label `job`.
    pub name: String,
    /// How often.
    pub interval: Duration,
    /// How long a scrape may take; not longer than the interval.
    pub timeout: Duration,
    /// `http` or `https`.
    pub scheme: String,
    /// The path, starting with a slash.
    pub path: String,
    /// Query parameters in the order written; names may repeat.
    pub params: Vec<(String, String)>,
    /// Whether the target's own labels win over ours.
    pub honor_labels: bool,
    /// Whether the target's own times are kept.
    pub honor_timestamps: bool,
    /// The dialects that targets are asked for, best first.
    pub protocols: Vec<Protocol>,
    /// The dialect of answers whose content type names none.
    pub fallback_format: Option<Format>,
    /// Which form of a histogram counts where a target offers two.
    pub histograms: Histograms,
    /// What the request shows.
    pub authorization: Option<Authorization>,
    /// What an answer may hold.
    pub limits: ScrapeLimits,
    /// The targets.
    pub groups: Vec<TargetGroup>,
    /// Rules on the target's labels.
    pub relabel: Vec<RelabelRule>,
    /// Rules on every sample's labels.
    pub metric_relabel: Vec<RelabelRule>,
}

/// A dialect that a target may be asked for, under Prometheus' name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `PrometheusProto`
    Protobuf,
    /// `OpenMetricsText1.0.0`
    OpenMetrics1,
    /// `OpenMetricsText0.0.1`
    OpenMetrics0,
    /// `PrometheusText1.0.0`
    Text1,
    /// `PrometheusText0.0.4`
    Text0,
}

impl Protocol {
    /// All of them, in the order in which Prometheus asks where native histograms are wanted; where
    /// not, it leaves out the first.
    pub const ALL: [Protocol; 5] = [
        Protocol::Protobuf,
        Protocol::OpenMetrics1,
        Protocol::OpenMetrics0,
        Protocol::Text1,
        Protocol::Text0,
    ];

    /// Returns Prometheus' name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Protobuf => "PrometheusProto",
            Protocol::OpenMetrics1 => "OpenMetricsText1.0.0",
            Protocol::OpenMetrics0 => "OpenMetricsText0.0.1",
            Protocol::Text1 => "PrometheusText1.0.0",
            Protocol::Text0 => "PrometheusText0.0.4",
        }
    }

    /// Reads Prometheus' name.
    pub fn from_name(name: &str) -> Option<Self> {
        Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Returns how a body of this dialect is read.
    pub fn format(self) -> Format {
        match self {
            Protocol::Protobuf => Format::Protobuf(Histograms::Classic),
            Protocol::OpenMetrics1 | Protocol::OpenMetrics0 => Format::OpenMetrics,
            Protocol::Text1 | Protocol::Text0 => Format::Text,
        }
    }

    /// Returns the media type for `Accept`.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Protocol::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=delimited"
            }
            Protocol::OpenMetrics1 => {
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
            }
            Protocol::OpenMetrics0 => "application/openmetrics-text;version=0.0.1",
            Protocol::Text1 => "text/plain;version=1.0.0;escaping=allow-utf-8",
            Protocol::Text0 => "text/plain;version=0.0.4",
        }
    }
}

/// What an answer may hold; 0 means no limit of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// Bytes of the body, uncompressed; never 0.
    pub body: ByteSize,
    /// Samples after relabelling.
    pub samples: usize,
    /// Labels of a sample.
    pub labels: usize,
    /// Bytes of a label name.
    pub label_name_bytes: usize,
    /// Bytes of a label value.
    pub label_value_bytes: usize,
    /// Targets of the job.
    pub targets: usize,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        ScrapeLimits {
            body: ByteSize::mib(64),
            samples: 0,
            labels: 0,
            label_name_bytes: 0,
            label_value_bytes: 0,
            targets: 0,
        }
    }
}

/// Targets that share labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// `HOST:PORT`, or `HOST` for the scheme's port.
    pub targets: Vec<String>,
    /// Their labels.
    pub labels: Vec<(String, String)>,
}

/// The value of an `Authorization` header; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Secret);

impl Authorization {
    /// Builds `SCHEME CREDENTIALS`.
    pub fn new(scheme: &str, credentials: &str) -> Self {
        Authorization(Secret::new(format!("{scheme} {credentials}")))
    }

    /// Builds HTTP's Basic scheme.
    pub fn basic(user: &str, password: &str) -> Self {
        Authorization::new("Basic", &STANDARD.encode(format!("{user}:{password}")))
    }

    /// Returns the value, for the request.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
