// Two Prometheis read from the appliance what a third one sent to it: by remote read, so that queries agree with
// the appliance's own answers, and by federation. Debian's takes samples and text; the one that
// BELVEDERE_PROMETHEUS names takes streamed chunks and protobuf, native histograms among them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { eventually, getJson, startAppliance } from "./support/appliance.mjs";
import { SERIES, startTarget } from "./support/exposition.mjs";

const DEBIAN = "/usr/bin/prometheus";
const CURRENT = process.env.BELVEDERE_PROMETHEUS;

const QUERIES = [
  '{job="shop"}',
  'rate({__name__=~"shop_.+_total",job="shop"}[6s])',
  'sum by (__name__) ({job="shop"})',
  'histogram_quantile(0.9, sum by (le) (rate(shop_size_bytes_bucket[8s])))',
  'count_over_time(up{job="shop"}[7s])',
];

/** Label questions, right and wrong ones, as paths below the API. */
const LABEL_QUESTIONS = [
  "labels?match[]={job='shop'}",
  "labels?match[]=up&match[]=shop_load",
  "label/job/values?match[]=up",
  "label/__name__/values?match[]={job='shop',__name__=~'shop_.*'}",
  "label/le/values?match[]={job='shop'}",
  "label/nothing/values",
  "label/U__na_6d_e/values",
  "series?match[]=up",
  "series?match[]={job='shop',__name__=~'shop_l.*'}",
  "series?match[]=nothing",
  "labels?start=2&end=1",
  "labels?start=1&end=2",
  "label/job/values?limit=1&match[]=up",
  "labels?limit=1&match[]=up",
  "series",
  "series?match[]={}",
  "series?match[]=up[5m]",
  "series?match[]=up{",
  "series?match[]=up&limit=x",
  "labels?match[]={}",
  "labels?match[]=up{",
  "labels?limit=x",
  "labels?limit=-1",
  "labels?start=soon",
  "label/job/values?end=later",
  "label/job/values?match[]={}",
  "query?query=1&time=soon",
  "query_range?query=1&start=soon&end=1&step=1",
  "query_exemplars?query=up&start=2&end=1",
  "query_exemplars?query=up&start=soon",
  "metadata?limit=x",
  "metadata?limit_per_metric=x",
  "metadata?metric=nothing",
  "metadata?limit=0",
  "status/tsdb?limit=0",
  "status/tsdb?limit=x",
  "status/tsdb?limit=10001",
];

