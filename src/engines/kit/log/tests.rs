//! The log under power cuts, full disks and flipped bits.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::engines::kit::faulty_disk::FaultyDisk;

const DIR: &str = "/wal";

fn options() -> LogOptions {
    LogOptions { segment_bytes: 4096, ..LogOptions::default() }
}

fn open(disk: &FaultyDisk) -> Log {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap()
}

fn contents(log: &Log, signal: Signal) -> Vec<(Lsn, Vec<u8>)> {
    let mut found = Vec::new();
    log.replay(signal, Lsn(0), &mut |lsn, payload| {
        found.push((lsn, payload.to_vec()));
        Ok(())
    })
    .unwrap();
    found
}

/// What a client knows of a record.
struct Sent {
    signal: Signal,
    lsn: Lsn,
    payload: Vec<u8>,
    acknowledged: bool,
}

/// Appends records of random sizes until one fails or enough were sent.
fn send(log: &Log, random: &mut StdRng, ledger: &mut Vec<Sent>) {
    let mut pending = Vec::new();
    for _ in 0..random.random_range(1..40) {
        let signal = Signal::ALL[random.random_range(0..3)];
        let payload: Vec<u8> = (0..random.random_range(0..1500)).map(|_| random.random()).collect();
        let Ok(one) = log.append(signal, &payload) else { break };
        ledger.push(Sent { signal, lsn: one.lsn, payload, acknowledged: false });
        pending.push((ledger.len() - 1, one));
        if random.random_bool(0.3) {
            for (place, one) in pending.drain(..) {
                ledger[place].acknowledged = one.wait().is_ok();
            }
        }
    }
    // The rest stays unacknowledged: the power may go while it is on its way.
}

/// Everything acknowledged is there once and in order; nothing is there that was never sent.
fn check(log: &Log, ledger: &[Sent], seed: u64) {
    for signal in Signal::ALL {
        let found = contents(log, signal);
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "seed {seed}: order");
        for (lsn, payload) in &found {
            let known = ledger
                .iter()
                .any(|sent| sent.signal == signal && sent.lsn == *lsn && sent.payload == *payload);
            assert!(known, "seed {seed}: record {lsn:?} was never sent");
        }
        for sent in ledger.iter().filter(|sent| sent.signal == signal && sent.acknowledged) {
            assert!(
                found.iter().any(|(lsn, _)| *lsn == sent.lsn),
                "seed {seed}: {:?} lost",
                sent.lsn
            );
        }
    }
}

#[test]
fn a_hundred_power_cuts_lose_and_double_nothing_acknowledged() {
    for seed in 0..100 {
        let mut random = StdRng::seed_from_u64(seed);
        let disk = FaultyDisk::default();
        let mut ledger = Vec::new();
        for _ in 0..4 {
            let log = open(&disk);
            check(&log, &ledger, seed);
            if random.random_bool(0.5) {
                let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
                disk.fail_after(random.random_range(1..20), kinds[random.random_range(0..2)]);
            }
            send(&log, &mut random, &mut ledger);
            // The commit thread may be anywhere now; what it had not synced may be torn.
            let mut survives = StdRng::seed_from_u64(random.random());
            if random.random_bool(0.5) {
                disk.cut_power(|| survives.random_bool(0.5));
                drop(log);
                disk.cut_power(|| survives.random_bool(0.5));
            } else {
                drop(log);
                disk.cut_power(|| survives.random_bool(0.5));
            }
        }
        check(&open(&disk), &ledger, seed);
    }
}

#[test]
fn a_failure_of_any_operation_closes_the_log_and_keeps_what_was_acknowledged() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for after in 1..60 {
            let disk = FaultyDisk::default();
            let log = open(&disk);
            disk.fail_after(after, kind);
            let mut acknowledged = Vec::new();
            for number in 0..40_u8 {
                let done = log.append(Signal::Metrics, &[number; 300]).and_then(Pending::wait);
                match done {
                    Ok(()) => acknowledged.push(number),
                    Err(error) => {
                        assert_eq!(error.kind(), crate::base::error::ErrorKind::Unavailable);
                        assert!(error.retry_after().is_some());
                    }
                }
            }
            drop(log);
            disk.cut_power(|| false);
            let found: Vec<u8> =
                contents(&open(&disk), Signal::Metrics).into_iter().map(|(_, p)| p[0]).collect();
            assert_eq!(found, acknowledged, "{kind:?} at operation {after}");
        }
    }
}

