//! The request as a whole: walks its fields and decodes one series at a time.

use bytes::Bytes;
use prost::Message;

use crate::base::error::Result;
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType};
use crate::model::reject::{Reject, RejectReason};
use crate::wire::protobuf::each_field;
use crate::wire::remote_write::message::{TimeSeries, WireMetadata};
use crate::wire::remote_write::series;

/// `prometheus.WriteRequest.timeseries`
const TIMESERIES: u32 = 1;
/// `prometheus.WriteRequest.metadata`
const METADATA: u32 = 3;

/// What a request holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// What is readable, in the order sent.
    pub batch: MetricBatch,
    /// What is not.
    pub rejects: Vec<Reject>,
}

/// Decodes `prometheus.WriteRequest`. An empty body is an empty request.
///
/// # Errors
/// `InvalidInput` when the framing is broken, so that it is unknown what else was meant.
pub fn decode(body: &Bytes) -> Result<Decoded> {
    let mut decoded = Decoded::default();
    each_field(body, |tag, message| {
        match tag {
            TIMESERIES => add_series(message, &mut decoded),
            METADATA => add_metadata(message, &mut decoded),
            _ => {}
        }
        Ok(())
    })?;
    Ok(decoded)
}

fn add_series(message: Bytes, decoded: &mut Decoded) {
    let series = match TimeSeries::decode(message) {
        Ok(series) => series,
        Err(error) => {
            let why = format!("a time series is not readable: {error}");
            decoded.rejects.push(Reject::one(RejectReason::Malformed, why));
            return;
        }
    };
    match series::write(&series, &mut decoded.rejects) {
        Ok(write) => decoded.batch.series.push(write),
        Err(reject) => decoded.rejects.push(reject),
    }
}

/// Adds what is said of a family; what is not readable is left out, for it carries no points.
fn add_metadata(message: Bytes, decoded: &mut Decoded) {
    let Ok(wire) = WireMetadata::decode(message) else { return };
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    decoded.batch.metadata.push(MetricMetadata {
        metric: text(&wire.metric_family_name),
        kind: match wire.kind {
            1 => MetricType::Counter,
            2 => MetricType::Gauge,
            3 => MetricType::Histogram,
            4 => MetricType::GaugeHistogram,
            5 => MetricType::Summary,
            6 => MetricType::Info,
            7 => MetricType::StateSet,
            _ => MetricType::Unknown,
        },
        help: text(&wire.help),
        unit: text(&wire.unit),
    });
}

#[cfg(test)]
mod tests;
