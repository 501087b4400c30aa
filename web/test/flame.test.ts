import assert from "node:assert/strict";
import { test } from "node:test";
import { cellAt } from "../src/draw/flame";
import { all, layout, merge, pathOf, selfTimes } from "../src/lib/flame";
import type { Skeleton } from "../src/lib/trace";

// root [0..100] calls sql [10..30], sql [20..50] at the same time, and render [60..130] that outlives it.
const TRACE: Skeleton = {
  ids: ["a", "b", "c", "d", "e"],
  parents: [-1, 0, 0, 0, 3],
  depths: [0, 1, 1, 1, 2],
  names: ["GET", "SELECT", "SELECT", "render", "SELECT"],
  of: [0, 1, 1, 0, 1],
  services: ["shop", "db"],
  starts: [0, 10, 20, 60, 70],
  lengths: [100, 20, 30, 70, 10],
  kinds: ["server", "client", "client", "internal", "client"],
  failed: [2],
  orphans: [],
};

test("a span's own time is what none of its children took", () => {
  assert.deepEqual([...selfTimes(TRACE)], [20, 20, 30, 60, 10]);
});

test("spans of one service and operation on one way are one frame", () => {
  const whole = merge(TRACE);
  assert.equal(whole.total, 140);
  assert.equal(whole.spans, 5);
  const [get] = whole.children;
  assert.deepEqual(get?.children.map(({ name, spans, failed, total }) => [name, spans, failed, total]), [
    ["render", 1, 0, 70],
    ["SELECT", 2, 1, 50],
  ]);
  const deepest = get?.children[0]?.children[0];
  assert.deepEqual(deepest && pathOf(deepest).map(({ name }) => name), ["", "GET", "render", "SELECT"]);
});

test("cells fill their row and are found under the pointer", () => {
  const whole = merge(TRACE);
  const cells = layout(whole, 0);
  const row = cells.filter((cell) => cell.row === 2);
  assert.ok(Math.abs(row.reduce((sum, cell) => sum + cell.width, 0) - 120 / 140) < 1e-9);
  assert.equal(cellAt(cells, 10, 45, 140)?.frame.name, "render");
  assert.equal(cellAt(cells, 139, 45, 140), undefined);
  assert.deepEqual(layout(whole, 0.4).map(({ frame }) => frame.name), ["", "GET", "render"]);
});

test("ten thousand spans in one chain are merged without recursion", () => {
  const size = 10_000;
  const numbers = Array.from({ length: size }, (_, index) => index);
  const chain: Skeleton = {
    ...TRACE,
    ids: numbers.map(String),
    parents: numbers.map((index) => index - 1),
    depths: numbers,
    names: numbers.map(() => "call"),
    of: numbers.map(() => 0),
    starts: numbers,
    lengths: numbers.map((index) => size - index),
    failed: [],
  };
  const whole = merge(chain);
  assert.equal(all(whole).length, size + 1);
  assert.equal(whole.total, size);
});
