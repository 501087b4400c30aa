// A Prometheus server's data directory, copied while it runs, answers like its origin once it is imported: two days
// of blocks made by promtool, and a head with native histograms, mapped chunks or not. What is exported then comes
// back the same, and a backup that is made during ingest is a data directory that holds all that was acknowledged.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { eventually, getJson, startAppliance } from "./support/appliance.mjs";
import { startTarget } from "./support/exposition.mjs";

const run = promisify(execFile);
const BINARY = process.env.BELVEDERE_BIN;
const DEBIAN = "/usr/bin/prometheus";
const CURRENT = process.env.BELVEDERE_PROMETHEUS;
const PROMTOOL = "/usr/bin/promtool";
const HOUR = 3600;
/** One own series would be in the answers of only one side. */
const QUIET = "telemetry: {self: false}\nhost: {enabled: false}\nrule_packs: []\n";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Two days of 120 series: counters that reset, gauges with fractions, classic histograms, gaps, NaN and infinities. */
function history(end) {
  const lines = [];
  const begin = end - 48 * HOUR;
  const series = (name, labels, value) => {
    for (let at = begin; at < end; at += 60) {
      const v = value((at - begin) / 60);
      if (v !== undefined) lines.push(`${name}{${labels}} ${v} ${at}`);
    }
  };
  for (let i = 0; i < 40; i++) {
    series("shop_orders_total", `job="shop",shard="${i}"`, (n) => ((n * (i + 1)) % 1700) + i);
    series("shop_temperature", `job="shop",shard="${i}"`, (n) => (n % 97 === 5 ? undefined : Math.sin(n / 30 + i) * 10));
  }
  for (let i = 0; i < 6; i++) {
    for (const [place, le] of ["0.1", "0.5", "2.5", "+Inf"].entries()) {
      series("shop_latency_bucket", `job="shop",shard="${i}",le="${le}"`, (n) => n * (place + 1 + i));
    }
  }
  series("shop_odd", 'job="shop",kind="nan"', (n) => (n % 5 === 0 ? "NaN" : n));
  series("shop_odd", 'job="shop",kind="inf"', (n) => (n % 7 === 0 ? "-Inf" : n / 3));
  return `${lines.join("\n")}\n# EOF\n`;
}

