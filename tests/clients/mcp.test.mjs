// The official MCP TypeScript SDK over HTTP and stdio lists and calls the tools; each call is
// found again as a trace and as a metric.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { eventually, getJson, instant, startAppliance } from "./support/appliance.mjs";

const EXPECTED = [
  "get-scenario",
  "list-scenarios",
  "logs_search",
  "metrics_query",
  "run-scenario",
  "trace_get",
];

let appliance;

before(async () => {
  appliance = await startAppliance("global: {scrape_interval: 1s}\n");
});

after(() => appliance?.stop());

async function withClient(transport, use) {
  const client = new Client({ name: "belvedere-test", version: "1.0.0" });
  await client.connect(transport);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const ways = {
  http: () => new StreamableHTTPClientTransport(new URL(`${appliance.http}/mcp`)),
  stdio: () =>
    new StdioClientTransport({
      command: process.env.BELVEDERE_BIN,
      args: ["mcp", "--url", appliance.http],
      stderr: "ignore",
    }),
};

for (const [way, transport] of Object.entries(ways)) {
  test(`over ${way} the tools are listed with schemas and answer`, async () => {
    await withClient(transport(), async (client) => {
      const { tools } = await client.listTools();
      const names = tools.map((tool) => tool.name);
      for (const name of EXPECTED.filter((name) => !name.startsWith("run-"))) {
        assert.ok(names.includes(name), `${name} is listed, got ${names}`);
      }
      const metrics = tools.find((tool) => tool.name === "metrics_query");
      assert.equal(metrics.outputSchema.type, "object");
      const answer = await client.callTool({ name: "metrics_query", arguments: { query: "1 + 1" } });
      assert.notEqual(answer.isError, true, JSON.stringify(answer));
      assert.match(JSON.stringify(answer.structuredContent), /2/);
      const wrong = await client.callTool({ name: "metrics_query", arguments: { query: "rate(" } });
      assert.equal(wrong.isError, true);
      assert.match(JSON.stringify(wrong.content), /parse error/);
    });
  });
}

test("every call is a metric, a trace and a log line in the product", async () => {
  await withClient(ways.http(), (client) =>
    client.callTool({ name: "metrics_query", arguments: { query: "up" } }),
  );
  const query = 'fastmcp_tool_executions_total{tool_name="metrics_query",status="success"}';
  const [calls] = await eventually("the counter", async () => {
    const found = await instant(appliance, query);
    return found.length > 0 && found;
  });
  assert.ok(Number(calls.value[1]) >= 1);
  const traces = await eventually("the span", async () => {
    const operation = encodeURIComponent("tools/call metrics_query");
    const url = `${appliance.http}/api/traces?service=belvedere&operation=${operation}`;
    const { data } = await getJson(url);
    return data.length > 0 && data;
  });
  const traceId = traces[0].traceID;
  await eventually("the log line", async () => {
    const found = await getJson(`${appliance.http}/logs-*/_search`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query: { term: { trace_id: traceId } } }),
    });
    return found.hits.total.value > 0;
  });
});
