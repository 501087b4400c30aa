// Every page, light and dark and narrow, with and without data, when its question or its server fails.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { breakApi, expectRefusals, holdApi, observeTasks, open, settled, shot, violations } from "../support/browser.mjs";
import { weigh } from "../support/budgets.mjs";
import { pathOf, PAGES } from "../support/pages.mjs";

const SIZE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 700 };

/** Looks at an opened page, or at its main part only, in both themes. */
async function inspect(view, name, part = "main") {
  await settled(view.page);
  assert.equal(await view.page.locator("h1").count(), 1, "one first heading");
  assert.match(await view.page.title(), / · Belvedere$/);
  await shot(view, `${name}-light`);
  const light = await violations(view.page, part);
  await view.page.emulateMedia({ colorScheme: "dark" });
  await settled(view.page);
  await shot(view, `${name}-dark`);
  const dark = await violations(view.page, part, ["color-contrast"]);
  assert.deepEqual([...light, ...dark.map((one) => `dark: ${one}`)], [], "WCAG 2.2 A and AA");
  assert.deepEqual(view.wrong(), []);
}

/** On a narrow screen tables scroll inside their boxes, never the page. */
async function inspectNarrow(view, name) {
  await view.page.setViewportSize(NARROW);
  await settled(view.page);
  await shot(view, `${name}-narrow`);
  const width = await view.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= NARROW.width, `it is ${width} pixels wide on ${NARROW.width}`);
  for (const menu of await view.page.locator(".bar .menu > summary").all()) {
    await menu.click();
    const sheet = await view.page.locator(".bar .menu[open] > .sheet").boundingBox();
    assert.ok(sheet.x >= 0 && sheet.x + sheet.width <= NARROW.width, `a menu from ${sheet.x}, ${sheet.width} wide`);
    await view.page.keyboard.press("Escape");
  }
}

export function matrix(world) {
  describe("pages with data", { concurrency: 2 }, () => {
    for (const page of PAGES) {
      test(`${page.name} shows what there is, quickly, and on a narrow screen too`, async (context) => {
        const view = await open(world.browser, world.full.http, { viewport: SIZE });
        await observeTasks(view);
        await view.goto(pathOf(world, page));
        await settled(view.page);
        if (page.name !== "design") await weigh(view, page, context);
        await inspect(view, `${page.name}-full`, "html");
        if (page.name !== "design") {
          assert.equal(await view.page.locator("main .empty, main .failure").count(), 0, "nothing is missing, nothing failed");
        }
        await inspectNarrow(view, page.name);
        await view.close();
      });
    }
  });
  describe("pages without data", { concurrency: 3 }, () => {
    for (const page of PAGES.filter((one) => one.empty !== false)) {
      test(`${page.name} says that there is nothing, and what to do`, async () => {
        const view = await open(world.browser, world.empty.http, { viewport: SIZE });
        await view.goto(pathOf(world, page));
        await inspect(view, `${page.name}-empty`);
        assert.equal(await view.page.locator("main .failure").count(), 0, "nothing is no failure");
        await view.close();
      });
    }
  });
  describe("pages that fail", { concurrency: 3 }, () => {
    const said = (view) => view.page.locator("main .failure, main .fault, main [role=alert]").first();
    for (const page of PAGES.filter((one) => one.broken)) {
      test(`${page.name} says what is wrong with the question`, async () => {
        const view = await open(world.browser, world.full.http, { viewport: SIZE });
        expectRefusals(view);
        await view.goto(page.broken);
        await inspect(view, `${page.name}-wrong`);
        await said(view).waitFor();
        await view.close();
      });
    }
    for (const page of PAGES.filter((one) => one.island)) {
      test(`${page.name} says that its server failed`, async () => {
        const view = await open(world.browser, world.full.http, { viewport: SIZE });
        await breakApi(view);
        await view.goto(pathOf(world, page));
        await inspect(view, `${page.name}-failing`);
        await said(view).waitFor();
        assert.match(await view.page.locator("main").innerText(), /timed out/, "with the server's words");
        await view.close();
      });
    }
  });
  describe("pages whose API is slow", { concurrency: 3 }, () => {
    for (const page of PAGES.filter((one) => one.island)) {
      test(`${page.name} waits in sight and stays usable`, async () => {
        const view = await open(world.browser, world.full.http, { viewport: SIZE });
        const api = await holdApi(view);
        await view.goto(pathOf(world, page));
        await view.page.waitForFunction(() => document.querySelector("main .skeleton, main .loading, main [aria-busy=true]"));
        await shot(view, `${page.name}-slow-light`);
        await view.page.keyboard.press("Control+k");
        await view.page.locator("dialog[open] input").waitFor();
        await view.page.keyboard.press("Escape");
        assert.ok(api.count() > 0, "something was held back");
        api.release();
        await settled(view.page);
        assert.deepEqual(view.wrong(), []);
        await view.close();
      });
    }
  });
}