async function startPrometheus(binary, dir, data, target) {
  const port = await freePort();
  await writeFile(join(dir, "prometheus.yml"), `
global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: live, static_configs: [{targets: ['${target}']}]${binary === DEBIAN ? "" : ", scrape_native_histograms: true"}}
`);
  const child = spawn(binary, [
    `--config.file=${join(dir, "prometheus.yml")}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--enable-feature=exemplar-storage${binary === DEBIAN ? ",native-histograms" : ",metadata-wal-records"}`,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-20000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const http = `http://127.0.0.1:${port}`;
  await eventually("Prometheus is ready", async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${log}`);
    return (await fetch(`${http}/-/ready`)).ok;
  });
  return { http, child, stop: async () => (child.kill("SIGTERM"), ended) };
}

async function ranges(http, query, start, end, step) {
  const asked = new URLSearchParams({ query, start, end, step });
  const { data } = await getJson(`${http}/api/v1/query_range?${asked}`);
  const key = ({ metric }) => JSON.stringify(Object.entries(metric).sort());
  return data.result.map((one) => ({ key: key(one), ...one })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The same series with the same points; sums of floats may differ in their last digits between versions. */
function assertSame(found, expected, what) {
  assert.deepEqual(found.map(({ key }) => key), expected.map(({ key }) => key), what);
  for (const [place, one] of expected.entries()) {
    const [own, other] = [found[place].values ?? [], one.values ?? []];
    assert.deepEqual(own.map(([at]) => at), other.map(([at]) => at), `${what}: ${one.key}`);
    for (const [index, [at, value]] of other.entries()) {
      const near = Math.abs(own[index][1] - value) <= 1e-9 * Math.max(1, Math.abs(value));
      assert.ok(own[index][1] === value || near, `${what}: ${one.key} at ${at}: ${own[index][1]}, not ${value}`);
    }
    assert.deepEqual(found[place].histograms, one.histograms, `${what}: ${one.key}`);
  }
}

const QUERIES = [
  "shop_orders_total", "rate(shop_orders_total[5m])", "increase(shop_orders_total[1h])", "resets(shop_orders_total[1h])",
  "sum by (job) (rate(shop_orders_total[10m]))", "shop_temperature", "avg(shop_temperature)", "max_over_time(shop_temperature[30m])",
  "min by (shard) (shop_temperature)", "stddev_over_time(shop_temperature[1h])", "deriv(shop_temperature[15m])",
  "histogram_quantile(0.9, sum by (le) (rate(shop_latency_bucket[5m])))", "shop_odd", "count_over_time(shop_odd[1h])",
  "topk(3, shop_orders_total)", "count(shop_temperature > 5)", "absent(shop_nothing)", "shop_temperature offset 1h",
  "changes(shop_temperature[1h])", "quantile_over_time(0.5, shop_temperature[1h])", "count({job=\"shop\"})",
  "shop_orders_total{shard=~\"1.*\"}", "last_over_time(shop_temperature[5m])",
];
const LIVE = [
  "{job=\"live\"}", "rate({job=\"live\",__name__=~\".+_total\"}[5s])", "histogram_count(shop_latency_seconds)", "histogram_sum(shop_weight)",
  "count by (__name__) ({job=\"live\"})", "up{job=\"live\"}",
];

async function importLikeOrigin(t, binary) {
  const dir = await mkdtemp(join(tmpdir(), "belvedere-import-"));
  const running = [];
  t.after(async () => {
    for (const one of running) await one.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const end = Math.floor(Date.now() / 1000 / 60) * 60 - 4 * HOUR;
  await writeFile(join(dir, "history.om"), history(end));
  await mkdir(join(dir, "data"));
  await run(PROMTOOL, ["tsdb", "create-blocks-from", "openmetrics", join(dir, "history.om"), join(dir, "data")], { maxBuffer: 1 << 26 });
  const target = await startTarget();
  const live = Math.floor(Date.now() / 1000);
  const origin = await startPrometheus(binary, dir, join(dir, "data"), target.target);
  running.push(origin, target);
  await eventually("a dozen scrapes", async () => {
    const asked = encodeURIComponent("count_over_time(up[1m]) * up");
    const { data } = await getJson(`${origin.http}/api/v1/query?query=${asked}`);
    return Number(data.result[0]?.value[1]) >= 12;
  }, 60);
  running.pop();
  await target.stop();
  const until = Math.floor(Date.now() / 1000);
  // Stale markers follow when the target is gone.
  await eventually("the target is seen to be gone", async () => {
    const { data } = await getJson(`${origin.http}/api/v1/query?query=up`);
    return data.result[0]?.value[1] === "0";
  });
  // A copy of one moment, as a snapshot of the file system gives it.
  origin.child.kill("SIGSTOP");
  await cp(join(dir, "data"), join(dir, "copy"), { recursive: true });
  origin.child.kill("SIGCONT");
  await rm(join(dir, "copy", "lock"), { force: true });

  const appliance = await startAppliance(QUIET);
  running.push(appliance);
  const config = ["--data-dir", appliance.data];
  const first = await run(BINARY, ["import", join(dir, "copy"), ...config]);
  assert.match(first.stdout, /samples/, first.stderr);
  assert.doesNotMatch(first.stdout, /left out/, first.stdout);
  // How far a rate reaches to zero, and which of two equal series is the top one, changed with Prometheus 3.
  const comparable = (query) => binary !== DEBIAN || !/rate|increase|topk/.test(query);
  const compare = async (http, what) => {
    for (const query of QUERIES.filter(comparable)) {
      // Never at a sample's own time: whether a range holds its older end changed with Prometheus 3.
      const begin = end - 48 * HOUR + 0.5;
      const expected = await ranges(origin.http, query, begin, end + HOUR, 293);
      assertSame(await ranges(http, query, begin, end + HOUR, 293), expected, `${what}: ${query}`);
    }
    for (const query of LIVE.filter(comparable)) {
      const expected = await ranges(origin.http, query, live, until, 1);
      assert.ok(expected.length > 0, query);
      assertSame(await ranges(http, query, live, until, 1), expected, `${what}: ${query}`);
    }
  };
  await compare(appliance.http, "imported");
  const again = await run(BINARY, ["import", join(dir, "copy"), ...config]);
  assert.match(again.stdout, / 0 samples/, "a second run has nothing to do");

  const exported = await run(BINARY, ["export", "--to", join(dir, "export"), "--compress", "none", ...config]);
  assert.match(exported.stdout, /days/, exported.stderr);
  const days = (await readdir(join(dir, "export"))).filter((name) => name.endsWith(".om"));
  await run(PROMTOOL, ["tsdb", "create-blocks-from", "openmetrics", join(dir, "export", days[0]), join(dir, "blocks")], { maxBuffer: 1 << 26 });
  assert.ok((await readdir(join(dir, "blocks"))).length > 0, "promtool reads what was exported");
  const second = await startAppliance(QUIET);
  running.push(second);
  await run(BINARY, ["import", join(dir, "export"), "--data-dir", second.data]);
  await compare(second.http, "exported and imported");
}

const missing = (binary) => (!existsSync(binary) || !existsSync(PROMTOOL)) && `${binary} or ${PROMTOOL} is missing`;

test("what Debian's Prometheus stored answers the same after an import, and after an export of that",
  { skip: missing(DEBIAN), timeout: 300000 }, (t) => importLikeOrigin(t, DEBIAN));

test("what a current Prometheus stored answers the same after an import, and after an export of that",
  { skip: CURRENT ? missing(CURRENT) : "BELVEDERE_PROMETHEUS is not set", timeout: 300000 }, (t) => importLikeOrigin(t, CURRENT));

test("a backup that is made during ingest holds all that was acknowledged before", { timeout: 120000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), "belvedere-backup-"));
  const appliance = await startAppliance(QUIET);
  const now = Date.now();
  const metrics = (n) => ({ resourceMetrics: [{ resource: {}, scopeMetrics: [{ metrics: [{ name: "kept", gauge: { dataPoints: [
    { timeUnixNano: `${now + n}000000`, asInt: `${n}` }] } }] }] }] });
  const logs = (n) => ({ resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords: [
    { timeUnixNano: `${now + n}000000`, body: { stringValue: `line number${n}` } }] }] }] });
  const traces = (n) => ({ resourceSpans: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: "kept" } }] }, scopeSpans: [{ spans: [
    { traceId: n.toString(16).padStart(32, "a"), spanId: n.toString(16).padStart(16, "b"), name: "op", kind: 2,
      startTimeUnixNano: `${now + n}000000`, endTimeUnixNano: `${now + n + 1}000000` }] }] }] });
  const send = async (path, body) => getJson(`${appliance.otlp_http}${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const all = async (n) => {
    await send("/v1/metrics", metrics(n));
    await send("/v1/logs", logs(n));
    await send("/v1/traces", traces(n));
  };
  for (let n = 0; n < 50; n++) await all(n);
  let going = true;
  let sent = 50;
  const more = (async () => { while (going) await all(sent++); })();
  const made = await run(BINARY, ["backup", join(dir, "backup"), "--data-dir", appliance.data]);
  assert.match(made.stdout, /files/, made.stderr);
  const again = await run(BINARY, ["backup", join(dir, "backup"), "--data-dir", appliance.data]);
  assert.match(again.stdout, /files/, again.stderr);
  going = false;
  await more;
  const busy = await run(BINARY, ["restore", join(dir, "backup"), "--data-dir", appliance.data]).catch((error) => error);
  assert.match(busy.stderr, /another belvedere|not empty/);
  await appliance.stop();

  const data = join(dir, "restored");
  const restored = await run(BINARY, ["restore", join(dir, "backup"), "--data-dir", data]);
  assert.match(restored.stdout, /files/, restored.stderr);
  const twice = await run(BINARY, ["restore", join(dir, "backup"), "--data-dir", data]).catch((error) => error);
  assert.match(twice.stderr, /not empty/);
  const config = join(dir, "belvedere.yaml");
  await writeFile(config, `listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n${QUIET}`);
  const child = spawn(BINARY, ["serve", "--config", config, "--data-dir", data], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const { http } = await eventually("the restored appliance is ready", async () => {
    const found = JSON.parse(await readFile(join(data, "endpoint.json"), "utf8"));
    return (await fetch(`${found.http}/-/ready`)).ok && found;
  });
  const points = await getJson(`${http}/api/v1/query?query=${encodeURIComponent(`count_over_time(kept[10m] @ ${(now + 60000) / 1000})`)}`);
  assert.ok(Number(points.data.result[0].value[1]) >= 50, JSON.stringify(points));
  const lines = await getJson(`${http}/_count`, { method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: { match_all: {} } }) });
  assert.ok(lines.count >= 50, JSON.stringify(lines));
  for (const n of [0, 17, 49]) {
    const trace = await getJson(`${http}/api/traces/${n.toString(16).padStart(32, "a")}`);
    assert.equal(trace.data[0].spans.length, 1, `trace ${n}`);
  }
  child.kill("SIGTERM");
  await ended;
  await rm(dir, { recursive: true, force: true });
});