#[test]
fn a_flipped_bit_costs_one_record_and_is_reported() {
    let disk = FaultyDisk::default();
    let log = open(&disk);
    for number in 0..5_u8 {
        log.append(Signal::Traces, &[number; 100]).unwrap().wait().unwrap();
    }
    log.close().unwrap();
    let second_record = format::HEADER_BYTES + 117 + 50;
    disk.flip_bit(&Path::new(DIR).join("00000001.seg"), second_record);
    let log = open(&disk);
    let found: Vec<u8> = contents(&log, Signal::Traces).into_iter().map(|(_, p)| p[0]).collect();
    assert_eq!(found, [0, 2, 3, 4]);
    assert_eq!(log.repairs().len(), 1);
    assert_eq!(log.repairs()[0].bytes, 117);
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_the_others_are_replayed() {
    let disk = FaultyDisk::default();
    let log = open(&disk);
    log.append(Signal::Logs, b"first").unwrap().wait().unwrap();
    log.0.committer.append(Packed::unreadable(Signal::Logs)).unwrap().wait().unwrap();
    for payload in [b"alien", b"third"] {
        log.append(Signal::Logs, payload).unwrap().wait().unwrap();
    }
    log.close().unwrap();
    let log = open(&disk);
    let mut found = Vec::new();
    log.replay(Signal::Logs, Lsn(0), &mut |lsn, payload| {
        if payload == b"alien" {
            return Err(Error::corrupt("no batch"));
        }
        found.push((lsn.0, payload.to_vec()));
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [(1, b"first".to_vec()), (4, b"third".to_vec())]);
    contents(&log, Signal::Logs);
    let unreadable: Vec<_> = log.repairs().iter().map(|repair| repair.unreadable).collect();
    assert_eq!(unreadable, [Some(Lsn(2)), Some(Lsn(3))], "each is named once");
    assert!(log.repairs()[0].to_string().contains("00000001.seg"));
    let newer = log.replay(Signal::Logs, Lsn(0), &mut |_, _| Err(Error::unsupported("newer")));
    assert_eq!(newer.unwrap_err().kind(), ErrorKind::Unsupported, "newer bytes are not dropped");
}

#[test]
fn segments_are_used_again_once_every_signal_has_its_records_in_files() {
    let disk = FaultyDisk::default();
    let log = open(&disk);
    let mut last = Lsn(0);
    for _ in 0..200 {
        let pending = log.append(Signal::Logs, &[7; 200]).unwrap();
        last = pending.lsn;
        pending.wait().unwrap();
        log.checkpoint(Signal::Metrics, last);
        log.checkpoint(Signal::Logs, last);
        log.checkpoint(Signal::Traces, last);
    }
    let files = disk.list(Path::new(DIR)).unwrap();
    assert!(files.len() <= 4, "{files:?}");
    drop(log);
    let log = open(&disk);
    let next = log.append(Signal::Logs, b"x").unwrap();
    assert!(next.lsn > last);
}

#[test]
fn a_record_larger_than_a_segment_is_kept_whole() {
    let disk = FaultyDisk::default();
    let log = open(&disk);
    let mut random = StdRng::seed_from_u64(1);
    let large: Vec<u8> = (0..50_000).map(|_| random.random()).collect();
    for payload in [&b"before"[..], &large, b"after"] {
        log.append(Signal::Logs, payload).unwrap().wait().unwrap();
    }
    drop(log);
    let found = contents(&open(&disk), Signal::Logs);
    assert_eq!(found[1].1, large);
    assert_eq!(found.len(), 3);
}

#[test]
fn a_last_record_that_ends_in_zeros_is_kept_wherever_its_pages_end() {
    let options = LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() };
    for length in (4_000..4_200).chain(8_100..8_200).chain([12_000, 16_000]) {
        let disk = FaultyDisk::default();
        let log = Log::open(Arc::new(disk.clone()), Path::new(DIR), options.clone()).unwrap();
        let mut payload = vec![0; length];
        payload[..3_900].fill(7);
        let pending = log.append_packed(Packed::plain(Signal::Metrics, payload.clone())).unwrap();
        let lsn = pending.lsn;
        pending.wait().unwrap();
        log.close().unwrap();
        let log = Log::open(Arc::new(disk), Path::new(DIR), options.clone()).unwrap();
        assert!(contents(&log, Signal::Metrics) == [(lsn, payload)], "{length} bytes are lost");
        assert_eq!(log.repairs(), []);
    }
}
