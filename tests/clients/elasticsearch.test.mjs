// The official Elasticsearch client of npm writes, refreshes, searches and pages.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "@elastic/elasticsearch";

import { startAppliance } from "./support/appliance.mjs";

let appliance;
let client;

before(async () => {
  appliance = await startAppliance();
  client = new Client({ node: appliance.http });
});

after(async () => {
  await client?.close();
  await appliance?.stop();
});

test("bulk, refresh, search, count and get agree", async () => {
  const documents = [1, 2, 3].map((number) => ({
    "@timestamp": new Date(Date.now() - number * 1000).toISOString(),
    message: `order ${number} shipped`,
    amount: number * 10,
    "service.name": "shop",
  }));
  const operations = documents.flatMap((document, number) => [
    { index: { _index: "orders-2026", _id: `order-${number}` } },
    document,
  ]);
  const bulk = await client.bulk({ operations, refresh: "wait_for" });
  assert.equal(bulk.errors, false);
  assert.deepEqual(bulk.items.map((item) => item.index.status), [201, 201, 201]);

  await client.indices.refresh({ index: "orders-2026" });
  const found = await client.search({
    index: "orders-*",
    query: { bool: { filter: [{ range: { amount: { gte: 20 } } }, { match: { message: "shipped" } }] } },
    sort: [{ "@timestamp": "desc" }],
  });
  assert.equal(found.hits.total.value, 2);
  assert.deepEqual(found.hits.hits.map((hit) => hit._source), [documents[1], documents[2]]);
  assert.equal((await client.count({ index: "orders-2026" })).count, 3);
  const one = await client.get({ index: "orders-2026", id: "order-0" });
  assert.deepEqual(one._source, documents[0]);
});

test("a second create conflicts, an index replaces, a delete removes", async () => {
  const document = { "@timestamp": new Date().toISOString(), message: "once" };
  const actions = [
    { create: { _index: "once", _id: "a" } },
    document,
    { create: { _index: "once", _id: "a" } },
    document,
    { index: { _index: "once", _id: "a" } },
    { ...document, message: "twice" },
    { delete: { _index: "once", _id: "missing" } },
  ];
  const bulk = await client.bulk({ operations: actions, refresh: true });
  assert.equal(bulk.errors, true);
  const statuses = bulk.items.map((item) => Object.values(item)[0].status);
  assert.deepEqual(statuses, [201, 409, 200, 404]);
  assert.equal((await client.get({ index: "once", id: "a" }))._source.message, "twice");
  await client.delete({ index: "once", id: "a" });
  await assert.rejects(client.get({ index: "once", id: "a" }), { statusCode: 404 });
});

test("the log panel of Grafana gets its histogram and its lines in one request", async () => {
  const now = Date.now();
  const lines = [0, 0, 60_000].map((ago, number) => ({
    "@timestamp": new Date(now - ago).toISOString(),
    message: `line ${number}`,
    level: number === 2 ? "error" : "info",
  }));
  await client.bulk({
    operations: lines.flatMap((line) => [{ index: { _index: "panel" } }, line]),
    refresh: true,
  });
  const range = { "@timestamp": { gte: now - 120_000, lte: now + 1000, format: "epoch_millis" } };
  const filter = [{ range }, { query_string: { analyze_wildcard: true, query: "line" } }];
  const answer = await client.msearch({
    searches: [
      { ignore_unavailable: true, index: "panel" },
      {
        size: 500,
        query: { bool: { filter } },
        sort: { "@timestamp": { order: "desc", unmapped_type: "boolean" }, _doc: { order: "desc" } },
        highlight: { fields: { "*": {} }, pre_tags: ["@HIGHLIGHT@"], post_tags: ["@/HIGHLIGHT@"] },
        aggs: {
          1: {
            date_histogram: {
              field: "@timestamp",
              fixed_interval: "30s",
              min_doc_count: 0,
              extended_bounds: { min: now - 120_000, max: now },
              format: "epoch_millis",
            },
            aggs: { 2: { terms: { field: "level.keyword", size: 10, order: { _key: "desc" } } } },
          },
        },
      },
    ],
  });
  const [response] = answer.responses;
  assert.equal(response.status, 200);
  assert.equal(response.hits.hits.length, 3);
  assert.equal(response.hits.hits[2]._source.level, "error");
  const buckets = response.aggregations["1"].buckets;
  assert.ok(buckets.length >= 4, "empty buckets between the bounds are there");
  assert.equal(buckets.reduce((sum, bucket) => sum + bucket.doc_count, 0), 3);
});

test("a query that is not supported says so instead of answering nothing", async () => {
  const query = { script_score: { query: { match_all: {} }, script: { source: "1" } } };
  await assert.rejects(client.search({ index: "panel", query }), (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(JSON.stringify(error.meta.body), /script_score/);
    return true;
  });
});
