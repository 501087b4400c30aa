// The path of the keyboard.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, settled } from "../support/browser.mjs";

const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const style = element && getComputedStyle(element);
    return { text: element?.textContent?.trim() ?? "", tag: element?.tagName, outline: style?.outlineStyle };
  });

export function keyboard(world) {
  describe("keyboard", () => {
    test("the first stop skips to the content, and each stop can be seen", async () => {
      const view = await open(world.browser, world.full.http);
      await view.goto("/ui");
      await settled(view.page);
      await view.page.keyboard.press("Tab");
      assert.equal((await focused(view.page)).text, "Skip to content");
      await view.page.keyboard.press("Enter");
      await view.page.keyboard.press("Tab");
      for (let stop = 0; stop < 12; stop += 1) {
        const now = await focused(view.page);
        assert.ok(["A", "BUTTON", "INPUT", "SUMMARY", "SELECT"].includes(now.tag), `stop ${stop}: ${now.tag}`);
        assert.notEqual(now.outline, "none", `stop ${stop} (${now.text}) shows where it is`);
        await view.page.keyboard.press("Tab");
      }
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("the palette opens, finds a page, goes there, and gives the focus back", async () => {
      const view = await open(world.browser, world.full.http);
      await view.goto("/ui");
      await settled(view.page);
      await view.page.locator(".rail a").nth(1).focus();
      await view.page.keyboard.press("Control+k");
      await view.page.locator("dialog[open] input").waitFor();
      await view.page.keyboard.press("Escape");
      assert.equal(await view.page.locator("dialog[open]").count(), 0);
      assert.equal((await focused(view.page)).tag, "A");
      await view.page.keyboard.press("Control+k");
      await view.page.locator("dialog[open] input").fill("infra");
      await view.page.keyboard.press("Enter");
      await view.page.waitForURL(/\/ui\/infrastructure/);
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("letters lead to pages, and j, k and Escape walk through lines", async () => {
      const view = await open(world.browser, world.full.http);
      await view.goto("/ui");
      await settled(view.page);
      await view.page.keyboard.type("gl");
      await view.page.waitForURL(/\/ui\/logs/);
      const list = view.page.getByRole("grid", { name: "Lines" });
      await list.waitFor();
      await list.focus();
      await view.page.keyboard.press("j");
      await view.page.keyboard.press("j");
      const chosen = list.locator("[aria-selected=true]");
      assert.equal(await chosen.getAttribute("aria-rowindex"), "2");
      await view.page.keyboard.press("k");
      assert.equal(await chosen.getAttribute("aria-rowindex"), "1");
      await view.page.locator(".side-panel").waitFor();
      await view.page.keyboard.press("Escape");
      await view.page.locator(".side-panel").waitFor({ state: "detached" });
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("the waterfall is walked by keys, and Enter opens a span", async () => {
      const view = await open(world.browser, world.full.http);
      await view.goto(`/ui/traces/${world.traceId}`);
      await settled(view.page);
      const list = view.page.getByRole("grid", { name: "Spans" });
      await list.waitFor();
      await list.focus();
      await view.page.keyboard.press("ArrowDown");
      await view.page.keyboard.press("ArrowDown");
      await view.page.keyboard.press("Enter");
      await view.page.locator(".side-panel").waitFor();
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("the theme is kept from page to page", async () => {
      const view = await open(world.browser, world.full.http);
      await view.goto("/ui");
      await settled(view.page);
      await view.page.getByRole("button", { name: /Switch to dark/ }).press("Enter");
      await view.goto("/ui/logs");
      assert.equal(await view.page.locator("html").getAttribute("data-theme"), "dark");
      await view.close();
    });
  });
}
