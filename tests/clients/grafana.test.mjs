// What Grafana's Prometheus data source and Prometheus' own editor send is answered as they read it: every request
// has the shape of theirs, every check is of what they look at.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { eventually, instant, startAppliance } from "./support/appliance.mjs";
import { startTarget } from "./support/exposition.mjs";
import { query, resource, send } from "./support/grafana.mjs";

/** Names beyond the old letters, in the text format. */
const DOTTED = '# HELP "shop.orders" Orders.\n# TYPE "shop.orders" counter\n{"shop.orders","http.method"="GET"} 3\n{"shop.orders","http.method"="PUT"} 4\n';
/** What the data source asks for at most, unless it is told otherwise. */
const LIMIT = 40000;

let appliance;
let shop;
let dotted;
let base;
/** The last five minutes; the data source writes times in whole seconds for labels, with a fraction for queries. */
let window;

before(async () => {
  shop = await startTarget();
  dotted = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8" }).end(DOTTED));
  await new Promise((resolve) => dotted.listen(0, "127.0.0.1", resolve));
  appliance = await startAppliance(`
host: {enabled: false}
global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: shop, scrape_native_histograms: true, static_configs: [{targets: ['${shop.target}']}]}
  - {job_name: dotted, static_configs: [{targets: ['127.0.0.1:${dotted.address().port}']}]}
`);
  base = appliance.http;
  await eventually("four scrapes of both", async () => {
    const found = await instant(appliance, 'sum_over_time(up{job=~"shop|dotted"}[1m]) >= 4');
    return found.length === 2;
  });
  const now = Math.ceil(Date.now() / 1000);
  window = { start: now - 300, end: now + 1 };
});

after(async () => {
  await shop?.stop();
  dotted?.close();
  if (appliance) assert.equal(await appliance.stop(), 0, "SIGTERM drains and ends with 0");
});

/** The data of an answer, which says that it is one. */
function data(answer) {
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  assert.match(answer.type, /^application\/json/);
  const { status, data: found } = answer.json();
  assert.equal(status, "success");
  return found;
}

const sorted = (list) => [...list].sort();

describe("a data source is set up", () => {
  test("the health check computes 1+1 at the fourth second", async () => {
    const answer = await send(base, "POST", "/api/v1/query", "query=1%2B1&time=4");
    assert.deepEqual(data(answer), { resultType: "scalar", result: [4, "2"] });
  });

  test("the build tells a version and no features, which makes it a Prometheus", async () => {
    const answer = await resource(base, "/api/v1/status/buildinfo");
    assert.deepEqual(answer.methods, ["POST", "GET"], "POST is refused, not unknown");
    const { version, features } = data(answer);
    assert.match(version, /^\d+\.\d+\.\d+$/);
    const [major, minor] = version.split(".").map(Number);
    assert.ok(major > 2 || minor >= 24, "labels can be asked for with match[]");
    assert.equal(features, undefined);
  });

  test("recording rules are read, to be expanded in the editor", async () => {
    const { groups } = data(await resource(base, "/api/v1/rules"));
    const recording = groups.flatMap(({ rules }) => rules).filter(({ type }) => type === "recording");
    assert.ok(recording.length > 0 && recording.every(({ name, query: text }) => name && text), JSON.stringify(recording[0]));
  });

  test("exemplars are known to be there by a question whose times are milliseconds", async () => {
    const now = Date.now();
    const asked = { query: "test", start: now - 1_800_000, end: now };
    const answer = await resource(base, "/api/v1/query_exemplars", asked);
    assert.deepEqual(answer.methods, ["POST"]);
    assert.deepEqual(data(answer), []);
  });
});

