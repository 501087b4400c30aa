//! Records as bytes, in the log and in the files alike.
//!
//! ```text
//! batch   version u8 = 1, operations to the end of the payload
//! op      0 put | 1 put that replaces: record; 2 delete: index, id
//! stored  version u8 = 1, sequence, version of the id, record
//! record  timestamp, observed (signed), severity u8, severity text, body value, attributes,
//!         resource attributes, scope name, version, attributes, flags u8 (1 trace, 2 span,
//!         4 source), [trace 16 B], [span 8 B], index, id, [source]
//! value   tag u8: 0 empty, 1 text, 2 false, 3 true, 4 whole (signed), 5 double 8 B, 6 bytes,
//!         7 list: count, values; 8 map: count, (key, value)
//! ```
//! Numbers are LEB128, texts stand behind their length.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::bytes::{Reader, put_bytes, put_signed, put_varint};
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::{LogRecord, Severity};
use crate::model::log_query::{LogHit, LogPosition};
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{SpanId, TraceId};

const VERSION: u8 = 1;

const PUT: u8 = 0;
const REPLACE: u8 = 1;
const DELETE: u8 = 2;

const HAS_TRACE: u8 = 1;
const HAS_SPAN: u8 = 2;
const HAS_SOURCE: u8 = 4;

/// How deep values may be nested; ingest keeps them far below.
const MAX_DEPTH: usize = 256;

/// Encodes a batch for the log.
pub(super) fn encode_batch(batch: &LogBatch) -> Vec<u8> {
    let mut out = vec![VERSION];
    for op in &batch.ops {
        match op {
            LogOp::Put { record, replace } => {
                out.push(if *replace { REPLACE } else { PUT });
                put_record(&mut out, record);
            }
            LogOp::Delete { index, id } => {
                out.push(DELETE);
                put_bytes(&mut out, index.as_bytes());
                put_bytes(&mut out, id.as_bytes());
            }
        }
    }
    out
}

/// Decodes what [`encode_batch`] gave.
///
/// # Errors
/// `Corrupt` for other bytes, `Unsupported` for a newer version.
pub(super) fn decode_batch(payload: &[u8]) -> Result<LogBatch> {
    let mut reader = Reader::new(payload);
    check_version(&mut reader)?;
    let mut ops = Vec::new();
    while !reader.is_empty() {
        ops.push(match reader.byte()? {
            DELETE => {
                LogOp::Delete { index: reader.text()?.to_owned(), id: reader.text()?.to_owned() }
            }
            tag @ (PUT | REPLACE) => {
                let record = Box::new(read_record(&mut reader)?);
                LogOp::Put { record, replace: tag == REPLACE }
            }
            tag => return Err(Error::corrupt(format!("unknown log operation {tag}"))),
        });
    }
    Ok(LogBatch { ops })
}

/// Encodes a stored record for a file.
pub(super) fn encode_stored(hit: &LogHit) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(&mut out, hit.position.sequence);
    put_varint(&mut out, hit.version);
    put_record(&mut out, &hit.record);
    out
}

/// Decodes what [`encode_stored`] gave.
///
/// # Errors
/// `Corrupt` for other bytes, `Unsupported` for a newer version.
pub(super) fn decode_stored(bytes: &[u8]) -> Result<LogHit> {
    let mut reader = Reader::new(bytes);
    check_version(&mut reader)?;
    let (sequence, version) = (reader.varint()?, reader.varint()?);
    let record = read_record(&mut reader)?;
    let position = LogPosition { timestamp: record.timestamp, sequence };
    Ok(LogHit { position, version, record })
}

fn check_version(reader: &mut Reader<'_>) -> Result<()> {
    match reader.byte()? {
        VERSION => Ok(()),
        newer => Err(Error::unsupported(format!("log records of version {newer}"))),
    }
}

fn put_record(out: &mut Vec<u8>, record: &LogRecord) {
    put_signed(out, record.timestamp.0);
    put_signed(out, record.observed.0);
    out.push(record.severity.0);
    put_bytes(out, record.severity_text.as_bytes());
    put_value(out, &record.body);
    put_entries(out, &record.attributes.0);
    put_entries(out, &record.resource.attributes.0);
    put_bytes(out, record.scope.name.as_bytes());
    put_bytes(out, record.scope.version.as_bytes());
    put_entries(out, &record.scope.attributes.0);
    let flag = |given: bool, flag: u8| if given { flag } else { 0 };
    out.push(
        flag(record.trace_id.is_some(), HAS_TRACE)
            | flag(record.span_id.is_some(), HAS_SPAN)
            | flag(record.source.is_some(), HAS_SOURCE),
    );
    if let Some(trace) = &record.trace_id {
        out.extend_from_slice(&trace.0);
    }
    if let Some(span) = &record.span_id {
        out.extend_from_slice(&span.0);
    }
    put_bytes(out, record.index.as_bytes());
    put_bytes(out, record.id.as_bytes());
    if let Some(source) = &record.source {
        put_bytes(out, source.as_bytes());
    }
}

