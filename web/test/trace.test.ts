import assert from "node:assert/strict";
import { test } from "node:test";
import { childCounts, criticalPath, EVERYTHING, lengthOf, select, type Skeleton } from "../src/lib/trace";

// root [0..100] ─ auth [5..20], work [20..90] ─ sql [30..60], cache [61..62]; log [95..120] outlives.
const TRACE: Skeleton = {
  ids: ["a", "b", "c", "d", "e", "f"],
  parents: [-1, 0, 0, 2, 2, 0],
  depths: [0, 1, 1, 2, 2, 1],
  names: ["GET /pay", "auth", "work", "SELECT", "get", "log"],
  of: [0, 1, 0, 2, 3, 0],
  services: ["shop", "auth", "sql", "cache"],
  starts: [0, 5, 20, 30, 61, 95],
  lengths: [100, 15, 70, 30, 1, 25],
  kinds: ["server", "client", "internal", "client", "client", "producer"],
  failed: [3],
  orphans: [],
};
const failed = new Set(TRACE.failed);
const names = (rows: number[]) => rows.map((place) => TRACE.names[place]);

test("a filter hides what does not match and keeps the way to what does", () => {
  assert.equal(select(TRACE, EVERYTHING, failed).rows.length, 6);
  const found = select(TRACE, { ...EVERYTHING, text: "select" }, failed);
  assert.deepEqual(names(found.rows), ["GET /pay", "work", "SELECT"]);
  assert.equal(found.count, 1);
  assert.deepEqual([...found.matches], [0, 0, 0, 1, 0, 0]);
  assert.deepEqual(names(select(TRACE, { ...EVERYTHING, onlyFailed: true }, failed).rows), ["GET /pay", "work", "SELECT"]);
  assert.deepEqual(names(select(TRACE, { ...EVERYTHING, shortest: 30 }, failed).rows), ["GET /pay", "work", "SELECT"]);
  assert.equal(select(TRACE, { ...EVERYTHING, text: "nothing" }, failed).rows.length, 0);
});

test("folding and switching a service off take whole branches and single spans", () => {
  assert.deepEqual(names(select(TRACE, { ...EVERYTHING, folded: new Set([2]) }, failed).rows), ["GET /pay", "auth", "work", "log"]);
  assert.deepEqual(names(select(TRACE, { ...EVERYTHING, hidden: new Set(["shop"]) }, failed).rows), ["GET /pay", "auth", "work", "SELECT", "get"]);
});

test("the critical path is what the end waited for", () => {
  assert.deepEqual([...criticalPath(TRACE)].sort(), [0, 1, 2, 3, 4]);
  assert.equal(lengthOf(TRACE), 120);
  assert.deepEqual([...childCounts(TRACE)], [3, 0, 2, 0, 0, 0]);
});

test("a trace of 20,000 spans is filtered within a frame or two", () => {
  const size = 20_000;
  const many = Array.from({ length: size }, (_, place) => place);
  const wide: Skeleton = {
    ids: many.map(String),
    parents: many.map((place) => (place === 0 ? -1 : Math.floor((place - 1) / 8))),
    depths: many.map(() => 1),
    names: many.map((place) => `op ${place}`),
    of: many.map(() => 0),
    services: ["shop"],
    starts: many,
    lengths: many.map(() => 10),
    kinds: many.map(() => "internal"),
    failed: [],
    orphans: [],
  };
  const begin = performance.now();
  assert.ok(select(wide, { ...EVERYTHING, text: "99" }, new Set()).count > 100);
  criticalPath(wide);
  assert.ok(performance.now() - begin < 500, "far above a frame, so that a busy machine passes");
});
