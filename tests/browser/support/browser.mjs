// Debian's Chromium through playwright-core, and what is watched on every page.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
/** The shell without windows draws the same and takes half the time. */
const PLACES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? PLACES.find(existsSync);
  if (!executablePath) throw new Error("no Chromium; set CHROMIUM to its path");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--js-flags=--expose-gc", "--enable-precise-memory-info"],
  });
}

/** Opens a page in a context of its own and notes everything that must not happen. */
export async function open(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "UTC", ...options });
  const page = await context.newPage();
  const seen = [];
  // Addresses whose failure is what the test is about; the browser writes of each to its console.
  const expected = new Set();
  const wrong = () => seen.filter(({ where }) => !expected.has(where)).map(({ where, what }) => `${what} (${where})`);
  page.on("console", (message) => {
    if (message.type() === "error") seen.push({ where: message.location().url, what: message.text() });
  });
  page.on("pageerror", (error) => seen.push({ where: "script", what: error.message }));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url)) seen.push({ where: url, what: "foreign request" });
  });
  return { page, context, wrong, expected, goto: (path) => page.goto(origin + path), close: () => context.close() };
}

/** Keeps a picture when one wants to look: BELVEDERE_SHOTS names the folder. */
export async function shot(view, name) {
  const folder = process.env.BELVEDERE_SHOTS;
  if (folder) await view.page.screenshot({ path: `${folder}/${name}.png` });
}

/** Measures up to five times, until it is within its limit: a machine that is busy elsewhere is no fault of the page. */
export async function best(limit, measure) {
  let least = Infinity;
  for (let turn = 0; turn < 5 && least > limit; turn += 1) least = Math.min(least, await measure());
  return least;
}

/** Notes the longest task of a page, from its beginning on. */
export const observeTasks = (view) =>
  view.page.addInitScript(() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
    }).observe({ type: "longtask", buffered: true });
  });

/** Expects that the server calls what the page asks faulty, or refuses the page itself; to be called before the page is opened. */
export function expectRefusals(view) {
  view.page.on("response", (one) => {
    if (one.status() === 400 || (one.status() > 400 && one.request().isNavigationRequest())) view.expected.add(one.url());
  });
}

/** Makes every API answer fail, as when the stores are over their limits. */
export async function breakApi(view) {
  await view.page.route(/\/api\//, (route) => {
    view.expected.add(route.request().url());
    return route.fulfill({ status: 503, contentType: "application/json", body: '{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}' });
  });
}

/** Holds back every API answer until `release` is called. */
export async function holdApi(view) {
  const held = [];
  let open = false;
  await view.page.route(/\/api\//, async (route) => {
    if (!open) await new Promise((resolve) => held.push(resolve));
    await route.continue().catch(() => undefined);
  });
  return {
    count: () => held.length,
    release() {
      open = true;
      for (const resolve of held) resolve();
    },
  };
}

/** Looks frame by frame until `read` gives what is wanted, and fails with what it gave last. */
export async function becomes(page, read, wanted, message) {
  const end = Date.now() + 5_000;
  let last = await read();
  while (!isDeepStrictEqual(last, wanted) && Date.now() < end) {
    await page.evaluate(() => new Promise(requestAnimationFrame));
    last = await read();
  }
  assert.deepEqual(last, wanted, message);
}

/** Waits until nothing is asked and the page has drawn; a live stream never ends, so not "networkidle". */
export async function settled(page) {
  await page.waitForLoadState("load");
  // The page of components shows waiting ones for ever.
  await page.waitForFunction(() => document.documentElement.dataset.page === "design" || !document.querySelector("main .skeleton, main button.loading"));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Returns the violations of WCAG 2.2 A and AA in a part of the page, one line each; of some rules only when they are named. */
export async function violations(page, part = "html", rules = undefined) {
  await page.evaluate(AXE);
  const found = await page.evaluate(
    ([values, only, within]) => {
      const runOnly = only ? { type: "rule", values: only } : { type: "tag", values };
      return window.axe.run(within, { runOnly, resultTypes: ["violations"] });
    },
    [LEVELS, rules, part],
  );
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} [${node.any[0]?.message ?? ""}]`).join(" | ")} (${nodes.length})`);
}