let appliance;
let sender;
let target;
let at;
const running = [];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a Prometheus with `config` and ends it after the tests. */
async function startPrometheus(binary, config) {
  const dir = await mkdtemp(join(tmpdir(), "belvedere-reader-"));
  const port = await freePort();
  await writeFile(join(dir, "prometheus.yml"), config);
  const features = binary === DEBIAN ? ["--enable-feature=native-histograms"] : [];
  const child = spawn(binary, [
    `--config.file=${join(dir, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(dir, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...features,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-20000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const http = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  running.push(stop);
  await eventually("Prometheus is ready", async () => (await fetch(`${http}/-/ready`)).ok).catch((error) => {
    throw new Error(`${error.message}\n${log}`);
  });
  return http;
}

async function ask(base, path, parameters) {
  return (await getJson(`${base}/api/v1/${path}?${new URLSearchParams(parameters)}`)).data;
}

const number = (text) => ({ "+Inf": Infinity, "-Inf": -Infinity })[text] ?? Number(text);

/** Points by label set, without the label that only others see. */
async function points(base, path, parameters) {
  const { result } = await ask(base, path, parameters);
  return new Map(result.map(({ metric, value, values, histogram, histograms }) => {
    const labels = Object.entries(metric).filter(([name]) => name !== "cluster").sort();
    const floats = (values ?? (value ? [value] : [])).map(([time, one]) => [time, number(one)]);
    const natives = (histograms ?? (histogram ? [histogram] : [])).map(([time, { count, sum, buckets = [] }]) =>
      [time, { count: number(count), sum: number(sum), buckets: buckets.map(([kind, ...rest]) => [kind, ...rest.map(number)]) }]);
    return [JSON.stringify(labels), { floats, natives }];
  }));
}

/** Versions add floats up in different orders. */
function near(one, other) {
  if (typeof one !== "number") return JSON.stringify(one) === JSON.stringify(other);
  return Object.is(one, other) || Math.abs(one - other) <= 1e-9 * Math.max(Math.abs(one), Math.abs(other));
}

function assertSame(what, theirs, ours) {
  assert.ok(ours.size > 0, `${what}: the appliance answers something`);
  const only = (some, other) => [...some.keys()].filter((labels) => !other.has(labels)).slice(0, 5);
  assert.deepEqual([only(theirs, ours), only(ours, theirs)], [[], []], `series of ${what} that one side lacks`);
  for (const [labels, { floats, natives }] of ours) {
    const found = theirs.get(labels);
    assert.deepEqual(found.natives, natives, `${what} of ${labels}`);
    assert.deepEqual(found.floats.map(([time]) => time), floats.map(([time]) => time), `${what} of ${labels}`);
    floats.forEach(([time, value], index) => {
      const other = found.floats[index][1];
      assert.ok(near(other, value), `${what} of ${labels} at ${time}: ${other} there, ${value} here`);
    });
  }
}

before(async () => {
  assert.ok(existsSync(DEBIAN), `not run: ${DEBIAN} is missing (Debian package prometheus)`);
  appliance = await startAppliance("telemetry: {self: false}\nhost: {enabled: false}\nglobal: {external_labels: {cluster: eu}}\n");
  target = await startTarget();
  sender = await startPrometheus(DEBIAN, `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: shop, static_configs: [{targets: ['${target.target}']}]}]
remote_write: [{url: '${appliance.http}/api/v1/write', send_native_histograms: true, queue_config: {batch_send_deadline: 200ms}}]
`);
  const newest = await eventually("twelve scrapes came", async () => {
    const { result } = await ask(appliance.http, "query", { query: 'count_over_time(up{job="shop"}[1m])' });
    return Number(result[0].value[1]) >= 12 && result[0].value[0];
  }, 60);
  // Between two scrapes, since versions differ in whether a range has its left end.
  at = (Math.floor(newest) - 2.4995).toFixed(4);
});

after(async () => {
  for (const stop of running) await stop();
  await target?.stop();
  await appliance?.stop();
});

/** Version 2.42 reads no native histograms from elsewhere. */
function readable(binary, answer) {
  if (binary !== DEBIAN) return answer;
  return new Map([...answer].filter(([, { natives }]) => natives.length === 0));
}

async function readsTheSame(binary) {
  const reader = await startPrometheus(binary, `
remote_read: [{url: '${appliance.http}/api/v1/read', read_recent: true}]
`);
  // Near the beginning of a counter 2.42 extrapolates in another way.
  for (const query of QUERIES.filter((one) => binary !== DEBIAN || !one.includes("rate("))) {
    const instant = { query, time: at };
    const ours = async (path, asked) => readable(binary, await points(appliance.http, path, asked));
    assertSame(query, await points(reader, "query", instant), await ours("query", instant));
    const range = { query, start: (Number(at) - 4).toFixed(4), end: at, step: "1" };
    assertSame(query, await points(reader, "query_range", range), await ours("query_range", range));
  }
  const { result } = await ask(reader, "query", { query: 'up{job="shop",cluster="eu"}', time: at });
  assert.equal(result.length, 1, "the appliance's external label is on what it answers, and can be asked for");
  const values = await ask(reader, "label/__name__/values", { "match[]": '{job="shop"}' });
  assert.deepEqual(values, [], "label questions are not part of remote read");
}

async function federates(binary) {
  const current = binary !== DEBIAN;
  const reader = await startPrometheus(binary, `
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: federate
    metrics_path: /federate
    honor_labels: true
    params: {'match[]': ['{job="shop"}']}
    static_configs: [{targets: ['${appliance.http.replace("http://", "")}']}]
${current ? "    scrape_native_histograms: true" : ""}
`);
  const time = await eventually("three rounds of federation", async () => {
    const { result } = await ask(reader, "query", { query: 'count_over_time(up{job="shop"}[1m])' });
    return Number(result[0].value[1]) >= 3 && result[0].value[0];
  }, 60);
  const query = '{job="shop",__name__!~"scrape_.*"}[30s]';
  const theirs = await points(reader, "query", { query, time });
  const ours = await points(appliance.http, "query", { query, time: time + 5 });
  const natives = [...theirs.values()].filter((one) => one.natives.length > 0).length;
  // Debian's takes native histograms only where it is told so for every job.
  assert.ok(theirs.size >= SERIES * 0.8, `${theirs.size} series`);
  if (current) assert.ok(natives >= 50, `${natives} native histograms`);
  for (const [labels, { floats, natives }] of theirs) {
    const own = ours.get(labels);
    assert.ok(own, `${labels} is a series of the appliance`);
    for (const [when, value] of floats) {
      const known = own.floats.find(([one]) => one === when);
      assert.ok(known && Object.is(known[1], value), `${labels} at ${when}: ${value}, not ${known}`);
    }
    for (const [when, value] of natives) {
      const known = own.natives.find(([one]) => one === when);
      assert.deepEqual(value, known?.[1], `${labels} at ${when}`);
    }
  }
}

const skip = CURRENT ? false : "BELVEDERE_PROMETHEUS names no current Prometheus";

test("Debian's Prometheus answers by remote read what the appliance answers", () => readsTheSame(DEBIAN));

test("a current Prometheus answers by remote read what the appliance answers", { skip }, () => readsTheSame(CURRENT));

test("Debian's Prometheus federates the appliance's series", () => federates(DEBIAN));

test("a current Prometheus federates the appliance's series", { skip }, () => federates(CURRENT));

/** The text of federation: its comments in order, and value and time by series. */
async function federated(base) {
  const response = await fetch(`${base}/federate?match[]={job="shop"}&match[]=shop_load`);
  assert.match(response.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).trim().split("\n");
  const series = lines.filter((line) => !line.startsWith("#")).map((line) => {
    const [, name, value, time] = line.match(/^(.*) (\S+) (\d+)$/);
    return [name.replace(',cluster="eu"', ""), { value, time }];
  });
  return { comments: lines.filter((line) => line.startsWith("#")), series: new Map(series) };
}

test("the text of federation is what Debian's Prometheus writes of the same series", async () => {
  await eventually("both show the same scrape", async () => {
    const [ours, theirs] = [await federated(appliance.http), await federated(sender)];
    assert.deepEqual(ours.comments, theirs.comments);
    assert.deepEqual([...ours.series.keys()].sort(), [...theirs.series.keys()].sort());
    for (const [name, point] of theirs.series) assert.deepEqual(ours.series.get(name), point, name);
    return true;
  });
});

/** Status and answer of a question, lists that have no order sorted. */
async function answer(base, path) {
  const response = await fetch(`${base}/api/v1/${path}`);
  const { status, data, errorType, error, warnings } = await response.json();
  const sorted = path.startsWith("series") && data ? data.map((one) => JSON.stringify(Object.entries(one).sort())).sort() : data;
  return { code: response.status, status, data: sorted, errorType, error, warnings };
}

test("label questions get a current Prometheus' answers and words", { skip }, async () => {
  const reader = await startPrometheus(CURRENT, `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: shop, static_configs: [{targets: ['${target.target}']}], scrape_native_histograms: true}]
