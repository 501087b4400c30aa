// What an expression cost, as the page of metrics shows it: the tree, the editor beside it, and the keys.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { becomes, open, settled, shot, violations } from "../support/browser.mjs";

const encoded = encodeURIComponent;
const RATE = "rate(http_server_request_duration_seconds_bucket[5m])";
const DEAR = `histogram_quantile(2, sum by (le, http_route) (${RATE})) > on () group_left () (avg(node_load1) - 1e9 > 0)`;

async function opened(world, path, options = {}) {
  const view = await open(world.browser, world.full.http, options);
  await view.goto(path);
  await settled(view.page);
  await view.page.locator(".cm-content").first().waitFor();
  return view;
}

const row = (page, text) => page.getByRole("row").filter({ has: page.locator(`code[title=${JSON.stringify(text)}]`) });
const focused = (page) => page.evaluate(() => document.activeElement?.querySelector("code")?.title);

export function explain(world) {
  describe("explain", () => {
    for (const colorScheme of ["light", "dark"]) {
      test(`the tree tells each part's cost, the dearest first to the eye, and notes at their part (${colorScheme})`, async () => {
        const view = await opened(world, `/ui/metrics?from=now-1h&q=${encoded(DEAR)}`, { colorScheme });
        await view.page.getByRole("button", { name: "Explain" }).click();
        const tree = view.page.getByRole("treegrid", { name: "Plan" });
        await tree.waitFor();
        assert.match(view.page.url(), /view=explain/);
        const texts = await tree.locator("[data-part] code").evaluateAll((all) => all.map((one) => one.textContent));
        assert.deepEqual(texts, [
          DEAR, DEAR.split(" > ")[0], `sum by (le, http_route) (${RATE})`, RATE, RATE.slice(5, -1),
          "avg(node_load1) - 1e9 > 0", "avg(node_load1) - 1e9", "avg(node_load1)", "node_load1",
        ]);
        assert.equal(await tree.locator(".hottest").count(), 1);
        assert.match(await row(view.page, RATE).innerText(), /\d (ms|µs|s)\s+\d+ %\s+(\d+) →\s+in,\s+\2\s+out/);
        assert.match(await row(view.page, RATE.slice(5, -1)).innerText(), /\d samples/);
        assert.match(await tree.locator("[data-part='0.0'] .notes, [data-part='0'] .notes").innerText(), /Warning\s+quantile value should be between 0 and 1/);
        assert.match(await row(view.page, "avg(node_load1) - 1e9 > 0").innerText(), /nothing comes out/);
        const panel = view.page.getByRole("region", { name: "Plan" });
        assert.match(await panel.innerText(), /The result is empty: nothing comes out of/);
        assert.match(await panel.innerText(), /Held at once [\d\s]+ of at most 50 M samples/);
        assert.deepEqual(await violations(view.page, "main"), []);
        await shot(view, `explain-${colorScheme}`);
        assert.deepEqual(view.wrong(), []);
        await view.close();
      });
    }
    test("what one points to is underlined in the editor, until the text is another", async () => {
      const view = await opened(world, `/ui/metrics?view=explain&q=${encoded(DEAR)}`);
      const underlined = view.page.locator(".cm-pointed");
      const text = async () => (await underlined.allInnerTexts()).join("");
      await row(view.page, RATE).hover();
      await becomes(view.page, text, RATE);
      await view.page.locator("h1").hover();
      await underlined.first().waitFor({ state: "detached" });
      await view.page.locator(".verdict .part-link").last().click();
      await becomes(view.page, text, "avg(node_load1) - 1e9 > 0");
      await view.page.locator(".cm-content").click();
      await underlined.first().waitFor({ state: "detached" });
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("the tree is walked, folded and unfolded by keys, and stays so when it is told again", async () => {
      const view = await opened(world, `/ui/metrics?view=explain&q=${encoded("sum(rate(up[5m])) / count(up)")}`);
      const { page } = view;
      const rows = page.locator("[data-part]");
      await rows.first().focus();
      for (const [key, at] of [["ArrowDown", "sum(rate(up[5m]))"], ["ArrowRight", "rate(up[5m])"], ["End", "up"], ["ArrowLeft", "count(up)"], ["ArrowUp", "up[5m]"], ["k", "rate(up[5m])"]]) {
        await page.keyboard.press(key);
        await becomes(page, () => focused(page), at, key);
      }
      await page.keyboard.press("ArrowLeft");
      await becomes(page, () => row(page, "rate(up[5m])").getAttribute("aria-expanded"), "false");
      await becomes(page, () => rows.count(), 5);
      await page.keyboard.press("ArrowLeft");
      await becomes(page, () => focused(page), "sum(rate(up[5m]))");
      const answered = page.waitForResponse(/api\/x\/explain/);
      await page.getByRole("button", { name: "Run" }).click();
      await answered;
      await settled(page);
      await becomes(page, () => rows.count(), 5, "what was folded stays folded");
      await row(page, "rate(up[5m])").getByRole("button", { name: "Unfold" }).click();
      await becomes(page, () => rows.count(), 6);
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("several expressions have a plan each, within the scope of the page", async () => {
      const view = await opened(world, `/ui/metrics?view=explain&scope=job%3Dnode&q=${encoded("count(up)")}&q=${encoded("1 + 1")}&q=${encoded("~up")}`);
      await becomes(view.page, () => view.page.getByRole("treegrid").count(), 2);
      const plan = view.page.getByRole("region", { name: "Plan of expression A" });
      assert.match(await plan.locator("[data-part='0.0'] code").innerText(), /^up\{job="node"\}$/);
      const json = await plan.getByRole("link", { name: "JSON" }).getAttribute("href");
      assert.match(json, /^\/api\/x\/explain\?query=count/);
      await view.page.locator("[data-part='0.0']").first().hover();
      assert.equal(await view.page.locator(".cm-pointed").count(), 0, "places of the scoped text are none of the editor's");
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
  });
}
