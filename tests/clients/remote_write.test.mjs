// Prometheus scrapes 500 series of all kinds and sends them on by remote write: Debian's in version 1.0 of the
// protocol, the one that BELVEDERE_PROMETHEUS names in 1.0 and 2.0. Both sides have the same samples, native
// histograms and exemplars afterwards, bit by bit, and the sender lost nothing.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { eventually, getJson, startAppliance } from "./support/appliance.mjs";
import { SERIES, startTarget } from "./support/exposition.mjs";

const DEBIAN = "/usr/bin/prometheus";
const CURRENT = process.env.BELVEDERE_PROMETHEUS;
const V1 = "prometheus.WriteRequest";
const V2 = "io.prometheus.write.v2.Request";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a Prometheus that scrapes `target` every second and sends to `appliance`. */
async function startPrometheus(binary, { target, appliance, message }) {
  const dir = await mkdtemp(join(tmpdir(), "belvedere-sender-"));
  const port = await freePort();
  const current = message !== undefined;
  const jobs = [["shop", current ? ", scrape_native_histograms: true" : ""]];
  // Classic histograms as native ones with custom buckets exist in 2.0 of the protocol only.
  if (message === V2) jobs.push(["custom", ", scrape_native_histograms: true, convert_classic_histograms_to_nhcb: true"]);
  await writeFile(join(dir, "prometheus.yml"), `
global: {scrape_interval: 1s}
scrape_configs:
${jobs.map(([name, more]) => `  - {job_name: ${name}, static_configs: [{targets: ['${target}']}]${more}}`).join("\n")}
remote_write:
  - url: ${appliance.http}/api/v1/write
    send_exemplars: true
    send_native_histograms: true
    queue_config: {batch_send_deadline: 200ms}
    metadata_config: {send_interval: 1s}
${current ? `    protobuf_message: ${message}` : ""}
`);
  const features = ["exemplar-storage", current ? "metadata-wal-records" : "native-histograms"];
  const child = spawn(binary, [
    `--config.file=${join(dir, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(dir, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--enable-feature=${features.join(",")}`,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-20000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    http: `http://127.0.0.1:${port}`,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function ask(base, path, parameters) {
  return (await getJson(`${base}/api/v1/${path}?${new URLSearchParams(parameters)}`)).data;
}

/**
 * The samples that `query` finds at `at`: label set → times with values and histograms, numbers as numbers.
 * Ranges of histograms come out mixed up of Prometheus 2.42, so there every scrape is asked for by itself.
 */
async function points(base, query, at) {
  const { result } = await ask(base, "query", { query, time: at });
  return new Map(result.map(({ metric, value, values, histogram, histograms }) => [
    JSON.stringify(Object.entries(metric).sort()),
    {
      values: (values ?? (value ? [value] : [])).map(([time, one]) => [time, number(one)]),
      histograms: (histograms ?? (histogram ? [histogram] : [])).map(([time, { count, sum, buckets = [] }]) =>
        [time, { count: number(count), sum: number(sum), buckets: buckets.map(([kind, ...rest]) => [kind, ...rest.map(number)]) }]),
    },
  ]));
}

const number = (text) => ({ "+Inf": Infinity, "-Inf": -Infinity })[text] ?? Number(text);

/** Exemplars as a map of series to a list sorted by time. */
async function exemplars(base, start, end) {
  const data = await ask(base, "query_exemplars", { query: '{job=~"shop|custom"}', start, end });
  return new Map(data.map(({ seriesLabels, exemplars: all }) => [
    JSON.stringify(Object.entries(seriesLabels).sort()),
    all.map(({ labels, value, timestamp }) => [timestamp, labels, Number(value)]).sort(([one], [other]) => one - other),
  ]));
}

function assertSame(what, theirs, ours) {
  assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort(), `series of ${what}`);
  for (const [labels, expected] of theirs) assert.deepEqual(ours.get(labels), expected, `${what} of ${labels}`);
}

/** The value of one of the sender's own counters, over all its labels. */
async function counted(base, name) {
  const body = await (await fetch(`${base}/metrics`)).text();
  const lines = body.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

async function sendsAll(binary, message) {
  const appliance = await startAppliance("telemetry: {self: false}\nhost: {enabled: false}\n");
  const target = await startTarget();
  const prometheus = await startPrometheus(binary, { target: target.target, appliance, message });
  try {
    const newest = await eventually("ten scrapes are stored", async () => {
      const { result } = await ask(prometheus.http, "query", { query: 'count_over_time(up{job="shop"}[1m])' });
      return Number(result[0].value[1]) >= 10 && result[0].value[0];
    }, 60).catch((error) => {
      throw new Error(`${error.message}\n${prometheus.log()}`);
    });
    // Between two scrapes, since versions differ in whether a range has its left end.
    const at = (Math.floor(newest) - 2.4995).toFixed(4);
    await eventually("everything up to then was sent", async () => {
      const { result } = await ask(appliance.http, "query", { query: 'min(timestamp({job=~"shop|custom"}))' });
      return Number(result[0].value[1]) > Number(at) + 1;
    });
    const asked = [0, 1, 2, 3, 4].map((back) => ['{job=~"shop|custom"}', (Number(at) - back).toFixed(4)]);
    if (message) asked.push(['{job=~"shop|custom"}[20s]', at]);
    for (const [query, time] of asked) {
      const theirs = await points(prometheus.http, query, time);
      assert.ok(theirs.size >= SERIES, `${theirs.size} series`);
      const native = [...theirs.values()].filter(({ histograms }) => histograms.length > 0).length;
      assert.ok(native >= (message === V2 ? 100 : 50), `${native} series of native histograms`);
      assertSame(query, theirs, await points(appliance.http, query, time));
    }
    const [start, end] = [(Number(at) - 8).toFixed(3), at];
    const sent = await exemplars(prometheus.http, start, end);
    // Prometheus 3.14 reads those of the first native histogram of a family only.
    assert.ok(sent.size >= 150 + 10 + 1, `${sent.size} series have exemplars`);
    assertSame("exemplars", sent, await exemplars(appliance.http, start, end));
    for (const kind of ["samples", "histograms", "exemplars"]) {
      assert.equal(await counted(prometheus.http, `prometheus_remote_storage_${kind}_failed_total`), 0, `failed ${kind}`);
      assert.equal(await counted(prometheus.http, `prometheus_remote_storage_${kind}_dropped_total`), 0, `dropped ${kind}`);
    }
    // Prometheus 3.14.0 puts no metadata into messages of 2.0: nobody tells its store that it was asked to.
    const described = await counted(prometheus.http, "prometheus_remote_storage_metadata_total");
    if (message === V2 && described === 0) return;
    const families = ["shop_requests_total", "shop_load", "shop_wait_seconds", "shop_size_bytes", "shop_latency_seconds"];
    await eventually("metadata came", async () => {
      const [own, other] = [await ask(appliance.http, "metadata", {}), await ask(prometheus.http, "metadata", {})];
      for (const name of families) assert.deepEqual(own[name], other[name], name);
      return true;
    });
  } finally {
    await prometheus.stop();
    await target.stop();
    await appliance.stop();
  }
}

test("Debian's Prometheus sends 500 series by remote write 1.0", async () => {
  assert.ok(existsSync(DEBIAN), `not run: ${DEBIAN} is missing (Debian package prometheus)`);
  await sendsAll(DEBIAN);
});

const skip = CURRENT ? false : "BELVEDERE_PROMETHEUS names no current Prometheus";

test("a current Prometheus sends 500 series by remote write 1.0", { skip }, () => sendsAll(CURRENT, V1));

test("a current Prometheus sends 500 series by remote write 2.0", { skip }, () => sendsAll(CURRENT, V2));
