//! Blocks: the spans of some traces, and what is known of them without opening them.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::decompress::{Encoding, decompress};
use crate::base::error::{Error, Result};
use crate::engines::kit::bytes::{Reader, put_bytes, put_signed, put_varint};
use crate::engines::kit::container::{Change, PAGE_SLACK, Snapshot};
use crate::engines::traces::codec;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, TraceId};
use crate::model::trace_query::{Operation, SpanCondition};

/// Spans of one block, at most.
pub(super) const BLOCK_SPANS: usize = 8_192;
/// The largest block after decompression.
const MAX_BLOCK: usize = 1 << 30;
/// A part fills a 32 KiB page.
const PART_BYTES: usize = (32 << 10) - PAGE_SLACK - 8;
const VERSION: u8 = 1;
const KIND_WORDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

pub(super) const BLOCKS: &str = "blocks";
pub(super) const STATS: &str = "stats";

/// What is known of a block without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockStats {
    pub(super) number: u32,
    parts: u16,
    pub(super) starts: TimeRange<TimestampNs>,
    pub(super) services: BTreeMap<String, BTreeSet<Operation>>,
    /// The first eight bytes of each trace id, sorted.
    traces: Vec<[u8; 8]>,
}

impl BlockStats {
    /// Returns whether a span of this trace may be inside.
    pub(super) fn may_hold(&self, id: TraceId) -> bool {
        self.traces.binary_search(&prefix(id)).is_ok()
    }

    /// Returns whether a span that fulfils `condition` may be inside.
    pub(super) fn may_match(&self, condition: &SpanCondition) -> bool {
        match condition {
            SpanCondition::And(all) => all.iter().all(|part| self.may_match(part)),
            SpanCondition::Or(any) => any.iter().any(|part| self.may_match(part)),
            SpanCondition::Service(name) => self.services.contains_key(name),
            SpanCondition::Name(name) => {
                self.services.values().flatten().any(|operation| operation.name == *name)
            }
            _ => true,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_signed(&mut out, self.starts.start.0);
        put_signed(&mut out, self.starts.end.0);
        put_varint(&mut out, u64::from(self.parts));
        put_varint(&mut out, self.services.len() as u64);
        for (service, operations) in &self.services {
            put_bytes(&mut out, service.as_bytes());
            put_varint(&mut out, operations.len() as u64);
            for operation in operations {
                put_bytes(&mut out, operation.name.as_bytes());
                let kind = KIND_WORDS.iter().position(|word| *word == operation.kind);
                out.push(kind.unwrap_or(0) as u8);
            }
        }
        put_varint(&mut out, self.traces.len() as u64);
        out.extend(self.traces.iter().flatten());
        out
    }

    /// Reads the row of block `number`.
    ///
    /// # Errors
    /// `Corrupt` for other bytes, `Unsupported` for a newer version.
    pub(super) fn decode(number: u32, row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(row);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(Error::unsupported(format!("trace block of format version {version}")));
        }
        let starts = TimeRange::new(TimestampNs(reader.signed()?), TimestampNs(reader.signed()?));
        let parts =
            u16::try_from(reader.varint()?).map_err(|_| Error::corrupt("too many parts"))?;
        let mut services = BTreeMap::new();
        for _ in 0..reader.count()? {
            let service = reader.text()?.to_owned();
            let mut operations = BTreeSet::new();
            for _ in 0..reader.count()? {
                let name = reader.text()?.to_owned();
                let kind = KIND_WORDS.get(usize::from(reader.byte()?));
                let kind = kind.ok_or_else(|| Error::corrupt("unknown span kind"))?;
                operations.insert(Operation { name, kind });
            }
            services.insert(service, operations);
        }
        let count = reader.count()?;
        let traces = (0..count).map(|_| reader.array()).collect::<Result<_>>()?;
        Ok(BlockStats { number, parts, starts, services, traces })
    }
}

fn prefix(id: TraceId) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = id.0;
    [a, b, c, d, e, f, g, h]
}

fn part_key(block: u32, part: u16) -> [u8; 6] {
    let [a, b, c, d] = block.to_be_bytes();
    let [e, f] = part.to_be_bytes();
    [a, b, c, d, e, f]
}

/// Writes spans (not empty) as block `number`.
///
/// # Errors
/// `Internal` from the container; `LimitExceeded` never, as blocks are bounded by [`BLOCK_SPANS`].
pub(super) fn write(change: &mut Change<'_>, number: u32, spans: &[Span]) -> Result<BlockStats> {
    let packed = zstd::bulk::compress(&codec::encode(spans), 3)?;
    let mut parts = 0_u16;
    for part in packed.chunks(PART_BYTES) {
        change.put(BLOCKS, &part_key(number, parts), part)?;
        parts = parts.checked_add(1).ok_or_else(|| Error::internal("a block is too large"))?;
    }
    let mut services: BTreeMap<String, BTreeSet<Operation>> = BTreeMap::new();
    let mut traces = BTreeSet::new();
    let mut starts = TimeRange::new(TimestampNs(i64::MAX), TimestampNs(i64::MIN));
    for span in spans {
        let operation = Operation { name: span.name.clone(), kind: span.kind.word() };
        services.entry(span.service_name().to_owned()).or_default().insert(operation);
        traces.insert(prefix(span.trace_id));
        starts.start = starts.start.min(span.start);
        starts.end = starts.end.max(span.start);
    }
    let traces = traces.into_iter().collect();
    let stats = BlockStats { number, parts, starts, services, traces };
    change.put(STATS, &number.to_be_bytes(), &stats.encode())?;
    Ok(stats)
}

/// Reads the spans of a block.
///
/// # Errors
/// `Corrupt` when a part is damaged or missing.
pub(super) fn read(snapshot: &Snapshot, stats: &BlockStats) -> Result<Vec<Span>> {
    let mut packed = Vec::new();
    for part in 0..stats.parts {
        let bytes = snapshot.get(BLOCKS, &part_key(stats.number, part))?;
        packed.extend(bytes.ok_or_else(|| Error::corrupt("a part of a block is missing"))?);
    }
    let bytes = decompress(Encoding::Zstd, &packed, MAX_BLOCK)
        .map_err(|error| Error::corrupt(error.message()))?;
    codec::decode(&bytes)
}