fn read_record(reader: &mut Reader<'_>) -> Result<LogRecord> {
    let timestamp = TimestampNs(reader.signed()?);
    let observed = TimestampNs(reader.signed()?);
    let severity = Severity(reader.byte()?);
    let severity_text = reader.text()?.to_owned();
    let body = read_value(reader, 0)?;
    let attributes = Attributes(read_entries(reader, 0)?);
    let resource = Resource { attributes: Attributes(read_entries(reader, 0)?) };
    let scope = Scope {
        name: reader.text()?.to_owned(),
        version: reader.text()?.to_owned(),
        attributes: Attributes(read_entries(reader, 0)?),
    };
    let flags = reader.byte()?;
    let trace = if flags & HAS_TRACE != 0 { Some(TraceId(reader.array()?)) } else { None };
    let span = if flags & HAS_SPAN != 0 { Some(SpanId(reader.array()?)) } else { None };
    let (index, id) = (reader.text()?.to_owned(), reader.text()?.to_owned());
    let source = if flags & HAS_SOURCE != 0 { Some(reader.text()?.into()) } else { None };
    Ok(LogRecord {
        timestamp,
        observed,
        severity,
        severity_text,
        body,
        attributes,
        resource: Arc::new(resource),
        scope: Arc::new(scope),
        trace_id: trace,
        span_id: span,
        index,
        id,
        source,
    })
}

fn put_entries(out: &mut Vec<u8>, entries: &[(String, AttrValue)]) {
    put_varint(out, entries.len() as u64);
    for (key, value) in entries {
        put_bytes(out, key.as_bytes());
        put_value(out, value);
    }
}

fn read_entries(reader: &mut Reader<'_>, depth: usize) -> Result<Vec<(String, AttrValue)>> {
    let count = reader.count()?;
    (0..count).map(|_| Ok((reader.text()?.to_owned(), read_value(reader, depth)?))).collect()
}

fn put_value(out: &mut Vec<u8>, value: &AttrValue) {
    match value {
        AttrValue::Empty => out.push(0),
        AttrValue::Str(text) => {
            out.push(1);
            put_bytes(out, text.as_bytes());
        }
        AttrValue::Bool(flag) => out.push(2 + u8::from(*flag)),
        AttrValue::Int(number) => {
            out.push(4);
            put_signed(out, *number);
        }
        AttrValue::Double(number) => {
            out.push(5);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        AttrValue::Bytes(bytes) => {
            out.push(6);
            put_bytes(out, bytes);
        }
        AttrValue::Array(items) => {
            out.push(7);
            put_varint(out, items.len() as u64);
            items.iter().for_each(|item| put_value(out, item));
        }
        AttrValue::Map(entries) => {
            out.push(8);
            put_entries(out, entries);
        }
    }
}

fn read_value(reader: &mut Reader<'_>, depth: usize) -> Result<AttrValue> {
    if depth > MAX_DEPTH {
        return Err(Error::corrupt(format!("a value is nested deeper than {MAX_DEPTH}")));
    }
    Ok(match reader.byte()? {
        0 => AttrValue::Empty,
        1 => AttrValue::Str(reader.text()?.to_owned()),
        2 => AttrValue::Bool(false),
        3 => AttrValue::Bool(true),
        4 => AttrValue::Int(reader.signed()?),
        5 => AttrValue::Double(f64::from_bits(u64::from_le_bytes(reader.array()?))),
        6 => AttrValue::Bytes(reader.bytes()?.to_vec()),
        7 => {
            let count = reader.count()?;
            let items: Result<Vec<_>> = (0..count).map(|_| read_value(reader, depth + 1)).collect();
            AttrValue::Array(items?)
        }
        8 => AttrValue::Map(read_entries(reader, depth + 1)?),
        tag => return Err(Error::corrupt(format!("unknown value tag {tag}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_record_comes_back_and_cut_bytes_are_an_error() {
        let mut record = LogRecord::new(TimestampNs(-7), "body ü");
        record.severity = Severity::WARN;
        record.trace_id = Some(TraceId([3; 16]));
        record.span_id = Some(SpanId([4; 8]));
        record.source = Some("{}".into());
        record.scope = Arc::new(Scope { name: "s".into(), ..Scope::default() });
        record.resource = Arc::new(Resource::of_service("shop"));
        let list = vec![AttrValue::Bool(true), AttrValue::Double(-0.5), AttrValue::Empty];
        let map = vec![("k".to_owned(), AttrValue::Array(list))];
        record.attributes.set("map", AttrValue::Map(map));
        record.attributes.set("bytes", AttrValue::Bytes(vec![0, 255]));
        record.attributes.set("int", AttrValue::Int(i64::MIN));
        let delete = LogOp::Delete { index: "i".into(), id: "d".into() };
        let put = LogOp::Put { record: Box::new(record.clone()), replace: true };
        let batch = LogBatch { ops: vec![put, delete] };
        let bytes = encode_batch(&batch);
        assert_eq!(decode_batch(&bytes).unwrap(), batch);
        let position = LogPosition { timestamp: record.timestamp, sequence: 1 << 40 };
        let hit = LogHit { position, version: 9, record };
        let bytes = encode_stored(&hit);
        assert_eq!(decode_stored(&bytes).unwrap(), hit);
        for end in 0..bytes.len() {
            assert!(decode_stored(&bytes[..end]).is_err());
        }
        assert!(decode_batch(&[2]).is_err());
    }
}
