// What a page may weigh and how long it may take.

import assert from "node:assert/strict";

import { best, settled } from "./browser.mjs";

/** Gzipped bytes of scripts before interaction, and of styles. */
const LIMITS = { list: 30_000, chart: 60_000, style: 20_000 };
/** Milliseconds; doubled because the machine is shared. */
const FIRST_PAINT = 300 * 2;
const LONG_TASK = 200 * 2;

/** Holds an opened page to its budget, and says what it took. */
export async function weigh(view, page, context) {
  const weights = { script: 0, stylesheet: 0 };
  const files = await view.page.evaluate(() => ({
    // What the document names itself; more is loaded when one asks for it, or when nothing else is to do.
    script: [...document.querySelectorAll("script[src], link[rel=modulepreload]")].map((one) => one.src || one.href),
    stylesheet: [...document.querySelectorAll("link[rel=stylesheet]")].map((one) => one.href),
  }));
  for (const kind of ["script", "stylesheet"]) {
    for (const url of new Set(files[kind])) weights[kind] += await gzipped(url);
  }
  const [paint, longest] = [await best(FIRST_PAINT, () => again(view, painted)), await best(LONG_TASK, () => again(view, task))];
  context.diagnostic(
    `${weights.script} B of scripts, ${weights.stylesheet} B of styles; paint ${Math.round(paint)} ms after the answer, longest task ${Math.round(longest)} ms`,
  );
  assert.ok(weights.script <= (page.chart ? LIMITS.chart : LIMITS.list), `${weights.script} bytes of scripts`);
  assert.ok(weights.stylesheet <= LIMITS.style, `${weights.stylesheet} bytes of styles`);
  assert.ok(paint <= FIRST_PAINT, `first paint ${paint} ms after the answer`);
  assert.ok(longest <= LONG_TASK, `a task of ${longest} ms`);
}

// The server's own share depends on how the binary was built, and is measured apart.
const painted = () =>
  performance.getEntriesByName("first-contentful-paint")[0].startTime - performance.getEntriesByType("navigation")[0].responseStart;
const task = () => window.longest;

/** Reads a figure of the page as it stands; the next time, of the page opened again. */
async function again(view, figure) {
  if (view.measured?.has(figure)) {
    await view.page.reload();
    await settled(view.page);
  }
  view.measured = (view.measured ?? new Set()).add(figure);
  return view.page.evaluate(figure);
}

const known = new Map();

/** Returns the bytes that a file takes when it is sent with gzip. */
async function gzipped(url) {
  if (!known.has(url)) {
    const response = await fetch(url, { headers: { "accept-encoding": "gzip" } });
    assert.equal(response.headers.get("content-encoding"), "gzip", url);
    await response.arrayBuffer();
    known.set(url, Number(response.headers.get("content-length")));
  }
  return known.get(url);
}
