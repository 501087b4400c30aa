//! Kills the real binary again and again under a load of all three signals, while it flushes, seals
//! or drops old days, and counts what is found afterwards against a ledger of what was acknowledged.
//! `BELVEDERE_KILLS` says how often (40).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::appliance::{Appliance, start};

/// How often the appliance is killed when nobody says.
const KILLS: u32 = 40;
/// After so many kills it is ended properly once, so that files and log are found together.
const KILLS_BETWEEN_DRAINS: u32 = 10;
/// Writers of each signal.
const WRITERS: u32 = 2;
/// Items of one request.
const ITEMS: u32 = 5;
/// After how many milliseconds of load the process is killed.
const LOAD_MS: std::ops::Range<u64> = 5..180;
/// Late points reach the day before, which can be sealed, and older ones that retention drops.
const CONFIG: &str =
    "metrics: {out_of_order_window: 4d}\nretention: {metrics: 2d, logs: 2d, traces: 2d}\n";
const DAY_NS: u64 = 86_400_000_000_000;

/// What a writer sends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Signal {
    Metrics,
    Logs,
    Traces,
}

const SIGNALS: [Signal; 3] = [Signal::Metrics, Signal::Logs, Signal::Traces];

/// Names one item: life of the process, writer, request, place in the request.
type Item = (u32, u32, u32, u32);

/// What was acknowledged, and what was under way when the process died: it may be there or not.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<(Signal, u32), BTreeSet<Item>>,
    under_way: BTreeMap<(Signal, u32), BTreeSet<Item>>,
}

/// What the appliance is told to do while it is loaded.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Nothing.
    Ingest,
    Flush,
    Seal,
    /// Drops, as soon as it starts, the day that the life before wrote.
    Retain,
}

const ORDERS: [Order; 4] = [Order::Ingest, Order::Flush, Order::Seal, Order::Retain];

#[test]
fn kills_under_load_lose_and_double_nothing_acknowledged() {
    let kills = std::env::var("BELVEDERE_KILLS").ok().and_then(|text| text.parse().ok());
    let kills = kills.unwrap_or(KILLS);
    let seed = now_ns();
    println!("{kills} kills, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut slowest = Duration::ZERO;
    for life in 0..kills {
        let order = ORDERS[life as usize % ORDERS.len()];
        let begin = Instant::now();
        let appliance = start(folder.path(), CONFIG);
        slowest = slowest.max(begin.elapsed());
        if life > 0 && !matches!(order, Order::Retain) {
            check(&appliance, &ledger.lock().unwrap(), &[life - 1, random.random_range(0..life)]);
        }
        load(&appliance, &ledger, life, order, random.random_range(LOAD_MS));
        assert_eq!(appliance.wait(), None, "it was killed");
        if life % KILLS_BETWEEN_DRAINS == KILLS_BETWEEN_DRAINS - 1 {
            let drained = start(folder.path(), CONFIG);
            drained.signal("TERM");
            assert_eq!(drained.wait(), Some(0), "it drained");
        }
    }
    let all: Vec<u32> = (0..kills).collect();
    let ledger = ledger.lock().unwrap();
    let last = start(folder.path(), CONFIG);
    check(&last, &ledger, &all);
    last.signal("TERM");
    assert_eq!(last.wait(), Some(0));
    check(&start(folder.path(), CONFIG), &ledger, &all);
    for signal in SIGNALS {
        let count = |from: &BTreeMap<(Signal, u32), BTreeSet<Item>>| -> usize {
            from.iter().filter(|((of, _), _)| *of == signal).map(|(_, items)| items.len()).sum()
        };
        let (kept, torn) = (count(&ledger.acknowledged), count(&ledger.under_way));
        println!("{signal:?}: {kept} acknowledged, {torn} under way at a kill");
        assert!(kept > kills as usize, "the load was too small to tell");
    }
    println!("slowest start {slowest:?}");
}

/// Sends all three signals and the order until the process is killed after `length` milliseconds.
fn load(appliance: &Appliance, ledger: &Arc<Mutex<Ledger>>, life: u32, order: Order, length: u64) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for signal in SIGNALS {
            for writer in 0..WRITERS {
                let (address, ledger, stop) = (&appliance.address, &ledger, &stop);
                scope.spawn(move || write_until(signal, writer, address, ledger, life, stop));
            }
        }
        let begin = Instant::now();
        let path = match order {
            Order::Ingest => None,
            Order::Flush | Order::Retain => Some("/api/x/admin/flush"),
            Order::Seal => Some("/api/x/admin/seal"),
        };
        if let Some(path) = path {
            if matches!(order, Order::Seal) {
                // What is sealed is in files first.
                let flushed = appliance.ask("POST", "/api/x/admin/flush", "");
                assert!(flushed.starts_with("HTTP/1.1 200"), "{flushed}");
            }
            let (address, stop) = (&appliance.address, &stop);
            scope.spawn(move || order_until(path, address, stop));
        }
        thread::sleep(Duration::from_millis(length));
        println!("life {life}: {order:?}, killed after {:?}", begin.elapsed());
        appliance.signal("KILL");
        stop.store(true, Ordering::Release);
    });
}

