import assert from "node:assert/strict";
import { test } from "node:test";
import { chartData, faultAt, faultWords, grid, value, type Outcome } from "../src/islands/metrics/model";

test("the step is round, fits the width, and never asks for too many points", () => {
  const hour = 3_600_000;
  assert.deepEqual(grid(0, hour, 1_200), { start: 0, end: 3_600, step: 10 });
  assert.equal(grid(0, 30 * 24 * hour, 1_200).step, 7_200);
  assert.equal(grid(0, hour, 1_200, 60).step, 60);
  const forced = grid(0, 365 * 24 * hour, 1_200, 1);
  assert.ok((forced.end - forced.start) / forced.step <= 11_000);
});

test("answers of several rows stand on one grid, gaps and the window before included", () => {
  const answer = (metric: Record<string, string>, values: [number, string][]) => ({ data: { resultType: "matrix", result: [{ metric, values }] } });
  const outcomes: Outcome[] = [
    { expression: "a", took: 1, answer: answer({ __name__: "a" }, [[100, "1"], [120, "NaN"], [130, "+Inf"]]), past: answer({ __name__: "a" }, [[40, "5"]]) },
    { expression: "1 + 1", took: 1, answer: answer({}, [[110, "2"]]) },
    { expression: "wrong", took: 1, error: new Error("x") },
  ];
  const { times, lines } = chartData(outcomes, { start: 100, end: 130, step: 10 }, 60);
  assert.deepEqual(times, [100_000, 110_000, 120_000, 130_000]);
  assert.deepEqual(lines, [
    { name: "A a", values: [1, null, null, null] },
    { name: "A a (before)", values: [5, null, null, null], past: true },
    { name: "B 1 + 1", values: [null, 2, null, null] },
  ]);
  assert.equal(value("-Inf"), -Infinity);
  assert.equal(value("NaN"), null);
});

test("the place of a fault is found by line and byte", () => {
  const message = 'invalid parameter "query": 2:9: parse error: unexpected "+"';
  assert.equal(faultAt(message, 'up{a="é"}\nup{a="é"+1'), 10 + 7);
  assert.equal(faultAt("query timed out", "up"), undefined);
  assert.equal(faultAt("1:99: parse error: x", "up"), 2);
  assert.equal(faultWords(message), '2:9: parse error: unexpected "+"');
});
