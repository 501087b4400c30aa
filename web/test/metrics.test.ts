import assert from "node:assert/strict";
import { test } from "node:test";
import { exemplarsOf } from "../src/islands/metrics/exemplars";
import { chartData, faultAt, faultWords, grid, notesOf, value, type Outcome } from "../src/islands/metrics/model";

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

test("notes stand at the word of the expression that they are about", () => {
  const text = 'rate(é[5m])\n+ rate(node_load1{a="b"}[5m])';
  const answer = {
    data: { resultType: "vector", result: [] },
    warnings: ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:1)", "results truncated due to limit"],
    infos: ['PromQL info: metric might not be a counter: "node_load1" (2:8)'],
  };
  const notes = notesOf(answer, text);
  assert.deepEqual(notes.map(({ severity, from, to }) => [severity, text.slice(from, to)]), [
    ["warning", "rate"],
    ["warning", text],
    ["info", "node_load1"],
  ]);
  assert.equal(notes[0]?.words, "quantile value should be between 0 and 1, got 2");
  assert.deepEqual([notes[1]?.words, notes[1]?.from], ["results truncated due to limit", undefined]);
  assert.deepEqual(notesOf(undefined, "up"), []);
});

test("exemplars are listed newest first and lead to their trace, whatever its label is called", () => {
  const exemplar = (labels: Record<string, string>, text: string, timestamp: number) => ({ labels, value: text, timestamp });
  const found = exemplarsOf({
    data: [
      { seriesLabels: { __name__: "b", le: "1" }, exemplars: [exemplar({ trace_id: "0AF7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" }, "0.5", 1.25), exemplar({}, "NaN", 9)] },
      { seriesLabels: { __name__: "c" }, exemplars: [exemplar({ traceID: "../../evil", shard: "7" }, "2", 3), exemplar({ traceID: "ab12" }, "1", 2)] },
    ],
  });
  assert.deepEqual(found, [
    { time: 3_000, value: 2, name: "c", labels: '{shard="7"}' },
    { time: 2_000, value: 1, name: "c", labels: "", href: "/ui/traces/ab12" },
    { time: 1_250, value: 0.5, name: 'b{le="1"}', labels: "", href: "/ui/traces/0af7651916cd43dd8448eb211c80319c?span=b7ad6b7169203331" },
  ]);
  const { points } = chartData([{ expression: "c", took: 1, exemplars: found, answer: { data: { resultType: "matrix", result: [] } } }], { start: 0, end: 10, step: 10 }, 0);
  assert.deepEqual(points?.map((one) => one.words), ['c · {shard="7"}', "c", 'b{le="1"}']);
});
