// The origin's service in its own set-up sends all three signals; each is found through the
// Prometheus, Elasticsearch and Jaeger APIs, and a log line leads to its trace.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { eventually, getJson, instant, startAppliance } from "./support/appliance.mjs";
import {
  logOverOtlp,
  logThroughWinston,
  metricsOverOtlp,
  startMetricsPage,
  traceExporters,
  work,
} from "./support/service.mjs";

let appliance;
let page;

before(async () => {
  page = await startMetricsPage();
  appliance = await startAppliance(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: origin
    static_configs:
      - targets: ['127.0.0.1:${page.port}']
`);
});

after(async () => {
  page?.stop();
  if (appliance) assert.equal(await appliance.stop(), 0, "SIGTERM drains and ends with 0");
});

const search = (query) =>
  getJson(`${appliance.http}/fastmcp-logs*,logs-*/_search`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ size: 10, query }),
  });

for (const way of ["jaeger-thrift", "otlp-proto", "otlp-json", "otlp-grpc"]) {
  test(`a trace sent by ${way} is found through the Jaeger API`, async () => {
    const service = `origin-${way}`;
    const { traceId } = await work(service, traceExporters(appliance)[way]);
    const { data } = await eventually("the trace", () =>
      getJson(`${appliance.http}/api/traces/${traceId}`),
    );
    assert.equal(data[0].traceID, traceId);
    const names = data[0].spans.map((span) => span.operationName).sort();
    assert.deepEqual(names, ["call make", "run scenario"]);
    const child = data[0].spans.find((span) => span.operationName === "call make");
    assert.equal(child.references[0].refType, "CHILD_OF");
    assert.ok(child.tags.some((tag) => tag.key === "error" && tag.value === true));
    assert.equal(data[0].processes[child.processID].serviceName, service);
    assert.ok(child.logs.length >= 2, "the exception and the event are there");

    const services = await getJson(`${appliance.http}/api/services`);
    assert.ok(services.data.includes(service));
    const tags = encodeURIComponent(JSON.stringify({ error: "true" }));
    const found = await getJson(`${appliance.http}/api/traces?service=${service}&tags=${tags}`);
    assert.deepEqual(found.data.map((trace) => trace.traceID), [traceId]);
  });
}

test("log lines sent by winston-elasticsearch are found and lead to their trace", async () => {
  const { traceId } = await work("origin-logs", traceExporters(appliance)["jaeger-thrift"]);
  await logThroughWinston(appliance, [
    { level: "info", message: "scenario 42 started" },
    { level: "error", message: "scenario 42 failed: quota exceeded", traceId, scenario: { id: 42 } },
  ]);
  const answer = await eventually("the failing line", async () => {
    const found = await search({ query_string: { query: 'severity:error AND message:"quota exceeded"' } });
    return found.hits.hits.length > 0 && found;
  });
  assert.equal(answer.hits.total.value, 1);
  const line = answer.hits.hits[0]._source;
  assert.equal(line.message, "scenario 42 failed: quota exceeded");
  assert.equal(line.fields.scenario.id, 42);
  const { data } = await getJson(`${appliance.http}/api/traces/${line.fields.traceId}`);
  assert.equal(data[0].traceID, traceId);
  const byTrace = await search({ term: { trace_id: traceId } });
  assert.equal(byTrace.hits.total.value, 1, "the normalised trace_id finds it too");
});

test("metrics of prom-client are scraped", async () => {
  const [runs] = await eventually("the counter", async () => {
    const found = await instant(appliance, 'origin_tool_executions_total{job="origin"}');
    return found.length === 1 && found;
  });
  assert.equal(runs.value[1], "7");
  assert.equal(runs.metric.tool_name, "list-scenarios");
  assert.equal(runs.metric.instance, `127.0.0.1:${page.port}`);
  const [up] = await instant(appliance, 'up{job="origin"}');
  assert.equal(up.value[1], "1");
  const query = "histogram_quantile(0.5, sum by (le) (origin_request_duration_seconds_bucket))";
  const [median] = await instant(appliance, query);
  assert.ok(Math.abs(Number(median.value[1]) - 0.3) < 0.2 + 1e-9, `median ${median.value[1]}`);
});

test("metrics sent over OTLP carry Prometheus' names", async () => {
  await metricsOverOtlp(appliance);
  const [runs] = await eventually("the counter", async () => {
    const found = await instant(appliance, "scenario_runs_total");
    return found.length === 1 && found;
  });
  assert.equal(runs.value[1], "3");
  assert.equal(runs.metric.job, "origin-otlp");
  assert.equal((await instant(appliance, "queue_size"))[0].value[1], "5");
  const [count] = await instant(appliance, "scenario_duration_milliseconds_count");
  assert.equal(count.value[1], "2");
  assert.equal((await instant(appliance, "target_info")).length >= 1, true);
});

test("a log record sent over OTLP is found by its trace through Elasticsearch", async () => {
  const ids = await work("origin-otlp", traceExporters(appliance)["otlp-proto"]);
  await logOverOtlp(appliance, ids);
  const found = await eventually("the record", async () => {
    const answer = await search({ term: { trace_id: ids.traceId } });
    return answer.hits.total.value === 1 && answer;
  });
  const source = found.hits.hits[0]._source;
  assert.equal(source.body, "otlp says quota exceeded");
  assert.equal(source["service.name"] ?? source.service?.name, "origin-otlp");
  assert.match(found.hits.hits[0]._index, /^logs-otlp/);
});

test("what the appliance does is found in the appliance", async () => {
  const [up] = await eventually("own up", async () => {
    const found = await instant(appliance, 'up{job="belvedere"}');
    return found.length === 1 && found;
  });
  assert.equal(up.value[1], "1");
  const cpus = await eventually("host metrics", async () => {
    const found = await instant(appliance, "node_cpu_seconds_total");
    return found.length > 0 && found;
  });
  assert.ok(cpus.some((series) => series.metric.mode === "idle"));
});