/// Gives the order over and over, so that the kill comes in the middle of it.
fn order_until(path: &str, address: &str, stop: &AtomicBool) {
    let Ok(stream) = TcpStream::connect(address) else { return };
    let mut stream = BufReader::new(stream);
    while !stop.load(Ordering::Acquire) {
        match post(&mut stream, address, path, "application/json", "") {
            Ok((status, answer)) => assert_eq!(status, 200, "{path}: {answer}"),
            Err(_) => return,
        }
    }
}

fn write_until(
    signal: Signal,
    writer: u32,
    address: &str,
    ledger: &Mutex<Ledger>,
    life: u32,
    stop: &AtomicBool,
) {
    let Ok(stream) = TcpStream::connect(address) else { return };
    let mut stream = BufReader::new(stream);
    for request in 0.. {
        let items = (0..ITEMS).map(|item| (life, writer, request, item));
        let sent = send(&mut stream, address, signal, (life, writer, request));
        let mut ledger = ledger.lock().unwrap();
        match sent {
            Ok(()) => ledger.acknowledged.entry((signal, life)).or_default().extend(items),
            Err(_) => {
                ledger.under_way.entry((signal, life)).or_default().extend(items);
                return;
            }
        }
        if stop.load(Ordering::Acquire) {
            return;
        }
    }
}

/// Sends one request; `Ok` means that it was acknowledged whole.
fn send(
    stream: &mut BufReader<TcpStream>,
    address: &str,
    signal: Signal,
    request: (u32, u32, u32),
) -> io::Result<()> {
    let (path, kind, body) = match signal {
        Signal::Metrics => ("/v1/metrics", "application/json", metrics(request)),
        Signal::Logs => ("/crash/_bulk", "application/x-ndjson", logs(request)),
        Signal::Traces => ("/v1/traces", "application/json", traces(request)),
    };
    let (status, answer) = post(stream, address, path, kind, &body)?;
    let refused = answer.contains("\"errors\":true") || answer.contains("partialSuccess\":{\"");
    assert!(status == 200 && !refused, "{signal:?}: {status}: {answer}");
    Ok(())
}

fn post(
    stream: &mut BufReader<TcpStream>,
    address: &str,
    path: &str,
    kind: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
    read_answer(stream)
}

