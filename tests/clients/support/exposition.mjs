// A scrape target that exposes 500 series in the protobuf format: counters, gauges, summaries, classic and native
// histograms, with exemplars and created timestamps. What it says depends only on how often it was asked.

import { createServer } from "node:http";

const MEDIA_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const TYPES = { counter: 0, gauge: 1, summary: 2, histogram: 4, gaugeHistogram: 5 };

function varint(number) {
  const out = [];
  for (let left = BigInt.asUintN(64, BigInt(number)); ; left >>= 7n) {
    const low = Number(left & 0x7fn);
    if (left < 0x80n) return Buffer.from([...out, low]);
    out.push(low | 0x80);
  }
}

const key = (field, wire) => varint((field << 3) | wire);
const integer = (field, number) => Buffer.concat([key(field, 0), varint(number)]);
const signed = (field, number) => integer(field, number >= 0 ? 2 * number : -2 * number - 1);
const zigzags = (field, numbers) => numbers.map((one) => signed(field, one));
function double(field, number) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(number);
  return Buffer.concat([key(field, 1), bytes]);
}
function message(field, ...parts) {
  const body = Buffer.concat(parts.flat(Infinity));
  return Buffer.concat([key(field, 2), varint(body.length), body]);
}
const text = (field, string) => message(field, Buffer.from(string));
const pair = (field, [name, value]) => message(field, text(1, name), text(2, value));
const time = (field, ms) => message(field, integer(1, Math.floor(ms / 1000)), integer(2, (ms % 1000) * 1e6));

/** One exemplar; `at` in milliseconds. */
const exemplar = (field, trace, value, at) => message(field, pair(1, ["trace_id", trace]), double(2, value), time(3, at));

function family(name, help, type, metrics) {
  const body = [text(1, name), text(2, help), integer(3, TYPES[type]), metrics.map((parts) => message(4, ...parts))];
  return message(0, ...body).subarray(1); // length and body: the delimited form has no key
}

const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));

/** Values that a careless codec would lose; senders lose −0 themselves, as they leave out fields that equal zero. */
const ODD = [Number.NaN, Number.POSITIVE_INFINITY, 1e-320, 0.1 + 0.2, -1.7976931348623157e308];

function counters(round, begin, now) {
  return family("shop_requests_total", "Requests by route.", "counter", times(150, (index) => {
    const value = round * (index + 1) + index / 10;
    const trace = `c${index}-${round}`;
    return [pair(1, ["route", `/route/${index}`]), message(3, double(1, value), exemplar(2, trace, index + 1, now), time(3, begin))];
  }));
}

function gauges(round) {
  return family("shop_load", "Load by shard, with \"quotes\" and\nlines.", "gauge", times(150, (index) => {
    const value = index < ODD.length ? ODD[index] : Math.sin(round + index) * 10 ** (index % 7);
    return [pair(1, ["shard", `${index} é`]), message(2, double(1, value))];
  }));
}

function summaries(round, begin) {
  return family("shop_wait_seconds", "Wait.", "summary", times(20, (index) => {
    const quantiles = [0.5, 0.99].map((share) => message(3, double(1, share), double(2, share * (index + round))));
    const body = [integer(1, round * 3), double(2, round * 1.5 + index), quantiles, time(4, begin)];
    return [pair(1, ["desk", `${index}`]), message(4, body)];
  }));
}

function classics(round, begin, now) {
  const bounds = [10, 100, 1000, 10000];
  return family("shop_size_bytes", "Sizes.", "histogram", times(10, (index) => {
    const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, place) =>
      message(3, integer(1, round * (place + 1)), double(2, bound), place === 1 ? exemplar(3, `b${index}-${round}`, 42, now) : []));
    const body = [integer(1, round * 5), double(2, round * 123.5), buckets, time(15, begin)];
    return [pair(1, ["kind", `${index}`]), message(7, body)];
  }));
}

function natives(round, begin, now) {
  return family("shop_latency_seconds", "Latency.", "histogram", times(25, (index) => {
    // Two spans of positive buckets with a gap, one of negative ones; counts as differences to the bucket before.
    const [first, second, third] = [round, round + index, round * 2];
    const [below, zero] = [round % 5, round];
    const seen = (field) => exemplar(field, `n${index}-${round}`, 0.25, now);
    // Prometheus 2.42 takes the exemplars of a native histogram from classic buckets only.
    const body = [
      message(3, integer(1, round), double(2, Number.POSITIVE_INFINITY), seen(3)),
      integer(1, first + second + third + below + zero), double(2, round * 0.7 - index), signed(5, index % 9), double(6, 1e-9),
      integer(7, zero), message(9, signed(1, 2), integer(2, 1)), zigzags(10, [below]),
      message(12, signed(1, -3), integer(2, 2)), message(12, signed(1, 4), integer(2, 1)),
      zigzags(13, [first, second - first, third - second]), time(15, begin), seen(16),
    ];
    return [pair(1, ["route", `/route/${index}`]), message(7, body)];
  }));
}

function floats(name, help, type, count) {
  return (round) => family(name, help, type, times(count, (index) => {
    const counts = [round * 0.5, round + index * 0.25, 1.125];
    const total = counts.reduce((sum, one) => sum + one) + 0.5;
    const body = [
      double(4, total), double(2, -round), signed(5, 1), double(6, 0.001), double(8, 0.5),
      message(12, signed(1, index), integer(2, 3)), counts.map((one) => double(14, one)),
    ];
    return [pair(1, ["number", `${index}`]), message(7, body)];
  }));
}

const weights = floats("shop_weight", "Weights.", "histogram", 15);
const ages = floats("shop_age_seconds", "Ages in the queue.", "gaugeHistogram", 10);

/** How many series a scrape has, a native histogram counting as one. */
export const SERIES = 500;

/** Starts the target on a free loopback port. */
export async function startTarget() {
  const begin = Date.now() - 60_000;
  let round = 0;
  const server = createServer((request, response) => {
    if (!(request.headers.accept ?? "").includes("io.prometheus.client.MetricFamily")) {
      response.writeHead(406).end("only protobuf is spoken here");
      return;
    }
    round += 1;
    const now = Date.now();
    const families = [
      counters(round, begin, now), gauges(round), summaries(round, begin), classics(round, begin, now),
      natives(round, begin, now), weights(round), ages(round),
    ];
    response.writeHead(200, { "Content-Type": MEDIA_TYPE }).end(Buffer.concat(families));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    target: `127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}
