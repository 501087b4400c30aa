// The official MCP TypeScript SDKs over HTTP and stdio list and call the tools, against a Make.com
// that pages, refuses, fails and dawdles; each call is found again as metric, trace and log line.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Client as NextClient, StreamableHTTPClientTransport as NextTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { eventually, getJson, instant, startAppliance } from "./support/appliance.mjs";
import { TOKEN, ids, startMake } from "./support/make.mjs";

const TOOLS = ["get-scenario", "list-scenarios", "logs_search", "metrics_query", "run-scenario", "trace_get"];

let make;
let appliance;

before(async () => {
  make = await startMake();
  appliance = await startAppliance(`
global: {scrape_interval: 1s}
make: {base_url: '${make.url}', token: ${TOKEN}, team_id: 7, tools: run}
`);
});

after(async () => {
  await appliance?.stop();
  await make?.stop();
});

const bearer = () => ({ requestInit: { headers: { Authorization: `Bearer ${appliance.token}` } } });
const overHttp = (options) => new StreamableHTTPClientTransport(new URL(`${appliance.http}/mcp`), options);
const overStdio = (...args) =>
  new StdioClientTransport({ command: process.env.BELVEDERE_BIN, args: ["mcp", ...args], stderr: "ignore" });

const ways = {
  http: () => overHttp(),
  "stdio, by address": () => overStdio("--url", appliance.http),
  "stdio, by data directory": () => overStdio("--data-dir", appliance.data),
};

async function withClient(transport, use) {
  const client = new Client({ name: "belvedere-test", version: "1.0.0" });
  await client.connect(transport);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const call = (client, name, args, meta) =>
  client.callTool({ name, arguments: args, ...(meta && { _meta: meta }) });

for (const [way, transport] of Object.entries(ways)) {
  test(`over ${way} the tools are listed with schemas and answer`, async () => {
    await withClient(transport(), async (client) => {
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name).sort(), TOOLS);
      for (const tool of tools) assert.equal(tool.outputSchema.type, "object", tool.name);
      const answer = await call(client, "metrics_query", { query: "1 + 1" });
      assert.notEqual(answer.isError, true, JSON.stringify(answer));
      assert.equal(answer.structuredContent.series[0].value, 2);
      const wrong = await call(client, "metrics_query", { query: "rate(" });
      assert.equal(wrong.isError, true);
      assert.match(wrong.content[0].text, /parse error/);
      await assert.rejects(call(client, "no_such_tool", {}), /unknown tool/);
    });
  });
}

