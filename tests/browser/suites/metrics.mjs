// What the page of metrics says about an expression: faults and notes at their place, exemplars with traces.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { expectRefusals, open, settled, shot, violations } from "../support/browser.mjs";

const encoded = encodeURIComponent;
const BUCKETS = "histogram_quantile(0.99, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket{http_route=\"/checkout\"}[5m])))";

async function opened(world, path, scheme = "light") {
  const view = await open(world.browser, world.full.http, { colorScheme: scheme });
  expectRefusals(view);
  await view.goto(path);
  await settled(view.page);
  return view;
}

/** Looks for an exemplar in the chart as a person would, by moving the pointer, and returns where it is. */
async function lozenge(page) {
  const box = await page.locator(".u-over").boundingBox();
  const place = await page.evaluate(async ([x, y, width, height]) => {
    const over = document.querySelector(".u-over");
    for (let top = height - 3; top > 0; top -= 6) {
      for (let left = width - 3; left > 0; left -= 8) {
        over.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: x + left, clientY: y + top }));
        await Promise.resolve();
        if (over.style.cursor === "pointer") return [x + left, y + top];
      }
    }
    return undefined;
  }, [box.x, box.y, box.width, box.height]);
  assert.ok(place, "no exemplar lies within the chart");
  return place;
}

export function metrics(world) {
  describe("expressions", () => {
    test("a fault is underlined where it is", async () => {
      const view = await opened(world, `/ui/metrics?q=${encoded("sum(up) by")}`);
      const fault = view.page.locator(".cm-lintRange-error");
      await fault.waitFor();
      assert.match(await view.page.locator(".expression .fault").innerText(), /1:\d+: parse error/);
      await shot(view, "metrics-fault");
      // A text that nobody asked the server about is judged by the editor.
      await view.page.locator(".cm-content").click();
      await view.page.keyboard.press("Control+End");
      await view.page.keyboard.type(" (job) + rate(up)");
      await view.page.locator(".cm-lintRange-error", { hasText: "up" }).waitFor();
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    test("metrics, labels and their values are completed while one types", async () => {
      const view = await opened(world, "/ui/metrics");
      const field = view.page.locator(".cm-content");
      const offered = (text) => view.page.locator(".cm-tooltip-autocomplete li", { hasText: text });
      await field.click();
      await view.page.keyboard.type("node_load1");
      await offered(/^node_load1gauge/).waitFor();
      await view.page.keyboard.type("{j");
      await offered(/^job$/).click();
      // The quotation mark brings its twin.
      await view.page.keyboard.type('="');
      await offered(/^belvedere-host/).waitFor();
      assert.equal(await offered(/^checkout/).count(), 0, "only jobs that the metric has");
      await view.page.keyboard.type("node");
      await offered(/^belvedere-host/).waitFor({ state: "detached" });
      await shot(view, "metrics-completion");
      await offered(/^node$/).click();
      assert.equal(await field.innerText(), 'node_load1{job="node"}');
      await view.page.keyboard.press("Control+Enter");
      await view.page.waitForURL(/q=node_load1/);
      await settled(view.page);
      assert.match(await view.page.locator(".stats").innerText(), /^\d+ series/);
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
    for (const scheme of ["light", "dark"]) {
      test(`notes stand below their expression, with the word that they are about (${scheme})`, async () => {
        const [doubtful, fine] = ["quantile_over_time(2, node_load1[5m]) + rate(node_memory_MemTotal_bytes[5m])", "count(up)"];
        const view = await opened(world, `/ui/metrics?q=${encoded(doubtful)}&q=${encoded(fine)}`, scheme);
        const notes = view.page.getByRole("list", { name: "Notes on Expression A" }).locator("li");
        assert.equal(await notes.count(), 2);
        assert.match(await notes.first().innerText(), /Warning\s+2\s+quantile value should be between 0 and 1/);
        assert.match(await notes.last().innerText(), /Info\s+node_memory_MemTotal_bytes\s+metric might not be a counter/);
        assert.equal(await view.page.getByRole("list", { name: "Notes on Expression B" }).count(), 0);
        assert.equal(await view.page.locator(".cm-lintRange-warning").first().innerText(), "2");
        assert.equal(await view.page.locator(".cm-lintRange-info").first().innerText(), "node_memory_MemTotal_bytes");
        assert.deepEqual(await violations(view.page, ".expressions"), []);
        // The editor's own analysis comes after 750 ms, and must not take away what the server said.
        await wait(1_000);
        assert.equal(await view.page.locator(".cm-lintRange-warning").count(), 1);
        await shot(view, `metrics-notes-${scheme}`);
        assert.deepEqual(view.wrong(), []);
        await view.close();
      });
      test(`exemplars are shown when one asks for them, and lead to their traces (${scheme})`, async () => {
        const view = await opened(world, `/ui/metrics?from=now-1h&q=${encoded(BUCKETS)}`, scheme);
        assert.equal(await view.page.getByRole("region", { name: "Exemplars" }).count(), 0);
        await view.page.getByRole("button", { name: "Exemplars" }).click();
        const list = view.page.getByRole("region", { name: "Exemplars" });
        await list.waitFor();
        assert.match(view.page.url(), /exemplars=1/);
        assert.match(await list.locator("h2").innerText(), /^\d+ exemplars?$/);
        assert.deepEqual(await violations(view.page, "main"), []);
        await shot(view, `metrics-exemplars-${scheme}`);
        await list.locator("a").first().click();
        await settled(view.page);
        assert.match(view.page.url(), /\/ui\/traces\/[0-9a-f]{32}/);
        assert.deepEqual(view.wrong(), []);
        await view.close();
      });
    }
    test("a press on an exemplar in the chart opens its trace, and a drag does not", async () => {
      const view = await opened(world, `/ui/metrics?from=now-1h&exemplars=1&q=${encoded(BUCKETS)}`);
      const [x, y] = await lozenge(view.page);
      await view.page.mouse.move(x, y);
      assert.match(await view.page.locator(".chart-tip").innerText(), /^Exemplar .*Press to open its trace/s);
      await shot(view, "metrics-exemplar-tip");
      await view.page.mouse.move(x - 200, y);
      await view.page.mouse.down();
      await view.page.mouse.move(x + 3, y, { steps: 4 });
      await view.page.mouse.up();
      await view.page.waitForURL(/\/ui\/metrics\?.*from=\d+/);
      // The range that was chosen is drawn when it is read; what is pressed before that moves away.
      for (let turn = 0; turn < 10 && !view.page.url().includes("/ui/traces/"); turn += 1) {
        await settled(view.page);
        const [left, top] = await lozenge(view.page);
        await view.page.mouse.move(left, top);
        await view.page.mouse.click(left, top);
        await view.page.waitForURL(/\/ui\/traces\//, { timeout: 1_500 }).catch(() => undefined);
      }
      assert.match(view.page.url(), /\/ui\/traces\/[0-9a-f]{32}/);
      assert.deepEqual(view.wrong(), []);
      await view.close();
    });
  });
}