`);
  await eventually("a scrape", async () => {
    const { result } = await ask(reader, "query", { query: 'up{job="shop"}' });
    return result.length === 1;
  });
  const different = [];
  for (const path of LABEL_QUESTIONS) {
    const [ours, theirs] = [await answer(appliance.http, path), await answer(reader, path)];
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) different.push({ path, ours, theirs });
  }
  assert.deepEqual(different, []);
});

test("stores are flushed, sealed and copied on order, and tell what they keep", async () => {
  const order = async (path) => getJson(`${appliance.http}${path}`, { method: "POST" });
  const flushed = await order("/api/x/admin/flush");
  assert.deepEqual(flushed.signals.map(({ signal }) => signal), ["metrics", "logs", "traces"]);
  const today = new Date().toISOString().slice(0, 10);
  const sealed = await order(`/api/x/admin/seal?through=${today}&signal=metrics`);
  assert.equal(sealed.through, today);
  assert.ok(sealed.sealed >= 1, `${sealed.sealed} days were sealed`);
  const { signals, head } = await getJson(`${appliance.http}/api/x/storage`);
  const [day] = signals[0].partitions.slice(-1);
  assert.equal(day.state, "sealed");
  assert.ok(day.series >= SERIES && day.bytes > 0 && day.min_ms < day.max_ms, JSON.stringify(day));
  assert.equal(signals[0].damage.count, 0);
  assert.ok(head.series >= 0);
  const { data } = await order("/api/v1/admin/tsdb/snapshot");
  assert.match(data.name, /^\d{8}T\d{6}Z-[0-9a-f]+$/);
  const copied = await readdir(join(appliance.data, "snapshots", data.name, "metrics"));
  assert.ok(copied.some((name) => name.endsWith(".redb")), copied.join(", "));
  const { by_job: jobs } = await getJson(`${appliance.http}/api/x/cardinality?match[]={job="shop"}`);
  assert.equal(jobs[0].name, "shop");
});

test("a deletion needs the local token and is seen by the next query", async () => {
  const query = { query: "shop_load", time: at };
  const url = `${appliance.http}/api/v1/admin/tsdb/delete_series?match[]=shop_load`;
  assert.ok((await ask(appliance.http, "query", query)).result.length > 0);
  assert.equal((await fetch(url, { method: "POST" })).status, 401);
  const authorization = `Bearer ${appliance.token}`;
  const deleted = await fetch(url, { method: "POST", headers: { authorization } });
  assert.equal(deleted.status, 204, await deleted.text());
  assert.deepEqual((await ask(appliance.http, "query", query)).result, []);
});
