// Starts the real binary on free loopback ports in a directory of its own, and ends it by its pid.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const BINARY = process.env.BELVEDERE_BIN;

/** Repeats `probe` until it gives something, and shows the last reason when time is over. */
export async function eventually(what, probe, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  let reason = "nothing came";
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      reason = error.message;
    }
    await wait(50);
  }
  throw new Error(`${what}: not within ${seconds} s; last: ${reason}`);
}

/** Fetches JSON and fails with the body when the status is not 2xx. */
export async function getJson(url, options) {
  const response = await fetch(url, options);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${url}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** Starts an appliance; `config` is appended to a configuration with free ports. */
export async function startAppliance(config = "") {
  if (!BINARY) throw new Error("BELVEDERE_BIN is not set");
  const dir = await mkdtemp(join(tmpdir(), "belvedere-clients-"));
  const configFile = join(dir, "belvedere.yaml");
  const listen = "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n";
  await writeFile(configFile, listen + config);
  const data = join(dir, "data");
  const child = spawn(BINARY, ["serve", "--config", configFile, "--data-dir", data], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (bytes) => (log = (log + bytes).slice(-20000)));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const endpoint = await eventually(
    "the appliance is ready",
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${log}`);
      const found = JSON.parse(await readFile(join(data, "endpoint.json"), "utf8"));
      return (await fetch(`${found.http}/-/ready`)).ok && found;
    },
    20,
  ).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return {
    ...endpoint,
    dir,
    data,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      await rm(dir, { recursive: true, force: true });
      return code;
    },
  };
}

/** Asks the Prometheus API for an instant vector. */
export async function instant(appliance, query) {
  const url = `${appliance.http}/api/v1/query?query=${encodeURIComponent(query)}`;
  return (await getJson(url)).data.result;
}
