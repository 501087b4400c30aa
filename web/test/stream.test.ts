import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, Wishes } from "../src/lib/stream";

test("views that several pages follow are asked for once, from where the first of them was", () => {
  const wishes = new Wishes();
  assert.equal(wishes.note("a", [{ sub: "?q=x", after: "7" }], 0), true);
  assert.equal(wishes.note("b", [{ sub: "?q=x", after: "5" }, { sub: "?", after: "" }], 0), true);
  assert.equal(wishes.note("b", [{ sub: "?q=x", after: "6" }, { sub: "?", after: "" }], 1), false);
  assert.deepEqual(wishes.all(), [
    { sub: "?", after: "" },
    { sub: "?q=x", after: "6" },
  ]);
  assert.equal(addressOf(wishes.all()), "/api/x/logs/tail?sub=%3F&sub=%3Fq%3Dx&after=%2C6");
});

test("a page that wants nothing or is not heard any more is forgotten", () => {
  const wishes = new Wishes();
  wishes.note("a", [{ sub: "?q=x", after: "" }], 0);
  wishes.note("b", [{ sub: "?", after: "" }], 5_000);
  assert.equal(wishes.prune(9_000), false);
  assert.equal(wishes.prune(9_001), true);
  assert.deepEqual(wishes.all(), [{ sub: "?", after: "" }]);
  assert.equal(wishes.note("b", [], 9_002), true);
  assert.deepEqual(wishes.all(), []);
});
