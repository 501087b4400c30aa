import assert from "node:assert/strict";
import { test } from "node:test";
import { all, decode, encode, first, jump, withValues, type Pairs } from "../src/lib/url";

test("one view has one address", () => {
  assert.equal(encode([["to", "now"], ["q", "up"], ["q", "a+b"]]), "?q=up&q=a%2Bb&to=now");
  assert.equal(encode([]), "");
});

test("any state survives the way into an address and back", () => {
  const letters = ["a", "é", "&", "=", "+", " ", "%", "#", "?", "\"", "'", "<", "🦀", "~", "(", "*", "\n", ":"];
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  const word = () => Array.from({ length: 1 + random(6) }, () => letters[random(letters.length)]).join("") + "x";
  for (let round = 0; round < 500; round += 1) {
    const pairs: Pairs = Array.from({ length: random(5) }, () => [`k${random(3)}`, word()] as const);
    const back = decode(encode(pairs));
    for (const key of ["k0", "k1", "k2"]) assert.deepEqual(all(back, key), all(pairs, key));
    assert.equal(encode(back), encode(pairs));
  }
});

test("an empty value is no state, and a jump keeps time and scope", () => {
  const pairs = decode("?q=&from=now-2h&scope=a%3Db&sel=x");
  assert.equal(first(pairs, "q"), "");
  assert.equal(pairs.length, 3);
  assert.equal(jump("/ui/logs", pairs, [["q", "x y"]]), "/ui/logs?from=now-2h&q=x%20y&scope=a%3Db");
  assert.equal(jump("/ui/logs", pairs, [["from", "1"]]), "/ui/logs?from=1&scope=a%3Db");
  assert.equal(encode(withValues(pairs, "sel", [])), "?from=now-2h&scope=a%3Db");
});