describe("the editor", () => {
  test("metadata: type, help and unit of each metric, at most as many as asked for", async () => {
    const all = data(await resource(base, "/api/v1/metadata", { limit: LIMIT }));
    assert.deepEqual(all.shop_requests_total, [{ type: "counter", help: "Requests by route.", unit: "" }]);
    assert.equal(all.shop_size_bytes[0].type, "histogram");
    assert.equal(all.shop_wait_seconds[0].type, "summary");
    assert.equal(all["shop.orders"][0].help, "Orders.");
    const some = data(await resource(base, "/api/v1/metadata", { limit: 2 }));
    assert.equal(Object.keys(some).length, 2);
  });

  test("names of metrics, cut where a limit says so", async () => {
    const names = data(await resource(base, "/api/v1/label/__name__/values", { ...window, limit: LIMIT }));
    for (const name of ["shop_requests_total", "shop_size_bytes_bucket", "shop.orders", "up"]) assert.ok(names.includes(name), name);
    assert.deepEqual(names, sorted(names));
    const cut = (await resource(base, "/api/v1/label/__name__/values", { ...window, limit: 3 })).json();
    assert.deepEqual([cut.data.length, cut.warnings], [3, ["results truncated due to limit"]]);
    const past = await resource(base, "/api/v1/label/__name__/values", { start: 1, end: 2, limit: LIMIT });
    assert.deepEqual(data(past), []);
  });

  test("names of labels, by a form, of all series and of some", async () => {
    const all = await resource(base, "/api/v1/labels", { limit: LIMIT, ...window });
    assert.deepEqual(all.methods, ["POST"]);
    for (const name of ["__name__", "http.method", "job", "le", "route"]) assert.ok(data(all).includes(name), name);
    const some = await resource(base, "/api/v1/labels", { ...window, "match[]": '{job="shop",__name__="shop_load"}' });
    assert.deepEqual(data(some), ["__name__", "instance", "job", "shard"]);
    const several = await resource(base, "/api/v1/labels", { ...window, "match[]": ['{"shop.orders"}', "shop_load"] });
    assert.deepEqual(data(several), ["__name__", "http.method", "instance", "job", "shard"]);
  });

  test("values of a label, of some series, with names beyond the old letters", async () => {
    const kinds = await resource(base, "/api/v1/label/kind/values", { ...window, limit: LIMIT, "match[]": '{__name__="shop_size_bytes_bucket"}' });
    assert.deepEqual(data(kinds), Array.from({ length: 10 }, (_, index) => `${index}`));
    const escaped = await resource(base, "/api/v1/label/U__http_2e_method/values", { ...window, limit: LIMIT, "match[]": '{"shop.orders"}' });
    assert.deepEqual(data(escaped), ["GET", "PUT"]);
    const none = await resource(base, "/api/v1/label/nothing/values", { ...window, limit: LIMIT });
    assert.deepEqual(data(none), []);
  });

  test("series by a form: all of them, those with a label, and of a variable", async () => {
    const all = await resource(base, "/api/v1/series", { ...window, "match[]": '{__name__!=""}', limit: LIMIT });
    assert.deepEqual(all.methods, ["POST"]);
    assert.ok(data(all).length > 500 && data(all).every((labels) => labels.__name__), `${data(all).length} series`);
    const labelled = await resource(base, "/api/v1/series", { ...window, "match[]": '{"http.method"!=""}', limit: LIMIT });
    assert.deepEqual(sorted(data(labelled).map((labels) => labels["http.method"])), ["GET", "PUT"]);
    const variable = await resource(base, "/api/v1/series", { "match[]": 'shop_load{shard=~"1 .*"}', ...window });
    assert.deepEqual(data(variable).map(({ shard, __name__: name }) => [name, shard]), [["shop_load", "1 é"]]);
  });

  test("suggestions within scopes and filters: parameters in the address of a POST", async () => {
    const names = await resource(base, "/api/v1/labels", { "match[]": 'shop_load{job="shop"}', ...window, limit: 1000 }, { inAddress: true });
    assert.deepEqual([names.methods, data(names)], [["POST"], ["__name__", "instance", "job", "shard"]]);
    const values = await resource(base, "/api/v1/label/job/values", { "match[]": '{job=~"sh.p"}', ...window }, { inAddress: true });
    assert.deepEqual([values.methods, data(values)], [["POST", "GET"], ["shop"]]);
  });

  test("a selector that cannot be read is refused in words, by both methods", async () => {
    const answer = await resource(base, "/api/v1/series", { ...window, "match[]": "up{" });
    assert.deepEqual(answer.methods, ["POST", "GET"]);
    assert.equal(answer.status, 400);
    const { status, errorType, error } = answer.json();
    assert.deepEqual([status, errorType], ["error", "bad_data"]);
    assert.match(error, /parse error/);
  });
});

