//! Spans in bytes, for the log and for blocks.
//!
//! ```text
//! version u8 = 1
//! texts      count, then each: length, bytes          (every text once, in order of first use)
//! resources  count, then each: attributes
//! scopes     count, then each: name, version, attributes
//! spans      count, then each: trace id 16, span id 8, flags u8 (1 parent, 2 events, 4 links,
//!            8 trace state), [parent 8], [trace state], w3c flags, name, kind u8, start (signed,
//!            to the span before), duration (signed), status u8, status text, resource, scope,
//!            attributes, [events], [links]
//! attributes count, then each: key, value
//! value      tag u8: 0 empty, 1 text, 2 false, 3 true, 4 int (signed), 5 double (8 bytes),
//!            6 bytes, 7 list, 8 map
//! ```
//! Numbers are LEB128, signed ones zig-zag; names and texts are places in `texts`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::bytes::{Reader, put_bytes, put_signed, put_varint};
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};

const VERSION: u8 = 1;
const HAS_PARENT: u8 = 1;
const HAS_EVENTS: u8 = 2;
const HAS_LINKS: u8 = 4;
const HAS_STATE: u8 = 8;
/// Values deeper than this are not written by [`encode`], because ingest caps nesting below it.
const MAX_DEPTH: usize = 64;
const KINDS: [SpanKind; 6] = [
    SpanKind::Unspecified,
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

/// Encodes spans.
pub(super) fn encode(spans: &[Span]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut body = Vec::with_capacity(spans.len() * 96);
    let mut before = 0;
    for span in spans {
        encoder.span(span, &mut before, &mut body);
    }
    let mut out = vec![VERSION];
    put_varint(&mut out, encoder.texts.len() as u64);
    let mut texts: Vec<(&str, u64)> =
        encoder.texts.iter().map(|(text, place)| (text.as_str(), *place)).collect();
    texts.sort_by_key(|(_, place)| *place);
    for (text, _) in texts {
        put_bytes(&mut out, text.as_bytes());
    }
    put_varint(&mut out, encoder.resources.len() as u64);
    out.extend_from_slice(&encoder.resource_bytes);
    put_varint(&mut out, encoder.scopes.len() as u64);
    out.extend_from_slice(&encoder.scope_bytes);
    put_varint(&mut out, spans.len() as u64);
    out.extend_from_slice(&body);
    out
}

#[derive(Default)]
struct Encoder {
    texts: HashMap<String, u64>,
    resources: Vec<Arc<Resource>>,
    resource_bytes: Vec<u8>,
    scopes: Vec<Arc<Scope>>,
    scope_bytes: Vec<u8>,
}

impl Encoder {
    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let next = self.texts.len() as u64;
        let place = match self.texts.get(text) {
            Some(place) => *place,
            None => {
                self.texts.insert(text.to_owned(), next);
                next
            }
        };
        put_varint(out, place);
    }

    fn span(&mut self, span: &Span, before: &mut i64, out: &mut Vec<u8>) {
        let flag = |given: bool, flag: u8| if given { flag } else { 0 };
        out.extend_from_slice(&span.trace_id.0);
        out.extend_from_slice(&span.span_id.0);
        out.push(
            flag(span.parent_span_id.is_some(), HAS_PARENT)
                | flag(!span.events.is_empty(), HAS_EVENTS)
                | flag(!span.links.is_empty(), HAS_LINKS)
                | flag(!span.trace_state.is_empty(), HAS_STATE),
        );
        if let Some(parent) = span.parent_span_id {
            out.extend_from_slice(&parent.0);
        }
        if !span.trace_state.is_empty() {
            self.text(&span.trace_state, out);
        }
        put_varint(out, u64::from(span.flags));
        self.text(&span.name, out);
        out.push(KINDS.iter().position(|kind| *kind == span.kind).unwrap_or(0) as u8);
        put_signed(out, span.start.0.wrapping_sub(*before));
        *before = span.start.0;
        put_signed(out, span.end.0.wrapping_sub(span.start.0));
        out.push(match span.status.code {
            StatusCode::Unset => 0,
            StatusCode::Ok => 1,
            StatusCode::Error => 2,
        });
        self.text(&span.status.message, out);
        self.resource(&span.resource, out);
        self.scope(&span.scope, out);
        self.attributes(&span.attributes, out);
        if !span.events.is_empty() {
            put_varint(out, span.events.len() as u64);
            for event in &span.events {
                put_signed(out, event.timestamp.0.wrapping_sub(span.start.0));
                self.text(&event.name, out);
                self.attributes(&event.attributes, out);
            }
        }
        if !span.links.is_empty() {
            put_varint(out, span.links.len() as u64);
            for link in &span.links {
                out.extend_from_slice(&link.trace_id.0);
                out.extend_from_slice(&link.span_id.0);
                self.text(&link.trace_state, out);
                self.attributes(&link.attributes, out);
            }
        }
    }

    fn resource(&mut self, resource: &Arc<Resource>, out: &mut Vec<u8>) {
        let known =
            self.resources.iter().rposition(|own| Arc::ptr_eq(own, resource) || own == resource);
        let place = known.unwrap_or_else(|| {
            let mut bytes = std::mem::take(&mut self.resource_bytes);
            self.attributes(&resource.attributes, &mut bytes);
            self.resource_bytes = bytes;
            self.resources.push(Arc::clone(resource));
            self.resources.len() - 1
        });
        put_varint(out, place as u64);
    }

    fn scope(&mut self, scope: &Arc<Scope>, out: &mut Vec<u8>) {
        let known = self.scopes.iter().rposition(|own| Arc::ptr_eq(own, scope) || own == scope);
        let place = known.unwrap_or_else(|| {
            let mut bytes = std::mem::take(&mut self.scope_bytes);
            self.text(&scope.name, &mut bytes);
            self.text(&scope.version, &mut bytes);
            self.attributes(&scope.attributes, &mut bytes);
            self.scope_bytes = bytes;
            self.scopes.push(Arc::clone(scope));
            self.scopes.len() - 1
        });
        put_varint(out, place as u64);
    }

    fn attributes(&mut self, attributes: &Attributes, out: &mut Vec<u8>) {
        put_varint(out, attributes.0.len() as u64);
        for (key, value) in &attributes.0 {
            self.text(key, out);
            self.value(value, 0, out);
        }
    }

    fn value(&mut self, value: &AttrValue, depth: usize, out: &mut Vec<u8>) {
        match value {
            AttrValue::Empty => out.push(0),
            AttrValue::Str(text) => {
                out.push(1);
                self.text(text, out);
            }
            AttrValue::Bool(flag) => out.push(if *flag { 3 } else { 2 }),
            AttrValue::Int(number) => {
                out.push(4);
                put_signed(out, *number);
            }
            AttrValue::Double(number) => {
                out.push(5);
                out.extend_from_slice(&number.to_le_bytes());
            }
            AttrValue::Bytes(bytes) => {
                out.push(6);
                put_bytes(out, bytes);
            }
            nested if depth >= MAX_DEPTH => {
                out.push(1);
                self.text(&nested.to_text(), out);
            }
            AttrValue::Array(items) => {
                out.push(7);
                put_varint(out, items.len() as u64);
                items.iter().for_each(|item| self.value(item, depth + 1, out));
            }
            AttrValue::Map(entries) => {
                out.push(8);
                put_varint(out, entries.len() as u64);
                for (key, value) in entries {
                    self.text(key, out);
                    self.value(value, depth + 1, out);
                }
            }
        }
    }
}

