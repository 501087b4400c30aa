import assert from "node:assert/strict";
import { test } from "node:test";
import { ansi, keyOf, marked, merge, MAX_LIVE, msOf, pillsOf, question, readPill, withPill, wordsOf, writePill, type Row } from "../src/islands/logs/model";
import { decode, encode } from "../src/lib/url";

const row = (ns: string, seq: number): Row => ({ ns, seq, index: "i", id: `${seq}`, severity: "info", service: "cart", line: `line ${seq}` });

test("a pill is read as it is written, on, off and turned round", () => {
  for (const text of ["service.name=cart", "level!=debug", "~url=/a?b=c", "~a!="]) {
    const pill = readPill(text);
    assert.ok(pill);
    assert.equal(writePill(pill), text);
  }
  assert.deepEqual(readPill("~a!=b"), { key: "a", value: "b", not: true, off: true });
  for (const wrong of ["", "x", "=y", "~=y", "!=y"]) assert.equal(readPill(wrong), undefined, wrong);
});

test("a value that is filtered by again replaces its pill", () => {
  const pairs = withPill(decode("?f=a%3D1&f=b%3D2&q=x"), { key: "a", value: "1", not: true, off: false });
  assert.deepEqual(pillsOf(pairs).map(writePill), ["b=2", "a!=1"]);
  assert.equal(question(pairs, { start: 1.5, end: 2 }).toString(), "from=1&to=2&q=x&f=b%3D2&f=a%21%3D1");
  assert.ok(encode(pairs).includes("q=x"));
});

test("live lines stand in order, once each, also when they come late, and never grow without end", () => {
  const now = [row("1795435200000000300", 3), row("1795435200000000100", 1)];
  const joined = merge([row("1795435200000000400", 5), row("1795435200000000200", 4), row("1795435200000000300", 3)], now);
  assert.deepEqual(joined.map((one) => one.seq), [5, 3, 4, 1]);
  const same = merge([row("1795435200000000300", 9)], now);
  assert.deepEqual(same.map((one) => one.seq), [9, 3, 1]);
  let rows: Row[] = [];
  for (let batch = 0; batch < 25; batch += 1) {
    rows = merge(Array.from({ length: 1_000 }, (_, at) => row(`17954352${String(99_999_999_999 - batch * 1_000 - at)}`, batch * 1_000 + at)), rows);
  }
  assert.equal(rows.length, MAX_LIVE);
  assert.equal(new Set(rows.map(keyOf)).size, MAX_LIVE);
  assert.equal(msOf("1795435200123456789"), 1_795_435_200_123);
});

test("terminal colours become looks, and nothing else of a terminal gets through", () => {
  assert.deepEqual(ansi("a\u001b[31mred\u001b[0m b"), [
    { text: "a", look: "" },
    { text: "red", look: "ansi-red" },
    { text: " b", look: "" },
  ]);
  assert.deepEqual(ansi("\u001b[2J\u001b[1;91mx\u202ey\u0007"), [{ text: "x�y�", look: "ansi-red" }]);
});

test("words of the query are marked, fields and operators are not", () => {
  assert.deepEqual(wordsOf('severity:error AND pay* "card refused" NOT -x service.name:(a b)'), ["card refused", "pay"]);
  assert.deepEqual(marked("Pay (now) pay", ["pay", "(now)"]), [
    { text: "Pay", hit: true },
    { text: " ", hit: false },
    { text: "(now)", hit: true },
    { text: " ", hit: false },
    { text: "pay", hit: true },
  ]);
  assert.deepEqual(marked("x", []), [{ text: "x", hit: false }]);
});
