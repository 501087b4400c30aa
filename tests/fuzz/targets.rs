//! The decoders, each with its seeds and what it has taken so far.

use std::fmt;

use belvedere::base::decompress::{Encoding as Compression, decompress};
use belvedere::engines::kit::fuzz::Target;
use belvedere::engines::{kit, metrics};
use belvedere::model::time::TimestampNs;
use belvedere::wire::exposition::{self, Format, Histograms};
use belvedere::wire::otlp::{self, DeltaStreams, Encoding};
use belvedere::wire::remote_write::{self, LabelCache, Schema};
use bytes::Bytes;
use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;

/// The most inputs that are kept of one decoder.
const MAX_INPUTS: usize = 400;

/// Decodes, and returns whether the bytes were taken.
pub type Decode = Box<dyn Fn(&[u8]) -> bool>;

/// A decoder under way.
pub struct Corpus {
    pub name: &'static str,
    pub decode: Decode,
    inputs: Vec<Vec<u8>>,
    pub tried: u64,
    pub taken: u64,
    pub most_bytes: usize,
}

impl Corpus {
    fn new(
        name: &'static str,
        inputs: Vec<Vec<u8>>,
        decode: impl Fn(&[u8]) -> bool + 'static,
    ) -> Self {
        Corpus { name, decode: Box::new(decode), inputs, tried: 0, taken: 0, most_bytes: 0 }
    }

    /// Returns what the encoders wrote.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        self.inputs.clone()
    }

    /// Returns what mutation starts from.
    pub fn bytes(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    /// Keeps an input that was taken, in place of a random one when there are many.
    pub fn learn(&mut self, bytes: Vec<u8>, taken: bool, random: &mut StdRng) {
        if !taken {
            return;
        }
        self.taken += 1;
        if self.inputs.len() < MAX_INPUTS {
            self.inputs.push(bytes);
        } else {
            let place = random.random_range(0..MAX_INPUTS);
            self.inputs[place] = bytes;
        }
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corpus { name, tried, taken, most_bytes, .. } = self;
        write!(f, "{name}: {tried} tried, {taken} taken, at most {most_bytes} bytes at once")
    }
}

/// Returns every decoder.
pub fn all() -> Vec<Corpus> {
    let stored = metrics::fuzz::targets().into_iter().chain(kit::log::fuzz::targets());
    let stored = stored.map(|Target { name, seeds, decode }| Corpus::new(name, seeds, decode));
    stored.chain(sent()).collect()
}

/// What clients send.
fn sent() -> Vec<Corpus> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    vec![
        remote_write_corpus("remote write 1.0", Schema::V1, write_request()),
        remote_write_corpus("remote write 2.0", Schema::V2, write_request_2()),
        Corpus::new("snappy", vec![snappy(&write_request())], |bytes| {
            decompress(Compression::Snappy, bytes, 16 << 20).is_ok()
        }),
        Corpus::new("text 0.0.4", texts(&[TEXT]), |bytes| {
            exposition::parse(bytes, Format::Text).is_ok()
        }),
        Corpus::new("OpenMetrics 1.0", texts(&[OPEN_METRICS]), |bytes| {
            exposition::parse(bytes, Format::OpenMetrics).is_ok()
        }),
        Corpus::new("protobuf exposition", vec![family()], |bytes| {
            exposition::parse(bytes, Format::Protobuf(Histograms::Both)).is_ok()
        }),
        otlp_corpus("OTLP metrics, protobuf", Encoding::Protobuf, otlp_protobuf()),
        otlp_corpus("OTLP metrics, JSON", Encoding::Json, OTLP_JSON.as_bytes().to_vec()),
    ]
}

/// The label cache lives on between inputs, as it does between requests.
fn remote_write_corpus(name: &'static str, schema: Schema, seed: Vec<u8>) -> Corpus {
    let cache = LabelCache::new(1 << 20);
    Corpus::new(name, vec![seed], move |bytes| {
        remote_write::decode(schema, &Bytes::copy_from_slice(bytes), &cache).is_ok()
    })
}

/// The streams of deltas live on between inputs, too.
fn otlp_corpus(name: &'static str, encoding: Encoding, seed: Vec<u8>) -> Corpus {
    let streams = Mutex::new(DeltaStreams::new(1 << 20));
    Corpus::new(name, vec![seed], move |bytes| {
        let body = Bytes::copy_from_slice(bytes);
        otlp::decode_metrics(&body, encoding, TimestampNs(0), &streams).is_ok()
    })
}

