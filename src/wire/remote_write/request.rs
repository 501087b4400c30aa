//! The request as a whole: walks its fields and decodes one series at a time.

use bytes::Bytes;
use prost::Message;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType};
use crate::model::reject::{Reject, RejectReason};
use crate::wire::protobuf::each_field;
use crate::wire::remote_write::message::{TimeSeries, WireMetadata};
use crate::wire::remote_write::series;

/// `prometheus.WriteRequest.timeseries`
const TIMESERIES: u32 = 1;
/// `prometheus.WriteRequest.metadata`
const METADATA: u32 = 3;

/// The most messages of one request. Prometheus sends some thousands; what two bytes of protobuf
/// can ask for must not become gigabytes of structs.
const MAX_MESSAGES: u32 = 500_000;
/// The most bytes of one message: 60,000 samples of a series.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

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
/// `InvalidInput` when the framing is broken, so that it is unknown what else was meant;
/// `LimitExceeded` when there are too many series.
pub fn decode(body: &Bytes) -> Result<Decoded> {
    let mut decoded = Decoded::default();
    let mut messages = 0_u32;
    each_field(body, |tag, message| {
        messages += 1;
        if messages > MAX_MESSAGES {
            let text = format!("the request has more than {MAX_MESSAGES} series; send fewer");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        if message.len() > MAX_MESSAGE_BYTES {
            let why = format!("a series of {} bytes is too large; send less", message.len());
            decoded.rejects.push(Reject::one(RejectReason::TooLarge, why));
            return Ok(());
        }
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
