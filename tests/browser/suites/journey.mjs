// From the first page to the failing span and its log lines, while the demo's incident runs.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, settled, shot } from "../support/browser.mjs";

const describeSpan = async (detail) => {
  await detail.waitFor();
  assert.ok((await detail.locator(".chip.error").count()) > 0, "the span failed");
  return detail.locator(".span-logs li .line").first().innerText();
};

export function journey(world) {
  const walk = async (context, steps) => {
    const view = await open(world.browser, world.full.http);
    await view.goto("/ui");
    await settled(view.page);
    const begin = performance.now();
    const told = [];
    for (const [what, target] of steps) {
      await target(view.page).click();
      await settled(view.page);
      told.push(`${what} (${Math.round(performance.now() - begin)} ms)`);
    }
    const line = await describeSpan(view.page.locator("#span-detail .side-panel"));
    await shot(view, `journey-${steps.length}`);
    context.diagnostic(`${told.length} clicks: ${told.join(", ")}; the span's line: ${line}`);
    assert.ok(told.length <= 5);
    assert.deepEqual(view.wrong(), []);
    await view.close();
  };
  describe("from Home to the span that fails and its log lines", () => {
    test("by the error that Home lists", (context) =>
      walk(context, [["the error line of payment", (page) => page.locator("main tr", { hasText: "payment" }).locator("a[href*='span=']").first()]]));
    test("by the services, when one does not know the line", (context) =>
      walk(context, [
        ["Services", (page) => page.locator(".rail a", { hasText: "Services" })],
        ["payment", (page) => page.locator("main td a", { hasText: /^payment$/ }).first()],
        ["its errors", (page) => page.locator("main a.stat.bad")],
        ["a trace with several errors", (page) => page.locator(".trace-list tbody tr", { hasText: /[5-9] errors/ }).locator("a").first()],
        ["the span that waited for the bank", (page) => page.getByRole("grid", { name: "Spans" }).locator(".virtual-row", { hasText: "/api/charges" }).first()],
      ]));
  });
}
