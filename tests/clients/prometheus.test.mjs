// Debian's Prometheus scrapes Debian's node exporter and remote-writes into the appliance; queries
// that both answer agree to 1e-9.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { eventually, getJson, startAppliance } from "./support/appliance.mjs";

const PROMETHEUS = "/usr/bin/prometheus";
const NODE_EXPORTER = "/usr/bin/prometheus-node-exporter";

const QUERIES = [
  "up",
  "node_memory_MemTotal_bytes",
  "sum by (mode) (node_cpu_seconds_total)",
  "sum without (cpu) (rate(node_cpu_seconds_total[8s]))",
  "topk(3, node_filesystem_size_bytes)",
  "avg_over_time(node_load1[7s])",
  "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes",
  'label_replace(node_uname_info, "os", "$1", "sysname", "(.*)")',
  "quantile(0.9, node_network_transmit_bytes_total)",
  "max_over_time(rate(node_cpu_seconds_total{mode='idle'}[5s])[6s:2s])",
  'count by (__name__) ({__name__=~"node_(cpu|disk).*"})',
  'node_network_up * on (device) group_left (operstate) node_network_info{device="lo"}',
  "prometheus_tsdb_head_series > bool 0",
];

let appliance;
let prometheusUrl;
const children = [];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(command, args) {
  const child = spawn(command, args, { stdio: "ignore" });
  children.push(child);
}

before(async () => {
  for (const tool of [PROMETHEUS, NODE_EXPORTER]) {
    assert.ok(existsSync(tool), `not run: ${tool} is missing (Debian package of that name)`);
  }
  // What the appliance says of itself would be more than what Prometheus sent.
  appliance = await startAppliance("telemetry: {self: false}\nhost: {enabled: false}\n");
  const [exporterPort, prometheusPort] = [await freePort(), await freePort()];
  const config = join(appliance.dir, "prometheus.yml");
  await writeFile(
    config,
    `
global: {scrape_interval: 1s, external_labels: {}}
scrape_configs:
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:${exporterPort}']}]
  - job_name: prometheus
    static_configs: [{targets: ['127.0.0.1:${prometheusPort}']}]
remote_write:
  - url: ${appliance.http}/api/v1/write
    queue_config: {batch_send_deadline: 200ms}
`,
  );
  start(NODE_EXPORTER, [`--web.listen-address=127.0.0.1:${exporterPort}`]);
  start(PROMETHEUS, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(appliance.dir, "prometheus")}`,
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
  ]);
  prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
});

after(async () => {
  const ends = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(ends);
  await appliance?.stop();
});

/** Result as a map from label set to points, so that order does not matter. */
async function points(base, path, parameters) {
  const { data } = await getJson(`${base}${path}?${new URLSearchParams(parameters)}`);
  return new Map(
    data.result.map((series) => {
      const labels = JSON.stringify(Object.entries(series.metric).sort());
      return [labels, (series.values ?? [series.value]).map(([at, value]) => [at, Number(value)])];
    }),
  );
}

function assertSame(query, theirs, ours) {
  assert.ok(theirs.size > 0, `${query}: Prometheus answers something`);
  assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort(), query);
  for (const [labels, expected] of theirs) {
    const found = ours.get(labels);
    assert.deepEqual(found.map(([at]) => at), expected.map(([at]) => at), `${query} ${labels}`);
    for (const [index, [, value]] of expected.entries()) {
      const distance = Math.abs(found[index][1] - value) / Math.max(1e-300, Math.abs(value));
      const same = Object.is(found[index][1], value) || distance <= 1e-9 || found[index][1] === value;
      assert.ok(same, `${query} ${labels}: ${found[index][1]} instead of ${value}`);
    }
  }
}

test("queries over remote-written data agree with the Prometheus that sent them", async () => {
  const first = await eventually("Prometheus has ten scrapes", async () => {
    const count = await points(prometheusUrl, "/api/v1/query", {
      query: 'count_over_time(up{job="node"}[1m])',
    });
    const [[[at, scrapes]]] = [...count.values()];
    return scrapes >= 12 && at;
  });
  // Not on a sample: version 2.42 counts both ends of a range, later versions only the last.
  const time = (Math.floor(first) - 2.4995).toFixed(4);
  await eventually("everything up to then was sent", async () => {
    const query = "min(timestamp({job=~'node|prometheus'}))";
    const newest = await points(appliance.http, "/api/v1/query", { query });
    const [[[, sentUpTo]]] = [...newest.values()];
    return sentUpTo > Number(time) + 1;
  });
  for (const query of QUERIES) {
    const instant = { query, time };
    assertSame(
      query,
      await points(prometheusUrl, "/api/v1/query", instant),
      await points(appliance.http, "/api/v1/query", instant),
    );
    const range = { query, start: (Number(time) - 4).toFixed(4), end: time, step: "1" };
    assertSame(
      query,
      await points(prometheusUrl, "/api/v1/query_range", range),
      await points(appliance.http, "/api/v1/query_range", range),
    );
  }
});
