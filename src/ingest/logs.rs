//! Which log operations of a batch are let in, and what is filled in where a record is silent.

use crate::ingest::admission::{Admitted, Now};
use crate::ingest::attributes::{
    Refusal, attributes_weight, check, clip, keep_first_of_each_key, value_weight,
};
use crate::ingest::document_id::DocumentIds;
use crate::ingest::door::Door;
use crate::ingest::limits::IngestLimits;
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::LogRecord;
use crate::model::resource::Attributes;
use crate::model::time::TimestampNs;
use crate::model::trace::{SpanId, TraceId};
use crate::storage::receipt::{RejectReason, Rejection};

/// Elasticsearch's bounds on names, which every door shares.
const INDEX_BYTES: usize = 255;
const ID_BYTES: usize = 512;
/// Where loggers put the ids.
const TRACE_ID_KEYS: [&str; 3] = ["trace_id", "traceId", "trace.id"];
const SPAN_ID_KEYS: [&str; 3] = ["span_id", "spanId", "span.id"];
/// How much of a record is shown in a message.
const SHOWN_BYTES: usize = 80;

/// Completes and checks every operation of `batch`.
pub(crate) fn admit(
    mut batch: LogBatch,
    door: Door,
    limits: &IngestLimits,
    ids: &DocumentIds,
    now: Now,
) -> Admitted<LogBatch> {
    let default_index = door.default_index();
    let mut kept = Vec::with_capacity(batch.ops.len());
    let mut rejected = Vec::new();
    let mut index = 0;
    batch.ops.retain_mut(|op| {
        let outcome = match op {
            LogOp::Put { record, .. } => {
                complete(record, &default_index, ids, now);
                check_record(record, limits, now).map_err(|refusal| (refusal, name_record(record)))
            }
            LogOp::Delete { index, id } => check_names(index, id)
                .and_then(|()| match id.is_empty() {
                    true => Err((RejectReason::Malformed, "a delete needs an id".to_owned())),
                    false => Ok(()),
                })
                .map_err(|refusal| (refusal, format!("document {:?}", clip(id, SHOWN_BYTES)))),
        };
        let keep = outcome.is_ok();
        match outcome {
            Ok(()) => kept.push(index),
            Err(((reason, why), who)) => {
                let message = format!("{who}: {why}");
                rejected.push(Rejection { index, count: 1, reason, message });
            }
        }
        index += 1;
        keep
    });
    Admitted { batch, kept, rejected }
}

/// Returns about how many bytes `batch` occupies.
pub(crate) fn weight(batch: &LogBatch) -> usize {
    batch
        .ops
        .iter()
        .map(|op| match op {
            LogOp::Put { record, .. } => record_weight(record),
            LogOp::Delete { index, id } => 64 + index.len() + id.len(),
        })
        .sum()
}

fn record_weight(record: &LogRecord) -> usize {
    let source = record.source.as_ref().map_or(0, |source| source.len());
    256 + value_weight(&record.body) + attributes_weight(&record.attributes) + source
}

/// Fills what the model promises of an admitted record.
fn complete(record: &mut LogRecord, default_index: &str, ids: &DocumentIds, now: Now) {
    if record.timestamp.0 == 0 {
        let observed = record.observed.0 != 0;
        record.timestamp = if observed { record.observed } else { TimestampNs(now.ns) };
    }
    if record.index.is_empty() {
        default_index.clone_into(&mut record.index);
    }
    if record.id.is_empty() {
        record.id = ids.next();
    }
    keep_first_of_each_key(&mut record.attributes);
    // Loggers that know no OTLP put the ids among the attributes.
    if record.trace_id.is_none() {
        let text = first_text(&record.attributes, TRACE_ID_KEYS);
        // 16 digits are the ids of older Jaeger clients; shorter texts are something else.
        let is_id = |text: &&str| matches!(text.len(), 16 | 32);
        record.trace_id = text.filter(is_id).and_then(TraceId::from_hex);
    }
    if record.span_id.is_none() {
        let text = first_text(&record.attributes, SPAN_ID_KEYS);
        record.span_id = text.filter(|text| text.len() == 16).and_then(SpanId::from_hex);
    }
}

fn first_text<'a>(attributes: &'a Attributes, keys: [&str; 3]) -> Option<&'a str> {
    keys.into_iter().find_map(|key| attributes.get_str(key))
}

fn check_record(record: &LogRecord, limits: &IngestLimits, now: Now) -> Result<(), Refusal> {
    check_names(&record.index, &record.id)?;
    now.check(record.timestamp, limits.future, limits.log_age)?;
    let line = value_weight(&record.body);
    if line > limits.line_bytes {
        let why = format!("the body has {line} bytes, more than {}", limits.line_bytes);
        return Err((RejectReason::TooLarge, why));
    }
    check(&record.attributes, "the record", limits)?;
    check(&record.resource.attributes, "the resource", limits)?;
    check(&record.scope.attributes, "the scope", limits)?;
    let whole = record_weight(record);
    if whole > limits.item_bytes {
        let why = format!("the record has {whole} bytes, more than {}", limits.item_bytes);
        return Err((RejectReason::TooLarge, why));
    }
    Ok(())
}

fn check_names(index: &str, id: &str) -> Result<(), Refusal> {
    if index.len() > INDEX_BYTES {
        let why = format!("the index name has {} bytes, more than {INDEX_BYTES}", index.len());
        return Err((RejectReason::TooLarge, why));
    }
    if id.len() > ID_BYTES {
        let why = format!("the id has {} bytes, more than {ID_BYTES}", id.len());
        return Err((RejectReason::TooLarge, why));
    }
    Ok(())
}

fn name_record(record: &LogRecord) -> String {
    let body = record.body.to_text();
    format!("record {:?}", clip(&body, SHOWN_BYTES))
}