/// Decodes what [`encode`] gave.
///
/// # Errors
/// `Corrupt` for other bytes, `Unsupported` for a newer version.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Span>> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(Error::unsupported(format!("spans of format version {version}")));
    }
    let mut decoder = Decoder::default();
    for _ in 0..reader.count()? {
        decoder.texts.push(reader.text()?);
    }
    for _ in 0..reader.count()? {
        let attributes = decoder.attributes(&mut reader)?;
        decoder.resources.push(Arc::new(Resource { attributes }));
    }
    for _ in 0..reader.count()? {
        let name = decoder.text(&mut reader)?;
        let version = decoder.text(&mut reader)?;
        let attributes = decoder.attributes(&mut reader)?;
        decoder.scopes.push(Arc::new(Scope { name, version, attributes }));
    }
    let count = reader.count()?;
    let mut spans = Vec::with_capacity(count);
    let mut before = 0;
    for _ in 0..count {
        spans.push(decoder.span(&mut reader, &mut before)?);
    }
    if !reader.is_empty() {
        return Err(Error::corrupt("bytes follow the last span"));
    }
    Ok(spans)
}

#[derive(Default)]
struct Decoder<'a> {
    texts: Vec<&'a str>,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
}

impl Decoder<'_> {
    fn text(&self, reader: &mut Reader<'_>) -> Result<String> {
        let text = self.texts.get(reader.varint()? as usize);
        text.map(|text| (*text).to_owned()).ok_or_else(|| Error::corrupt("a text is missing"))
    }

    fn span(&self, reader: &mut Reader<'_>, before: &mut i64) -> Result<Span> {
        let missing = || Error::corrupt("a span names what is not there");
        let trace_id = TraceId(reader.array()?);
        let span_id = SpanId(reader.array()?);
        let flags = reader.byte()?;
        let parent_span_id = match flags & HAS_PARENT {
            0 => None,
            _ => Some(SpanId(reader.array()?)),
        };
        let trace_state = if flags & HAS_STATE == 0 { String::new() } else { self.text(reader)? };
        let w3c_flags = u32::try_from(reader.varint()?).map_err(|_| missing())?;
        let name = self.text(reader)?;
        let kind = *KINDS.get(usize::from(reader.byte()?)).ok_or_else(missing)?;
        let start = before.wrapping_add(reader.signed()?);
        *before = start;
        let end = start.wrapping_add(reader.signed()?);
        let code = match reader.byte()? {
            0 => StatusCode::Unset,
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => return Err(missing()),
        };
        let status = Status { code, message: self.text(reader)? };
        let resource = self.resources.get(reader.varint()? as usize).ok_or_else(missing)?;
        let scope = self.scopes.get(reader.varint()? as usize).ok_or_else(missing)?;
        let attributes = self.attributes(reader)?;
        let events = if flags & HAS_EVENTS == 0 { Vec::new() } else { self.events(reader, start)? };
        let links = if flags & HAS_LINKS == 0 { Vec::new() } else { self.links(reader)? };
        Ok(Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state,
            flags: w3c_flags,
            name,
            kind,
            start: TimestampNs(start),
            end: TimestampNs(end),
            attributes,
            events,
            links,
            status,
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
        })
    }

    fn events(&self, reader: &mut Reader<'_>, start: i64) -> Result<Vec<SpanEvent>> {
        let count = reader.count()?;
        (0..count)
            .map(|_| {
                let timestamp = TimestampNs(start.wrapping_add(reader.signed()?));
                let name = self.text(reader)?;
                Ok(SpanEvent { timestamp, name, attributes: self.attributes(reader)? })
            })
            .collect()
    }

    fn links(&self, reader: &mut Reader<'_>) -> Result<Vec<SpanLink>> {
        let count = reader.count()?;
        (0..count)
            .map(|_| {
                let trace_id = TraceId(reader.array()?);
                let span_id = SpanId(reader.array()?);
                let trace_state = self.text(reader)?;
                Ok(SpanLink {
                    trace_id,
                    span_id,
                    trace_state,
                    attributes: self.attributes(reader)?,
                })
            })
            .collect()
    }

    fn attributes(&self, reader: &mut Reader<'_>) -> Result<Attributes> {
        let count = reader.count()?;
        let entries = (0..count).map(|_| Ok((self.text(reader)?, self.value(reader, 0)?)));
        entries.collect::<Result<_>>().map(Attributes)
    }

    fn value(&self, reader: &mut Reader<'_>, depth: usize) -> Result<AttrValue> {
        if depth > MAX_DEPTH {
            return Err(Error::corrupt("a value nests too deep"));
        }
        Ok(match reader.byte()? {
            0 => AttrValue::Empty,
            1 => AttrValue::Str(self.text(reader)?),
            2 => AttrValue::Bool(false),
            3 => AttrValue::Bool(true),
            4 => AttrValue::Int(reader.signed()?),
            5 => AttrValue::Double(f64::from_le_bytes(reader.array()?)),
            6 => AttrValue::Bytes(reader.bytes()?.to_vec()),
            7 => {
                let count = reader.count()?;
                let items = (0..count).map(|_| self.value(reader, depth + 1));
                AttrValue::Array(items.collect::<Result<_>>()?)
            }
            8 => {
                let count = reader.count()?;
                let entries =
                    (0..count).map(|_| Ok((self.text(reader)?, self.value(reader, depth + 1)?)));
                AttrValue::Map(entries.collect::<Result<_>>()?)
            }
            tag => return Err(Error::corrupt(format!("a value has the unknown tag {tag}"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::conformance::trace::span;

    #[test]
    fn a_newer_version_is_named() {
        assert!(decode(&[2]).unwrap_err().message().contains("version 2"));
    }

    #[test]
    fn every_cut_and_flip_is_an_error_or_other_spans_but_never_a_panic() {
        let mut one = span(1, 1, "a", "b", 5);
        one.attributes.set("k", AttrValue::Array(vec![AttrValue::Int(5), "x".into()]));
        let bytes = encode(&[one.clone(), span(2, 3, "a", "c", 1)]);
        assert_eq!(decode(&bytes).unwrap()[0], one);
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x55;
            let _ = decode(&flipped);
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }
    }
}
