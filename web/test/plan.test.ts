import assert from "node:assert/strict";
import { test } from "node:test";
import { above, foldedAtFirst, linesOf, partsOf, percent, planOf, time, type Explained, type PlanNode } from "../src/islands/metrics/plan";

/** A node over the piece of `text` that begins with `begin` and ends with `end`. */
function node(text: string, kind: string, [begin, end]: [string, string], seconds: number, series: number, children: PlanNode[] = []): PlanNode {
  const bytes = (words: string) => new TextEncoder().encode(words).length;
  const from = text.indexOf(begin);
  const to = text.lastIndexOf(end) + end.length;
  return { kind, start: bytes(text.slice(0, from)), end: bytes(text.slice(0, to)), evaluations: 1, seconds, series, points: series * 10, children };
}

function told(plan: PlanNode, more: Partial<Explained> = {}): Explained {
  const none = { series: 0, samples: 0, hours: 0, blobs: 0, bytes: 0 };
  return {
    plan,
    result: { type: "matrix", series: plan.series, points: plan.points },
    timings: { queue: 0, preparation: 0, evaluation: plan.seconds, sort: 0, total: plan.seconds },
    samples: { looked_at: 0, peak: 0 },
    select: none,
    limits: { samples: 1_000, steps: 1_000 },
    warnings: [],
    infos: [],
    ...more,
  };
}

const TEXT = 'sum(rate(é{a="ü"}[5m]))\n  / (up{b="x"} * 2)';
const RATIO = () => {
  const range = node(TEXT, "matrixSelector", ["é", "[5m]"], 1, 4);
  range.select = { series: 4, samples: 99, hours: 0, blobs: 0, bytes: 0 };
  const rate = node(TEXT, "call", ["rate", "[5m])"], 6, 4, [range]);
  const sum = node(TEXT, "aggregation", ["sum", "[5m]))"], 7, 1, [rate]);
  const up = node(TEXT, "vectorSelector", ["up", "}"], 1, 0);
  const two = node(TEXT, "numberLiteral", ["2", "2"], 0.25, 1);
  const times = node(TEXT, "binaryExpr", ["up", "2"], 1.5, 0, [up, two]);
  const paren = node(TEXT, "parenExpr", ["(up", "2)"], 1.5, 0, [times]);
  return node(TEXT, "binaryExpr", ["sum", "2)"], 10, 0, [sum, paren]);
};

test("a plan is a tree of parts: parentheses and literals are text of the part around them", () => {
  const { root, size } = planOf({ told: told(RATIO()), text: TEXT, address: "" });
  const parts = partsOf(root);
  assert.equal(size, 6);
  assert.deepEqual(parts.map(({ key, text }) => [key, text]), [
    ["0", 'sum(rate(é{a="ü"}[5m])) / (up{b="x"} * 2)'],
    ["0.0", 'sum(rate(é{a="ü"}[5m]))'],
    ["0.0.0", 'rate(é{a="ü"}[5m])'],
    ["0.0.0.0", 'é{a="ü"}[5m]'],
    ["0.1", 'up{b="x"} * 2'],
    ["0.1.0", 'up{b="x"}'],
  ]);
  assert.deepEqual(root.pieces, [
    { words: 'sum(rate(é{a="ü"}[5m]))', below: true },
    { words: " / (", below: false },
    { words: 'up{b="x"} * 2', below: true },
    { words: ")", below: false },
  ]);
  for (const { from, to, text } of parts) assert.equal(TEXT.slice(from, to).replace(/\s+/g, " "), text);
});

test("each part tells its own time, what went in and came out, and where nothing did", () => {
  const { root, hottest } = planOf({ told: told(RATIO()), text: TEXT, address: "" });
  const parts = partsOf(root);
  assert.deepEqual(parts.map(({ own }) => own), [1.5, 1, 5, 1, 0.5, 1]);
  assert.deepEqual(parts.map(({ ownShare }) => percent(ownShare)), ["15 %", "10 %", "50 %", "10 %", "5 %", "10 %"]);
  assert.equal(hottest?.key, "0.0.0");
  assert.deepEqual(parts.map(({ seriesIn, seriesOut }) => [seriesIn, seriesOut]), [[1, 0], [4, 1], [4, 4], [undefined, 4], [0, 0], [undefined, 0]]);
  assert.deepEqual(parts.filter(({ dry }) => dry).map(({ key }) => key), ["0.1.0"]);
  assert.deepEqual(parts.map(({ values }) => values), [0, 10, 40, undefined, 0, 0]);
  assert.equal(parts[3]?.selected?.samples, 99);
});

test("notes stand at the part that they are about, and those without a place apart", () => {
  const warnings = ["PromQL warning: odd (1:1)", "PromQL warning: within (2:18)", "results truncated due to limit"];
  const infos = ['PromQL info: metric might not be a counter: "é" (1:10)'];
  const { root, notes } = planOf({ told: told(RATIO(), { warnings, infos }), text: TEXT, address: "" });
  const said = partsOf(root).filter((part) => part.notes.length > 0);
  assert.deepEqual(said.map(({ key, notes: [note] }) => [key, note?.words]), [
    ["0", "odd"],
    ["0.0.0.0", 'metric might not be a counter: "é"'],
    ["0.1", "within"],
  ]);
  assert.deepEqual(notes.map(({ words }) => words), ["results truncated due to limit"]);
});

test("what took no time to speak of divides nothing, and the clock of one part may not agree with another's", () => {
  const still = planOf({ told: told(node("1", "numberLiteral", ["1", "1"], 0, 1)), text: "1", address: "" });
  assert.equal(still.hottest, undefined);
  assert.equal(still.root.ownShare, 0);
  const text = "-up";
  const odd = planOf({ told: told(node(text, "unaryExpr", ["-", "up"], 1, 1, [node(text, "vectorSelector", ["up", "up"], 2, 1)])), text, address: "" });
  assert.deepEqual(partsOf(odd.root).map(({ own, ownShare }) => [own, ownShare]), [[0, 0], [2, 1]]);
  assert.deepEqual([percent(0), percent(0.004), percent(1), time(0.0123)], ["0 %", "< 1 %", "100 %", "12.3 ms"]);
});

test("a large plan shows what is dear, and one opens the rest", () => {
  const text = "a+".repeat(40) + "a";
  let plan = node(text, "vectorSelector", ["a", "a"], 0.001, 1);
  for (let left = 40; left > 0; left -= 1) {
    plan = node(text, "binaryExpr", ["a", "a"], plan.seconds + 0.1 / left, 1, [plan, node(text, "vectorSelector", ["a", "a"], 0.01 / left, 1)]);
  }
  const large = planOf({ told: told(plan), text, address: "" });
  assert.equal(large.size, 81);
  const folded = foldedAtFirst(large);
  const lines = linesOf(large.root, folded);
  assert.ok(lines.length < 81 && lines.length > 20, `${lines.length} lines`);
  assert.ok(lines.some(({ part }) => part === large.hottest));
  assert.equal(linesOf(large.root, new Set()).length, 81);
  assert.deepEqual(lines.slice(0, 2).map(({ level, place, among }) => [level, place, among]), [[1, 1, 1], [2, 1, 2]]);
  assert.equal(above("0.1.0"), "0.1");
  assert.equal(above("0"), "0");
  assert.equal(foldedAtFirst(planOf({ told: told(RATIO()), text: TEXT, address: "" })).size, 0);
});
