import assert from "node:assert/strict";
import { test } from "node:test";
import { rowOf } from "../src/components/chart";
import { summary, timeLabels } from "../src/chart";
import { cellAt, strength } from "../src/draw/heatmap";
import { place, ticks } from "../src/draw/waterfall";
import { strokes } from "../src/lib/colour";
import { number } from "../src/lib/format";
import { reveal, visible } from "../src/lib/rows";

test("a series keeps its colour whatever stands beside it, until two would share one", () => {
  const alone = strokes(["checkout"])[0];
  assert.deepEqual(strokes(["checkout", "cart"])[0], alone);
  const many = strokes(Array.from({ length: 30 }, (_, index) => `s${index}`));
  const looks = many.slice(0, 24).map(({ slot, dash }) => `${slot} ${dash.join()}`);
  assert.equal(new Set(looks).size, 24);
  assert.equal(many[24]?.slot, 0);
});

test("a list of any length shows what fits and a little more", () => {
  assert.deepEqual(visible(0, 240, 24, 10_000), { first: 0, end: 16 });
  assert.deepEqual(visible(240_000 - 240, 240, 24, 10_000), { first: 9_984, end: 10_000 });
  assert.deepEqual(visible(500, 240, 24, 3), { first: 2, end: 3 });
  assert.deepEqual(visible(0, 240, 24, 0), { first: 0, end: 0 });
  assert.equal(reveal(0, 100, 240, 24), 0);
  assert.equal(reveal(5, 100, 240, 24), 100);
  assert.equal(reveal(20, 100, 240, 24), 264);
});

test("bars stand where their time is, and none is too thin to see", () => {
  const seen = { start: 100, end: 200 };
  assert.deepEqual(place({ start: 150, length: 25 }, seen, 1_000), { x: 500, w: 250 });
  assert.equal(place({ start: 150, length: 0 }, seen, 1_000).w, 1.5);
  assert.deepEqual(ticks({ start: 0, end: 100 }, 5), [0, 20, 40, 60, 80, 100]);
  assert.equal(ticks({ start: 0, end: 0 }, 5).length, 1);
});

test("heat is seen from the first one on", () => {
  assert.equal(strength(0, 100), 0);
  assert.ok(strength(1, 100_000) > 0.2);
  assert.equal(strength(100, 100), 1);
  assert.equal(cellAt(-5, 100, 10), 0);
  assert.equal(cellAt(99.9, 100, 10), 9);
  assert.equal(cellAt(500, 100, 10), 9);
});

test("a chart is told in one sentence, gaps left out", () => {
  const data = { times: [0, 1_000, 2_000], lines: [{ name: "a", values: [1, null, 3] }, { name: "b", values: [9, 2, null] }] };
  assert.match(summary(data, number), /^2 series, latest 2 to 3, highest 9 at \d\d:\d\d:\d\d on a?b$/);
  assert.equal(summary({ times: [], lines: [] }, number), "No data in this time range");
  assert.deepEqual(rowOf([1, null, 3], 0), { index: 0, last: 3, min: 1, mean: 2, max: 3 });
  assert.equal(rowOf([null], 0).last, null);
});

test("the day stands on the time axis where it changes", () => {
  const midnight = new Date(2026, 10, 23).getTime() / 1_000;
  assert.deepEqual(timeLabels([midnight - 3_600, midnight, midnight + 3_600], 3_600), ["23:00", "11-23 00:00", "01:00"]);
});
