// Without JavaScript.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open } from "../support/browser.mjs";
import { pathOf, PAGES } from "../support/pages.mjs";

export function plain(world) {
  describe("without JavaScript", { concurrency: 3 }, () => {
    for (const page of PAGES.filter((one) => !["design", "licences"].includes(one.name))) {
      test(`${page.name} shows its data`, async () => {
        const view = await open(world.browser, world.full.http, { javaScriptEnabled: false });
        await view.goto(pathOf(world, page));
        assert.equal(await view.page.locator("h1").count(), 1);
        const data = view.page.locator("main tbody tr, main .tile, main .alert, main .facts");
        assert.ok((await data.count()) > 0, "rows, tiles or facts");
        assert.equal(await view.page.locator("main .needs-script:visible").count(), 0, "nothing waits for a script");
        assert.deepEqual(view.wrong(), []);
        await view.close();
      });
    }
    test("a query, a filter and a link lead on", async () => {
      const view = await open(world.browser, world.full.http, { javaScriptEnabled: false });
      await view.goto("/ui/logs");
      await view.page.locator("main input[name=q]").fill("severity:error");
      await view.page.locator("main button.primary").first().click();
      assert.match(view.page.url(), /q=severity/);
      await view.page.locator("main td a[href*='/ui/traces/']").first().click();
      assert.match(view.page.url(), /\/ui\/traces\/[0-9a-f]{32}/);
      await view.close();
    });
  });
}