describe("panels and alerts", () => {
  test("an instant query gives pairs of a time and a text", async () => {
    const time = window.end - 1.5;
    const { resultType, result } = data(await query(base, "/api/v1/query", { query: 'sum by (job) (up{job="shop"})', time, timeout: "60s" }));
    assert.deepEqual([resultType, result], ["vector", [{ metric: { job: "shop" }, value: [time, "1"] }]]);
  });

  test("a range query begins at its start, with steps of a fraction of a second", async () => {
    const [start, end] = [window.end - 2.75, window.end - 1.25];
    const { resultType, result } = data(await query(base, "/api/v1/query_range", { query: "vector(1) + 0 * time()", start, end, step: "0.5", timeout: "1m0s" }));
    assert.equal(resultType, "matrix");
    assert.deepEqual(result, [{ metric: {}, values: [start, start + 0.5, start + 1, start + 1.5].map((time) => [time, "1"]) }]);
  });

  test("native histograms come as count, sum and buckets of four", async () => {
    const asked = { query: 'shop_latency_seconds{route="/route/1"}', start: window.end - 2, end: window.end - 1, step: "1" };
    const { result } = data(await query(base, "/api/v1/query_range", asked));
    const [time, { count, sum, buckets }] = result[0].histograms[0];
    assert.equal(typeof time, "number");
    assert.ok(Number(count) > 0 && Number.isFinite(Number(sum)), `${count}, ${sum}`);
    assert.ok(buckets.length > 3 && buckets.every(([kind, ...rest]) => [0, 1, 2, 3].includes(kind) && rest.length === 3 && rest.every((one) => typeof one === "string")));
  });

  test("annotations of a query stand beside its data, as lists of texts", async () => {
    const answer = await query(base, "/api/v1/query", { query: "quantile_over_time(2, shop_load[5s]) + rate(shop_load[5s])", time: window.end });
    const { warnings, infos } = answer.json();
    assert.match(warnings[0], /^PromQL warning: .* \(1:\d+\)$/);
    assert.match(infos[0], /^PromQL info: metric might not be a counter.* \(1:\d+\)$/);
  });

  test("exemplars name their series, and come with labels, a text and seconds", async () => {
    const answer = await query(base, "/api/v1/query_exemplars", { query: 'rate(shop_requests_total{route="/route/7"}[5m])', ...window });
    const [{ seriesLabels, exemplars }] = data(answer);
    assert.equal(seriesLabels.route, "/route/7");
    const [{ labels, value, timestamp }] = exemplars;
    assert.match(labels.trace_id, /^c7-\d+$/);
    assert.deepEqual([typeof value, typeof timestamp], ["string", "number"]);
    assert.ok(timestamp >= window.start && timestamp <= window.end, `${timestamp}`);
  });

  test("a fault is JSON with Prometheus' type and words, whatever its status", async () => {
    for (const [path, asked, expected] of [
      ["/api/v1/query", { query: "sum(" }, [400, "bad_data"]],
      ["/api/v1/query", { query: "up + on () group_left () up", time: window.end }, [422, "execution"]],
      ["/api/v1/query_range", { query: "up", start: 2, end: 1, step: 1 }, [400, "bad_data"]],
      ["/api/v1/query_range", { query: "up", start: 0, end: 20_000, step: 1 }, [400, "bad_data"]],
    ]) {
      const answer = await query(base, path, asked);
      const { status, errorType, error } = answer.json();
      assert.deepEqual([answer.status, errorType, status, typeof error], [...expected, "error", "string"], JSON.stringify(asked));
    }
  });

  test("the rules of a data source are listed in pages and found by file, group and name", async () => {
    const first = data(await send(base, "GET", "/api/v1/rules?exclude_alerts=true&group_limit=1"));
    assert.equal(first.groups.length, 1);
    const [{ name, file, rules }] = first.groups;
    assert.ok(rules.every((rule) => rule.type === "recording" || !rule.alerts?.length), "without alerts");
    const second = data(await send(base, "GET", `/api/v1/rules?group_limit=1&group_next_token=${encodeURIComponent(first.groupNextToken)}`));
    assert.notEqual(`${second.groups[0].file} ${second.groups[0].name}`, `${file} ${name}`);
    // Names without brackets are for another server, which knows those with brackets not.
    const [group, at] = [name, file].map(encodeURIComponent);
    const found = data(await send(base, "GET", `/api/v1/rules?file=${at}&file%5B%5D=${at}&rule_group=${group}&rule_group%5B%5D=${group}&rule_name=${rules[0].name}&rule_name%5B%5D=${rules[0].name}`));
    assert.deepEqual(found.groups.map((one) => [one.file, one.name, one.rules.map((rule) => rule.name)]), [[file, name, [rules[0].name]]]);
  });
});

