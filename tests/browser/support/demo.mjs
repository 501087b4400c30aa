// Starts `belvedere demo` on free ports with its data below a directory of our own.

import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { eventually, getJson } from "../../clients/support/appliance.mjs";

/** Returns the running demo's addresses and `stop`. */
export async function startDemo() {
  const dir = await mkdtemp(join(tmpdir(), "belvedere-browser-"));
  const config = join(dir, "belvedere.yaml");
  await writeFile(config, "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n");
  const child = spawn(process.env.BELVEDERE_BIN, ["demo", "--config", config], {
    env: { ...process.env, TMPDIR: dir },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-20000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const endpoint = await eventually("the demo is ready", async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${log}`);
    const name = (await readdir(dir)).find((one) => one.startsWith("belvedere-demo-"));
    const found = name && JSON.parse(await readFile(join(dir, name, "endpoint.json"), "utf8"));
    return found && (await fetch(`${found.http}/-/ready`)).ok && found;
  });
  return {
    ...endpoint,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      await rm(dir, { recursive: true, force: true });
      return code;
    },
  };
}

/** Waits until every page of the demo has something to show. */
export async function alive(demo) {
  const has = (what, path, found) =>
    eventually(what, async () => found(await getJson(`${demo.http}${path}`)), 90);
  await has("two firing alerts", "/api/v1/alerts", ({ data }) => data.alerts.filter((one) => one.state === "firing").length >= 2);
  await has("a delivered message", "/api/v1/query?query=belvedere_notifications_total", ({ data }) => data.result.length > 0);
  await has("an MCP call", "/api/v1/query?query=fastmcp_tool_executions_total", ({ data }) => data.result.length > 0);
  await has("a host", "/api/v1/query?query=node_memory_MemTotal_bytes", ({ data }) => data.result.length > 0);
}
