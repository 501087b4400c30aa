//! The log's own bytes, for fuzzing.

use crate::engines::kit::fuzz::Target;
use crate::engines::kit::log::format::{HEADER_BYTES, Header, Packed, Record};
use crate::engines::kit::log::segment::scan;
use crate::engines::kit::log::{Lsn, Signal};

const EPOCH: u64 = 7;

/// Returns the decoders of the log.
pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "log segment", seeds: vec![segment()], decode: decode_segment },
        Target { name: "log record", seeds: records(), decode: decode_record },
    ]
}

fn header() -> Header {
    Header { number: 1, first: Lsn(1), epoch: EPOCH }
}

fn records() -> Vec<Vec<u8>> {
    let payloads: [(Signal, Vec<u8>); 3] = [
        (Signal::Metrics, vec![1, 2, 3]),
        (Signal::Logs, vec![7; 2_000]),
        (Signal::Traces, (0..600_u32).flat_map(u32::to_le_bytes).collect()),
    ];
    let pack = |(lsn, (signal, payload)): (u64, &(Signal, Vec<u8>))| {
        let mut bytes = Vec::new();
        Packed::of(*signal, payload).write(Lsn(lsn), EPOCH, &mut bytes);
        bytes
    };
    (1..).zip(&payloads).map(pack).collect()
}

fn segment() -> Vec<u8> {
    let mut bytes = header().encode().to_vec();
    records().iter().for_each(|record| bytes.extend_from_slice(record));
    bytes.resize(bytes.len() + 4_096, 0);
    bytes
}

fn decode_segment(bytes: &[u8]) -> bool {
    let Ok(Some(header)) = Header::decode(bytes) else { return false };
    if bytes.len() < HEADER_BYTES {
        return false;
    }
    let scanned = scan("fuzz", bytes, &header, &mut |_, record| record.payload().map(drop));
    scanned.is_ok()
}

/// Seals what was changed again, so that what is behind the checksum is reached.
fn decode_record(bytes: &[u8]) -> bool {
    let mut sealed = bytes.to_vec();
    Record::reseal(&mut sealed, EPOCH);
    Record::at(&sealed, EPOCH).is_some_and(|record| record.payload().is_ok())
}
