//! One `prometheus.TimeSeries` of version 1.0 to one series write.

use prost::Message;

use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::reject::{Reject, RejectReason};
use crate::model::time::TimestampMs;
use crate::wire::protobuf::{Broken, Fields, Read};
use crate::wire::remote_write::cache::LabelCache;
use crate::wire::remote_write::labels::{self, LabelFault, RawLabel};
use crate::wire::remote_write::message::WireHistogram;
use crate::wire::remote_write::{histogram, points};

/// Reads one series. A broken histogram costs only itself; those of a series are one entry of
/// `rejects`. Broken labels cost the series.
///
/// # Errors
/// The refusal of all points of the series.
pub(crate) fn read(
    message: &[u8],
    cache: &LabelCache,
    rejects: &mut Vec<Reject>,
) -> Result<SeriesWrite, Reject> {
    let unreadable = |why: Broken| {
        let text = format!("a time series is not readable: {why}");
        Reject::one(RejectReason::Malformed, text)
    };
    let mut series = Series::default();
    let labels = series.read(message, cache).map_err(unreadable)?;
    let Series { mut write, histograms, .. } = series;
    let points = (write.samples.len() + histograms.len()).max(1) as u64;
    write.labels = labels.map_err(|(reason, message)| Reject { count: points, reason, message })?;
    rejects.extend(histogram::add_all(&histograms, 0, &mut write));
    Ok(write)
}

#[derive(Default)]
struct Series<'a> {
    write: SeriesWrite,
    histograms: Vec<WireHistogram>,
    /// Labels behind the points, where no usual sender writes any.
    late: Vec<RawLabel<'a>>,
}

impl<'a> Series<'a> {
    /// Reads everything and returns the labels.
    fn read(&mut self, message: &'a [u8], cache: &LabelCache) -> Read<Result<Labels, LabelFault>> {
        let (head, rest) = message.split_at(labels::leading_labels(message)?);
        let mut fields = Fields::new(rest);
        let mut before = rest.len();
        while let Some((tag, field)) = fields.next()? {
            let left = fields.rest().len();
            match tag {
                1 => self.late.push(labels::label_of(field.bytes()?)?),
                2 => {
                    let (sample, _) = points::sample(field.bytes()?)?;
                    points::reserve(&mut self.write.samples, before - left, before);
                    self.write.samples.push(sample);
                }
                3 => self.write.exemplars.extend(exemplar(field.bytes()?)?),
                4 => self.histograms.push(decode_histogram(field.bytes()?)?),
                _ => {}
            }
            before = left;
        }
        if self.late.is_empty() {
            return labels::read(head, cache);
        }
        let mut all = Vec::new();
        let mut fields = Fields::new(head);
        while let Some((_, label)) = fields.next()? {
            all.push(labels::label_of(label.bytes()?)?);
        }
        all.append(&mut self.late);
        Ok(labels::pack(&all))
    }
}

/// Decodes a histogram; few series have any, so that its structs cost nothing that shows.
pub(crate) fn decode_histogram(message: &[u8]) -> Read<WireHistogram> {
    WireHistogram::decode(message).map_err(|_| Broken::new("a histogram is broken"))
}

/// Reads an exemplar. One whose labels are wrong points nowhere and is worth nothing.
fn exemplar(message: &[u8]) -> Read<Option<Exemplar>> {
    let read = points::exemplar(message)?;
    let mut pairs = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((tag, field)) = fields.next()? {
        if tag == 1 {
            pairs.push(labels::label_of(field.bytes()?)?);
        }
    }
    let timestamp = TimestampMs(read.timestamp);
    let labels = labels::pack(&pairs).ok();
    Ok(labels.map(|labels| Exemplar { labels, value: read.value, timestamp }))
}
