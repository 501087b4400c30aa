//! The request as a whole: walks its fields and reads one series at a time.

use prost::Message;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::reject::{Reject, RejectReason};
use crate::wire::protobuf::{Broken, Field, Fields};
use crate::wire::remote_write::cache::LabelCache;
use crate::wire::remote_write::message::WireMetadata;
use crate::wire::remote_write::schema::Schema;
use crate::wire::remote_write::{series, symbolized};

/// `prometheus.WriteRequest.timeseries`
const TIMESERIES: u32 = 1;
/// `prometheus.WriteRequest.metadata`
const METADATA: u32 = 3;

/// The most messages of one request. Prometheus sends some thousands; what two bytes of protobuf
/// can ask for must not become gigabytes of structs.
pub(crate) const MAX_MESSAGES: u32 = 500_000;
/// The most bytes of one message: 60,000 samples of a series.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Refusals that keep their text; further ones are only counted.
const MAX_REJECTS: usize = 1_000;

/// What a request holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// What is readable, in the order sent.
    pub batch: MetricBatch,
    /// What is not.
    pub rejects: Vec<Reject>,
}

/// Decodes the message of `schema`; labels that `cache` knows are shared. An empty body is an empty
/// request.
///
/// # Errors
/// `InvalidInput` when the framing is broken, so that it is unknown what else was meant;
/// `LimitExceeded` when there are too many series.
pub fn decode(schema: Schema, body: &[u8], cache: &LabelCache) -> Result<Decoded> {
    match schema {
        Schema::V1 => decode_first(body, cache),
        Schema::V2 => symbolized::decode(body, cache),
    }
}

fn decode_first(body: &[u8], cache: &LabelCache) -> Result<Decoded> {
    let mut decoded = Decoded::default();
    let mut messages = 0_u32;
    each_message(body, |tag, message| {
        messages += 1;
        check_count(messages)?;
        match tag {
            TIMESERIES if decoded.fits(message) => {
                let read = series::read(message, cache, &mut decoded.rejects);
                decoded.add(read);
            }
            METADATA if decoded.fits(message) => add_metadata(message, &mut decoded.batch),
            _ => {}
        }
        Ok(())
    })?;
    Ok(decoded)
}

/// Shows `visit` tag and bytes of each message field.
///
/// # Errors
/// `InvalidInput` when the framing is broken, and what `visit` returns.
pub(crate) fn each_message<'a>(
    body: &'a [u8],
    mut visit: impl FnMut(u32, &'a [u8]) -> Result<()>,
) -> Result<()> {
    let mut fields = Fields::new(body);
    loop {
        let at = body.len() - fields.rest().len();
        let broken = |why: Broken| {
            Error::invalid(format!("the body is not the expected protobuf: {why} (at byte {at})"))
        };
        match fields.next().map_err(broken)? {
            None => return Ok(()),
            Some((tag, Field::Bytes(message))) => visit(tag, message)?,
            Some(_) => {}
        }
    }
}

/// Checks the number of messages of a request.
///
/// # Errors
/// `LimitExceeded`.
pub(crate) fn check_count(messages: u32) -> Result<()> {
    if messages <= MAX_MESSAGES {
        return Ok(());
    }
    let text = format!("the request has more than {MAX_MESSAGES} series; send fewer");
    Err(Error::new(ErrorKind::LimitExceeded, text))
}

impl Decoded {
    /// Returns whether a message is small enough to be read; one that is not is refused.
    pub(crate) fn fits(&mut self, message: &[u8]) -> bool {
        let fits = message.len() <= MAX_MESSAGE_BYTES;
        if !fits {
            let why = format!("a series of {} bytes is too large; send less", message.len());
            self.refuse(Reject::one(RejectReason::TooLarge, why));
        }
        fits
    }

    /// Adds a series or its refusal.
    pub(crate) fn add(&mut self, read: std::result::Result<SeriesWrite, Reject>) {
        match read {
            Ok(write) => self.batch.series.push(write),
            Err(reject) => self.refuse(reject),
        }
    }

    /// Adds a refusal. Beyond a bound only the numbers grow, for a hostile request may hold half a
    /// million of them.
    pub(crate) fn refuse(&mut self, reject: Reject) {
        let known = self.rejects.len() >= MAX_REJECTS;
        let alike = self.rejects.iter_mut().find(|other| known && other.reason == reject.reason);
        match alike {
            Some(other) => other.count = other.count.saturating_add(reject.count),
            None => self.rejects.push(reject),
        }
    }
}

/// Adds what is said of a family; what is not readable is left out, for it carries no points.
fn add_metadata(message: &[u8], batch: &mut MetricBatch) {
    let Ok(wire) = WireMetadata::decode(message) else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    batch.metadata.push(MetricMetadata {
        metric: text(&wire.metric_family_name),
        kind: metric_type(wire.kind),
        help: text(&wire.help),
        unit: text(&wire.unit),
    });
}

/// Reads the number that both versions give a type.
pub(crate) fn metric_type(number: i32) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}

#[cfg(test)]
mod tests;
