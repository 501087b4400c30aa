import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, durationNs, number, series } from "../src/lib/format";

test("numbers have three digits and a suffix, as on the server", () => {
  const cases: [number | null, string][] = [
    [0, "0"],
    [1, "1"],
    [12.345, "12.3"],
    [0.012345, "0.0123"],
    [999.7, "1 k"],
    [1_234, "1.23 k"],
    [-2_500_000, "-2.5 M"],
    [999_960, "1 M"],
    [100, "100"],
    [Number.NaN, "—"],
    [null, "—"],
    [Number.POSITIVE_INFINITY, "inf"],
  ];
  for (const [value, text] of cases) assert.equal(number(value), text);
  assert.equal(count(1_234_567), "1\u202f234\u202f567");
});

test("sizes and lengths have their unit, as on the server", () => {
  assert.equal(bytes(1_536), "1.5 KiB");
  assert.equal(bytes(0), "0 B");
  const cases: [number, string][] = [
    [950, "950 ns"],
    [1_500, "1.5 µs"],
    [12_300_000, "12.3 ms"],
    [2_500_000_000, "2.5 s"],
    [200_000_000_000, "3 m 20 s"],
    [7_500_000_000_000, "2 h 5 m"],
    [200_000_000_000_000, "2 d 7 h"],
  ];
  for (const [ns, text] of cases) assert.equal(durationNs(ns), text);
});

test("series are written as Prometheus does", () => {
  assert.equal(series({ __name__: "up", job: "a\"b" }), 'up{job="a\\"b"}');
  assert.equal(series({ __name__: "up" }), "up");
  assert.equal(series({}), "{}");
});