/// Reads an answer whose head tells its length.
fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, String)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(gone)?;
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(gone());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length.ok_or_else(gone)?];
    stream.read_exact(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

/// One series a writer and request; the value tells the item. Every other request is a day late,
/// and a point of none of them is three days late.
fn metrics((life, writer, request): (u32, u32, u32)) -> String {
    let old = now_ns() - 3 * DAY_NS;
    let mut points = format!(r#"{{"timeUnixNano":"{old}","asDouble":1}},"#);
    let now = now_ns() - u64::from(request % 2) * DAY_NS;
    for item in 0..ITEMS {
        let comma = if item == 0 { "" } else { "," };
        let at = now + u64::from(item) * 1_000_000;
        write!(points, r#"{comma}{{"timeUnixNano":"{at}","asDouble":{item},"attributes":["#)
            .unwrap();
        for (index, (key, value)) in
            [("life", life), ("writer", writer), ("request", request)].into_iter().enumerate()
        {
            let comma = if index == 0 { "" } else { "," };
            write!(points, r#"{comma}{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
                .unwrap();
        }
        points.push_str("]}");
    }
    let metric = format!(r#"{{"name":"crash","gauge":{{"dataPoints":[{points}]}}}}"#);
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#)
}

/// Half of the documents name their id, the other half get one.
fn logs((life, writer, request): (u32, u32, u32)) -> String {
    let mut body = String::new();
    for item in 0..ITEMS {
        let id = format!("{life}-{writer}-{request}-{item}");
        let action = match item % 2 {
            0 => format!(r#"{{"create":{{"_id":"{id}"}}}}"#),
            _ => r#"{"create":{}}"#.to_owned(),
        };
        let at = now_ns() / 1_000_000;
        writeln!(body, "{action}\n{{\"@timestamp\":{at},\"message\":\"{id}\",\"life\":{life}}}")
            .unwrap();
    }
    body
}

/// One trace a request, one service a life.
fn traces((life, writer, request): (u32, u32, u32)) -> String {
    let trace = format!("{:08x}{writer:08x}{request:08x}{life:08x}", 0xC0DE);
    let start = now_ns();
    let mut spans = String::new();
    for item in 0..ITEMS {
        let comma = if item == 0 { "" } else { "," };
        let end = start + 1_000;
        write!(
            spans,
            r#"{comma}{{"traceId":"{trace}","spanId":"{:016x}","name":"{life}-{writer}-{request}-{item}","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"}}"#,
            u64::from(item) + 1
        )
        .unwrap();
    }
    let name = format!(r#"{{"key":"service.name","value":{{"stringValue":"crash-{life}"}}}}"#);
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{name}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    )
}

/// Compares what the appliance finds of some lives with the ledger.
fn check(appliance: &Appliance, ledger: &Ledger, lives: &[u32]) {
    for &life in lives {
        for signal in SIGNALS {
            let found = match signal {
                Signal::Metrics => found_metrics(appliance, life),
                Signal::Logs => found_logs(appliance, life),
                Signal::Traces => found_traces(appliance, life),
            };
            let set: BTreeSet<Item> = found.iter().copied().collect();
            assert_eq!(set.len(), found.len(), "{signal:?} of life {life}: something is doubled");
            let empty = BTreeSet::new();
            let of = |from: &BTreeMap<(Signal, u32), BTreeSet<Item>>| {
                from.get(&(signal, life)).unwrap_or(&empty).clone()
            };
            let (kept, torn) = (of(&ledger.acknowledged), of(&ledger.under_way));
            let lost: Vec<_> = kept.difference(&set).collect();
            assert!(lost.is_empty(), "{signal:?} of life {life}: lost {lost:?}");
            let sent = |item: &&Item| kept.contains(item) || torn.contains(item);
            let invented: Vec<_> = set.iter().filter(|item| !sent(item)).collect();
            assert!(invented.is_empty(), "{signal:?} of life {life}: never sent {invented:?}");
        }
    }
}

fn ask(appliance: &Appliance, method: &str, path: &str, body: &str) -> Value {
    let answer = appliance.ask(method, path, body);
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(json).unwrap()
}

fn found_metrics(appliance: &Appliance, life: u32) -> Vec<Item> {
    let path = format!("/api/v1/query?query=crash%7Blife%3D%22{life}%22%7D%5B26h%5D");
    let answer = ask(appliance, "GET", &path, "");
    let mut found = Vec::new();
    for series in answer["data"]["result"].as_array().unwrap() {
        let label = |name: &str| series["metric"][name].as_str().unwrap().parse::<u32>().unwrap();
        for point in series["values"].as_array().unwrap() {
            let item = point[1].as_str().unwrap().parse().unwrap();
            found.push((life, label("writer"), label("request"), item));
        }
    }
    found
}

fn found_logs(appliance: &Appliance, life: u32) -> Vec<Item> {
    let query = format!(r#"{{"size":10000,"query":{{"term":{{"life":{life}}}}}}}"#);
    let answer = ask(appliance, "POST", "/crash/_search?ignore_unavailable=true", &query);
    let hits = answer["hits"]["hits"].as_array().unwrap();
    assert!(hits.len() < 10_000, "more than one page");
    hits.iter().map(|hit| item(hit["_source"]["message"].as_str().unwrap())).collect()
}

fn found_traces(appliance: &Appliance, life: u32) -> Vec<Item> {
    let path = format!("/api/traces?service=crash-{life}&limit=1500&lookback=1h");
    let answer = ask(appliance, "GET", &path, "");
    let traces = answer["data"].as_array().unwrap();
    assert!(traces.len() < 1_500, "more than one page");
    let spans = traces.iter().flat_map(|trace| trace["spans"].as_array().unwrap());
    spans.map(|span| item(span["operationName"].as_str().unwrap())).collect()
}

fn item(name: &str) -> Item {
    let mut parts = name.split('-').map(|part| part.parse().unwrap());
    let mut next = || parts.next().unwrap();
    (next(), next(), next(), next())
}

/// Series of the test below, and how long a start with them may take in a debug build that shares
/// its machine. Release builds are held to 2 s by `benches/compare`.
const SERIES: u32 = 10_000;
const START: Duration = Duration::from_secs(15);

#[test]
fn ten_thousand_series_are_there_soon_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    let begin = now_ns() - 600_000_000_000;
    for minute in 0..10 {
        for part in 0..SERIES / 1_000 {
            let at = begin + minute * 60_000_000_000;
            let mut points = Vec::new();
            for number in part * 1_000..(part + 1) * 1_000 {
                points.push(format!(
                    r#"{{"timeUnixNano":"{at}","asDouble":{minute},"attributes":[{{"key":"n","value":{{"intValue":"{number}"}}}}]}}"#
                ));
            }
            let points = points.join(",");
            let metric = format!(r#"{{"name":"many","gauge":{{"dataPoints":[{points}]}}}}"#);
            let body =
                format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
            let sent = appliance.ask("POST", "/v1/metrics", &body);
            assert!(sent.starts_with("HTTP/1.1 200"), "{sent}");
        }
    }
    appliance.signal("KILL");
    assert_eq!(appliance.wait(), None);
    let begin = Instant::now();
    let again = start(folder.path(), "");
    let took = begin.elapsed();
    println!("started with {SERIES} series in the log in {took:?}");
    let query = "/api/v1/query?query=count(count_over_time(many%5B1h%5D)%20%3D%3D%2010)";
    let answer = ask(&again, "GET", query, "");
    assert_eq!(answer["data"]["result"][0]["value"][1], SERIES.to_string(), "{answer}");
    assert!(took < START, "{took:?}");
}