// Its client is Prometheus' own codemirror-promql; the one of our page asks by GET, others by its default, POST.
describe("an editor with codemirror-promql", () => {
  const ask = async (path, init) => {
    const response = await fetch(`${base}${path}`, { ...init, headers: new Headers() });
    const { status, data: found } = await response.json();
    assert.equal(status, "success", path);
    return found;
  };
  const recent = () => ({ start: new Date(Date.now() - 43_200_000).toISOString(), end: new Date(Date.now() + 1_000).toISOString() });

  test("asks for names of labels and for series by form", async () => {
    const names = await ask("/api/v1/labels", { method: "POST", body: new URLSearchParams() });
    assert.ok(names.includes("route"), names.join());
    const some = await ask("/api/v1/labels", { method: "POST", body: new URLSearchParams({ ...recent(), "match[]": "shop_load" }) });
    assert.deepEqual(some, ["__name__", "instance", "job", "shard"]);
    const series = await ask("/api/v1/series", { method: "POST", body: new URLSearchParams({ ...recent(), "match[]": 'shop_size_bytes_count{kind=~"[01]",job!=""}' }) });
    assert.deepEqual(sorted(series.map(({ kind }) => kind)), ["0", "1"]);
  });

  test("and by address, with nothing behind the question mark where it has nothing to say", async () => {
    assert.ok((await ask("/api/v1/labels?", { method: "GET", body: null })).includes("le"));
    assert.ok((await ask("/api/v1/label/__name__/values?")).includes("shop_load"));
    assert.deepEqual(await ask(`/api/v1/label/kind/values?${new URLSearchParams({ ...recent(), "match[]": 'shop_size_bytes_count{kind!~"[0-7]"}' })}`), ["8", "9"]);
    assert.equal((await ask(`/api/v1/series?${new URLSearchParams({ "match[]": "shop_wait_seconds_count" })}`)).length, 20);
  });

  test("reads all metadata and the flags", async () => {
    const metadata = await ask("/api/v1/metadata");
    assert.deepEqual(Object.keys(metadata.shop_load[0]).sort(), ["help", "type", "unit"]);
    const flags = await ask("/api/v1/status/flags");
    assert.ok(Object.values(flags).every((value) => typeof value === "string"));
  });

  test("formats and explains what is written", async () => {
    assert.equal(await ask(`/api/v1/format_query?${new URLSearchParams({ query: "sum(up)by(job)" })}`), "sum by (job) (up)");
    assert.equal(await ask("/api/v1/format_query", { method: "POST", body: new URLSearchParams({ query: "a+b" }) }), "a + b");
    const tree = await ask(`/api/v1/parse_query?${new URLSearchParams({ query: "rate(up[5m])" })}`);
    assert.deepEqual([tree.type, tree.args[0].type, tree.args[0].name], ["call", "matrixSelector", "up"]);
  });
});
