// Telemetry that wants to be more than text, and a server that goes away.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { startAppliance } from "../../clients/support/appliance.mjs";
import { expectRefusals, open, settled, shot } from "../support/browser.mjs";
import { sendLogs, sendSeries, sendTrace } from "../support/otlp.mjs";

const MARKUP = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>"'><svg onload=window.pwned=3>`;
const ANSI = "\u001b[31mred\u001b[0m and \u001b]0;title\u0007 done";
const BIDI = "user \u202Egnp.exe\u202C sent \u05E9\u05DC\u05D5\u05DD";
const SERVICE = "evil <b onmouseover=window.pwned=4>";

const clean = async (view) => {
  assert.equal(await view.page.evaluate(() => window.pwned), undefined, "no foreign script ran");
  assert.equal(await view.page.locator("main img").count(), 0, "no foreign element");
  assert.deepEqual(view.wrong(), []);
};

export function hostile(world) {
  describe("hostile telemetry", () => {
    test("log lines with markup, ANSI, bidirectional and 1 MB text are text", async () => {
      const now = Date.now();
      const long = `begin ${"x".repeat(1_000_000)} end`;
      await sendLogs(world.empty, SERVICE, [MARKUP, ANSI, BIDI, long].map((text, index) => [now - index, text]));
      const view = await open(world.browser, world.empty.http);
      await view.goto("/ui/logs");
      const list = view.page.getByRole("grid", { name: "Lines" });
      await list.waitFor();
      await settled(view.page);
      const shown = await list.innerText();
      assert.ok(shown.includes("<script>window.pwned=2</script>"), shown.slice(0, 400));
      assert.ok(!/[\u001b\u202e]/.test(shown), "no control or direction character is drawn");
      await list.focus();
      for (let row = 0; row < 4; row += 1) {
        await view.page.keyboard.press("j");
        await view.page.locator(".side-panel").waitFor();
        await settled(view.page);
      }
      await shot(view, `hostile-logs`);
      await clean(view);
      await view.goto("/ui/logs?q=begin");
      await settled(view.page);
      await clean(view);
      await view.close();
    });
    test("names, labels and attributes with markup are text on every page that shows them", async () => {
      const id = "deadbeefdeadbeefdeadbeefdeadbeef";
      await sendTrace(world.empty, SERVICE, id, 3);
      await sendSeries(world.empty, "evil_gauge", 1, 30);
      const query = `label_replace(evil_gauge, "x", "${MARKUP.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}", "", "")`;
      const view = await open(world.browser, world.empty.http);
      const paths = [
        "/ui", "/ui/services", `/ui/services/${encodeURIComponent(SERVICE)}`, "/ui/traces", `/ui/traces/${id}`, "/ui/ingest",
        `/ui/metrics?q=${encodeURIComponent(query)}`, `/ui/metrics?view=table&q=${encodeURIComponent(query)}`,
        `/ui/metrics?view=explain&q=${encodeURIComponent(query)}`,
        `/ui/logs?q=${encodeURIComponent(MARKUP)}`, `/ui/traces?service=${encodeURIComponent(MARKUP)}`, `/ui/metrics?find=${encodeURIComponent(MARKUP)}`,
      ];
      // A word of markup is a faulty query in places; that is said, and is no error of the page.
      expectRefusals(view);
      for (const path of paths) {
        await view.goto(path);
        await settled(view.page);
        await clean(view);
      }
      await view.close();
    });
    test("a page whose server goes away says so, and goes on when it is back", async () => {
      const own = await startAppliance();
      const view = await open(world.browser, own.http);
      try {
        await view.goto("/ui/logs");
        await settled(view.page);
        await view.page.context().setOffline(true);
        await view.page.getByRole("button", { name: "Search" }).click();
        await view.page.locator("main .failure").waitFor();
        assert.match(await view.page.locator("main .failure").innerText(), /\S/);
        await shot(view, `lost-connection`);
        await view.page.context().setOffline(false);
        await view.page.locator("main .failure button").first().click();
        await view.page.locator("main .failure").waitFor({ state: "detached" });
      } finally {
        await view.close();
        await own.stop();
      }
    });
  });
}