const TEXT: &str = "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n\
    http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
    # TYPE rpc_seconds histogram\nrpc_seconds_bucket{le=\"0.05\"} 24054\n\
    rpc_seconds_bucket{le=\"+Inf\"} 144320\nrpc_seconds_sum 53423\nrpc_seconds_count 144320\n\
    {\"a.b\",\"c d\"=\"x\\n\\\"y\"} -0.5e3\nnan NaN\n";

const OPEN_METRICS: &str = "# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n\
    # HELP foo_seconds Some \\\"help\\\".\nfoo_seconds_total{a=\"b\"} 17.0 1520879607.789 # \
    {trace_id=\"abc\"} 0.5 1520879607.0\nfoo_seconds_created{a=\"b\"} 1520430000.123\n\
    # TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 3\ng_gcount 3\ng_gsum 2\n\
    # TYPE s stateset\ns{s=\"a\"} 1\n# EOF\n";

const OTLP_JSON: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name",
"value":{"stringValue":"a"}}]},"scopeMetrics":[{"scope":{"name":"s"},"metrics":[
{"name":"g","unit":"By","gauge":{"dataPoints":[{"timeUnixNano":"1","asDouble":1.5}]}},
{"name":"s","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":"3"}]}},
{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"2","sum":3,
"bucketCounts":["1","1"],"explicitBounds":[1],"exemplars":[{"asDouble":1}]}]}},
{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"2",
"scale":1,"zeroCount":"0","positive":{"offset":2,"bucketCounts":["2"]}}]}},
{"name":"q","summary":{"dataPoints":[{"count":"1","sum":1,"quantileValues":[{"quantile":0.5,
"value":1}]}]}}]}]}]}"#;

/// A protobuf field of bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 1 << 14);
    let length = content.len();
    let mut out = vec![number << 3 | 2];
    if length >= 0x80 {
        out.push(length as u8 | 0x80);
        out.push((length >> 7) as u8);
    } else {
        out.push(length as u8);
    }
    out.extend_from_slice(content);
    out
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [vec![number << 3 | 1], value.to_le_bytes().to_vec()].concat()
}

/// `prometheus.WriteRequest` with floats, a histogram, an exemplar and metadata.
fn write_request() -> Vec<u8> {
    let label = |name: &str, value: &str| {
        field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let labels = [label("__name__", "requests_total"), label("job", "a")].concat();
    let sample = field(2, &[double(1, 1.5), vec![16, 0xe8, 7]].concat());
    let exemplar = field(3, &[label("trace_id", "abc"), double(2, 1.0), vec![24, 5]].concat());
    let span = [vec![8, 2, 16, 2]].concat();
    let histogram = [
        vec![8, 4],
        double(3, 2.5),
        vec![32, 3],
        double(5, 0.001),
        vec![48, 1],
        field(11, &span),
        field(12, &[2, 2]),
        vec![120, 10],
    ];
    let histogram = field(4, &histogram.concat());
    let series = field(1, &[labels, sample.clone(), sample, exemplar, histogram].concat());
    let metadata = [vec![8, 1], field(2, b"requests_total"), field(4, b"Requests.")].concat();
    [series, field(3, &metadata)].concat()
}

/// `io.prometheus.write.v2.Request` with the same.
fn write_request_2() -> Vec<u8> {
    let words = ["", "__name__", "requests_total", "job", "a", "trace_id", "abc", "Requests."];
    let symbols = words.iter().map(|word| field(4, word.as_bytes())).collect::<Vec<_>>().concat();
    let sample = field(2, &[double(1, 1.5), vec![16, 0xe8, 7, 24, 1]].concat());
    let exemplar = field(4, &[field(1, &[5, 6]), double(2, 1.0), vec![24, 5]].concat());
    let metadata = field(5, &[8, 1, 24, 7]);
    let parts = [field(1, &[1, 2, 3, 4]), sample.clone(), sample, exemplar, metadata];
    [symbols, field(5, &parts.concat())].concat()
}

/// A delimited `io.prometheus.client.MetricFamily`: a counter with an exemplar.
fn family() -> Vec<u8> {
    let pair =
        |name: &str, value: &str| [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
    let exemplar = field(2, &[field(1, &pair("trace_id", "abc")), double(2, 1.0)].concat());
    let counter = field(3, &[double(1, 7.0), exemplar].concat());
    let metric = field(4, &[field(1, &pair("code", "200")), counter].concat());
    let family = [field(1, b"requests_total"), field(2, b"Requests."), vec![24, 0], metric];
    let family = family.concat();
    [vec![family.len() as u8], family].concat()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// The JSON's first metrics by hand: a gauge and a histogram.
fn otlp_protobuf() -> Vec<u8> {
    let fixed =
        |number: u8, value: u64| [vec![number << 3 | 1], value.to_le_bytes().to_vec()].concat();
    let point = field(1, &[fixed(3, 1_000_000), double(4, 1.5)].concat());
    let gauge = field(2, &[field(1, b"g"), field(3, b"By"), field(5, &point)].concat());
    let counts = [1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat();
    let histogram = [
        fixed(3, 1_000_000),
        fixed(4, 2),
        double(5, 3.0),
        field(6, &counts),
        field(7, &1_f64.to_le_bytes()),
    ];
    let histogram = [field(1, &histogram.concat()), vec![16, 2]].concat();
    let histogram = field(2, &[field(1, b"h"), field(9, &histogram)].concat());
    let scope = field(2, &[gauge, histogram].concat());
    field(1, &scope)
}