test("a peer of 2026-07-28 needs no session", async () => {
  const client = new NextClient({ name: "next", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new NextTransport(new URL(`${appliance.http}/mcp`)));
  const { tools } = await client.listTools();
  assert.equal(tools.length, TOOLS.length);
  const answer = await client.callTool({ name: "metrics_query", arguments: { query: "2 * 3" } });
  assert.equal(answer.structuredContent.series[0].value, 6);
  assert.equal(client.getNegotiatedProtocolVersion?.() ?? "2026-07-28", "2026-07-28");
  await client.close();
});

test("scenarios come in pages, and what was cut can be asked for", async () => {
  await withClient(overHttp(), async (client) => {
    const budget = 50_000;
    const first = (await call(client, "list-scenarios", { limit: 150, token_budget: budget })).structuredContent;
    assert.equal(first.returned, 150);
    assert.equal(first.truncated, true);
    const rest = await call(client, "list-scenarios", { limit: 150, offset: Number(first.cursor), token_budget: budget });
    const { scenarios, truncated } = rest.structuredContent;
    assert.deepEqual([scenarios.length, truncated, scenarios[0].id], [100, false, 151]);
    assert.ok(make.asked.some(({ line }) => line.includes("teamId=7") && line.includes("pg[offset]=100")));
    const small = (await call(client, "list-scenarios", { limit: 50, token_budget: 200 })).structuredContent;
    assert.ok(small.returned < 50 && small.truncated && Number(small.cursor) === small.returned);
    assert.doesNotMatch(JSON.stringify(small), /\\u001b/, "control characters are stripped");
  });
});

test("a refusal is waited out, faults are told plainly, a slow answer is awaited", async () => {
  await withClient(overHttp(), async (client) => {
    const limited = await call(client, "get-scenario", { scenarioId: ids.limited });
    assert.equal(limited.structuredContent.scenario.id, ids.limited);
    const asked = make.asked.filter(({ line }) => line.endsWith(`/scenarios/${ids.limited}`));
    assert.equal(asked.length, 2, "once refused, once answered");
    const fails = async (id, pattern) => {
      const answer = await call(client, "get-scenario", { scenarioId: id });
      assert.equal(answer.isError, true);
      assert.match(answer.content[0].text, pattern);
    };
    await fails(ids.broken, /500.*oh no/);
    await fails(ids.forbidden, /403.*Permission denied; scenarios:read/);
    await fails(ids.absent, /404/);
    const slow = await call(client, "get-scenario", { scenarioId: ids.slow });
    assert.equal(slow.structuredContent.scenario.id, ids.slow);
  });
});

test("a wrong token for Make.com is an error that says so and shows no token", async () => {
  const stranger = await startAppliance(`make: {base_url: '${make.url}', token: wrong-secret, team_id: 7}\n`);
  const transport = new StreamableHTTPClientTransport(new URL(`${stranger.http}/mcp`));
  await withClient(transport, async (client) => {
    const { tools } = await client.listTools();
    assert.ok(!tools.some((tool) => tool.name === "run-scenario"), "running must be allowed first");
    const answer = await call(client, "list-scenarios", {});
    assert.equal(answer.isError, true);
    assert.match(answer.content[0].text, /401.*Access denied/);
    assert.doesNotMatch(JSON.stringify(answer) + stranger.log(), /wrong-secret/);
  }).finally(() => stranger.stop());
});

test("only a caller with the scope may run a scenario, and its token stays here", async () => {
  const run = (client) => call(client, "run-scenario", { scenarioId: 3, data: { a: 1 } });
  const refused = await withClient(overHttp(), run);
  assert.equal(refused.isError, true);
  assert.match(refused.content[0].text, /make:run/);
  const answer = await withClient(overHttp(bearer()), run);
  assert.equal(answer.structuredContent.executionId, "e-3");
  assert.deepEqual(answer.structuredContent.outputs, { echoed: { a: 1 } });
  const made = make.asked.filter(({ line }) => line.startsWith("POST"));
  assert.equal(made.length, 1);
  assert.ok(!JSON.stringify(made[0].headers).includes(appliance.token));
});

test("every call is a metric, a trace and a log line in the product", async () => {
  const parent = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  await withClient(overHttp(), async (client) => {
    await call(client, "get-scenario", { scenarioId: 5 }, parent);
    await call(client, "metrics_query", { query: "up" });
  });
  for (const query of [
    'fastmcp_tool_executions_total{tool_name="metrics_query",status="success"}',
    'fastmcp_tool_execution_duration_seconds_count{tool_name="get-scenario",status="error"}',
    'fastmcp_make_api_calls_total{endpoint="/scenarios/{id}",status_code="500"}',
    'fastmcp_make_api_call_duration_seconds_count{endpoint="/scenarios"}',
    'fastmcp_http_requests_total{method="POST",route="/mcp",status_code="200"}',
    'fastmcp_auth_attempts_total{method="bearer",result="success"}',
    'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call"}',
    "fastmcp_active_connections",
    'fastmcp_memory_usage_bytes{type="rss"}',
  ]) {
    const found = await eventually(query, async () => {
      const result = await instant(appliance, query);
      return result.length > 0 && result;
    });
    assert.ok(Number(found[0].value[1]) >= 1, query);
  }
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const spans = await eventually("the trace of the caller", async () => {
    const { data } = await getJson(`${appliance.http}/api/traces/${traceId}`);
    return data[0].spans.some((span) => span.operationName === "GET /scenarios/{id}") && data[0].spans;
  });
  const tool = spans.find((span) => span.operationName === "tools/call get-scenario");
  assert.equal(tool.references.find(({ refType }) => refType === "CHILD_OF").spanID, "b7ad6b7169203331");
  const outgoing = spans.find((span) => span.operationName === "GET /scenarios/{id}");
  assert.equal(outgoing.references[0].spanID, tool.spanID, "the call to Make.com is the tool's child");
  const log = await eventually("the log line", async () => {
    const found = await getJson(`${appliance.http}/logs-*/_search`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query: { term: { trace_id: traceId } } }),
    });
    return found.hits.total.value > 0 && found.hits.hits[0];
  });
  assert.equal(log._source.message ?? log._source.body, "tool call answered");
  await withClient(overHttp(), async (client) => {
    const trace = await call(client, "trace_get", { trace_id: traceId });
    assert.ok(trace.structuredContent.spans.some((span) => span.name === "tools/call get-scenario"));
    const logs = await call(client, "logs_search", { query: `trace_id:${traceId}` });
    assert.ok(logs.structuredContent.records.some((record) => record.body === "tool call answered"));
  });
});

test("without an appliance the command opens the data directory itself", async () => {
  const data = await mkdtemp(join(tmpdir(), "belvedere-stdio-"));
  await withClient(overStdio("--data-dir", data), async (client) => {
    const answer = await call(client, "metrics_query", { query: "vector(7)" });
    assert.equal(answer.structuredContent.series[0].value, 7);
    const endpoint = JSON.parse(await readFile(join(data, "endpoint.json"), "utf8"));
    assert.ok((await fetch(`${endpoint.http}/-/ready`)).ok, "others can reach it meanwhile");
  });
  await eventually("it ends with its pipe", async () => {
    await assert.rejects(readFile(join(data, "endpoint.json")));
    return true;
  });
  await rm(data, { recursive: true, force: true });
});
