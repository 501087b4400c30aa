// Lines as they arrive: over a lost connection, and to several pages by one stream.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { eventually } from "../../clients/support/appliance.mjs";
import { open as openView, settled } from "../support/browser.mjs";
import { sendLogs } from "../support/otlp.mjs";

/** Opens the logs of a word on a page and follows them. */
async function follow(page, address) {
  await page.goto(address);
  await settled(page);
  await page.getByRole("button", { name: "Live" }).click();
}

/** Sends a line until the page shows it. */
const arrives = (world, page, word, text) =>
  eventually(`the line ${word} ${text}`, async () => {
    await sendLogs(world.empty, "tail", [[Date.now(), `${word} ${text}`]]);
    const grid = page.getByRole("grid", { name: "Lines" });
    return (await grid.count()) > 0 && (await grid.innerText()).includes(text);
  });

export function live(world) {
  describe("live lines", () => {
    test("go on after the connection was lost", async () => {
      const view = await openView(world.browser, world.empty.http);
      await follow(view.page, `${world.empty.http}/ui/logs?q=tailword`);
      await arrives(world, view.page, "tailword", "first");
      await view.page.context().setOffline(true);
      await view.page.context().setOffline(false);
      await arrives(world, view.page, "tailword", "second");
      await view.close();
    });
    test("come to all pages of a browser by one stream, which outlives the page that held it", async () => {
      const context = await world.browser.newContext();
      const streams = new Set();
      context.on("request", (request) => request.url().includes("/logs/tail") && streams.add(request));
      context.on("requestfailed", (request) => streams.delete(request));
      context.on("requestfinished", (request) => streams.delete(request));
      const pages = [];
      for (const word of ["alphaword", "betaword", "alphaword"]) {
        pages.push(await context.newPage());
        await follow(pages.at(-1), `${world.empty.http}/ui/logs?q=${word}`);
      }
      await arrives(world, pages[0], "alphaword", "one");
      await arrives(world, pages[1], "betaword", "two");
      await arrives(world, pages[2], "alphaword", "three");
      const open = () => [...streams].filter((request) => !request.frame().page().isClosed());
      await eventually("one stream is left", () => open().length === 1);
      await pages[0].close();
      await arrives(world, pages[1], "betaword", "four");
      await arrives(world, pages[2], "alphaword", "five");
      await eventually("one stream is left again", () => open().length === 1);
      await context.close();
    });
  });
}
