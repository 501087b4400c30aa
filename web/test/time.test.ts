import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDuration, parseTime } from "../src/lib/time";

const NOON = Date.UTC(2026, 10, 23, 12);
const HOUR = 3_600_000;

test("people name times in many ways", () => {
  const cases: [string, number][] = [
    ["now", 0],
    ["now-2h", -2 * HOUR],
    ["now - 1h30m", -1.5 * HOUR],
    ["14:30", 2.5 * HOUR],
    ["9am", -3 * HOUR],
    ["12am", -12 * HOUR],
    ["12:15pm", HOUR / 4],
    ["today", -12 * HOUR],
    ["yesterday 9am", -27 * HOUR],
    ["2026-11-20", -84 * HOUR],
    ["2026-11-20 08:00", -76 * HOUR],
    ["2026-11-23T13:00:00+01:00", 0],
    ["1795435200", 0],
    ["1795435200000", 0],
    ["1795435200000000000", 0],
  ];
  for (const [text, fromNoon] of cases) assert.equal(parseTime(text, NOON), NOON + fromNoon, text);
});

test("what names no time is refused", () => {
  for (const text of ["", "soon", "now-", "now-5", "25:00", "13pm", "9", "2026-13-01", "2026-02-30", "12:60", "é"]) {
    assert.equal(parseTime(text, NOON), undefined, text);
  }
});

test("times without a zone are read in the browser's", () => {
  assert.equal(parseTime("13:00", NOON, 60), NOON);
  assert.equal(parseTime("today", Date.UTC(2026, 10, 23, 23, 30), 60), Date.UTC(2026, 10, 23, 23));
});

test("durations are read and written in Prometheus' syntax", () => {
  assert.equal(parseDuration("1h30m"), 1.5 * HOUR);
  assert.equal(parseDuration("1h 30m"), undefined);
  assert.equal(parseDuration("5"), undefined);
  assert.equal(formatDuration(90_061_000), "1d1h");
  assert.equal(formatDuration(15_000), "15s");
  for (const ms of [1_000, 15_000, 3_600_000, 5_400_000, 86_400_000]) {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }
});
