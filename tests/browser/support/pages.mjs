// Every page, where it is, and how it can be made to fail.

import { eventually, getJson } from "../../clients/support/appliance.mjs";

const encoded = encodeURIComponent;
const RATE = encoded("sum by (job) (rate(http_server_request_duration_seconds_count[5m]))");

/** Returns where a page is; some are of things that are only known when the demo runs. */
export const pathOf = (world, page) => (typeof page.path === "function" ? page.path(world) : page.path);

/**
 * `path`: where there is something to see. `broken`: an address whose own question fails; the page
 * must say so. `island`: it asks the API and so has a waiting state. `plain`: it promises all it
 * shows without JavaScript. `chart`: it may load the chart's script before interaction.
 */
export const PAGES = [
  { name: "home", path: "/ui" },
  { name: "metrics", path: "/ui/metrics", chart: true },
  { name: "chart", path: `/ui/metrics?q=${RATE}`, broken: "/ui/metrics?q=sum(", island: true, chart: true },
  { name: "table", path: `/ui/metrics?q=${RATE}&view=table`, broken: "/ui/metrics?q=rate(a)&view=table", island: true, chart: true },
  { name: "explain", path: `/ui/metrics?q=${RATE}&view=explain`, broken: "/ui/metrics?q=rate(a)&view=explain", island: true, chart: true },
  { name: "logs", path: "/ui/logs", broken: "/ui/logs?q=severity:(", island: true, chart: true },
  { name: "traces", path: "/ui/traces", broken: "/ui/traces?min=soon" },
  { name: "trace", path: (world) => `/ui/traces/${world.traceId}`, broken: `/ui/traces/${"0123456789abcdef".repeat(2)}`, empty: false },
  { name: "flame", path: (world) => `/ui/traces/${world.traceId}?view=flame`, empty: false },
  { name: "services", path: "/ui/services" },
  { name: "service", path: "/ui/services/checkout", chart: true },
  { name: "alerts", path: "/ui/alerts" },
  { name: "rules", path: "/ui/alerts/rules" },
  { name: "rule", path: (world) => world.rule, broken: "/ui/alerts/rule?rule=no-such-rule", island: true, chart: true, empty: false },
  { name: "silences", path: "/ui/alerts/silences" },
  { name: "receipts", path: "/ui/alerts/log" },
  { name: "infrastructure", path: "/ui/infrastructure" },
  { name: "mcp", path: "/ui/mcp", island: true, chart: true },
  { name: "ingest", path: "/ui/ingest" },
  { name: "health", path: "/ui/health", island: true, chart: true },
  { name: "design", path: "/ui/design", empty: false, chart: true },
  { name: "licences", path: "/ui/licences", empty: false },
];

/** Finds the trace and the rule that the pages of one thing show. */
export async function findThings(demo) {
  const trace = await eventually("a trace with an error", async () => {
    const tags = encoded('{"error":"true"}');
    const { data } = await getJson(`${demo.http}/api/traces?service=checkout&limit=1&tags=${tags}`);
    return data[0];
  });
  const page = await (await fetch(`${demo.http}/ui/alerts/rules`)).text();
  const rule = /href="(\/ui\/alerts\/rule\?[^"]*CheckoutHighErrorRate[^"]*)"/.exec(page);
  if (!rule) throw new Error("the rules page does not link to the rule of the incident");
  return { traceId: trace.traceID, rule: rule[1].replaceAll("&#38;", "&").replaceAll("&amp;", "&") };
}
