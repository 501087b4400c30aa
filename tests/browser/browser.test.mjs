// The pages in a real browser. One demo, one empty appliance and one browser serve all suites.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { startAppliance } from "../clients/support/appliance.mjs";
import { launch } from "./support/browser.mjs";
import { alive, startDemo } from "./support/demo.mjs";
import { sendTrace } from "./support/otlp.mjs";
import { findThings } from "./support/pages.mjs";
import { explain } from "./suites/explain.mjs";
import { hostile } from "./suites/hostile.mjs";
import { journey } from "./suites/journey.mjs";
import { keyboard } from "./suites/keyboard.mjs";
import { live } from "./suites/live.mjs";
import { matrix } from "./suites/matrix.mjs";
import { metrics } from "./suites/metrics.mjs";
import { plain } from "./suites/plain.mjs";
import { size } from "./suites/size.mjs";

const QUIET = "telemetry: {self: false}\nhost: {enabled: false}\nrule_packs: []\n";
const world = {};

before(async () => {
  [world.browser, world.full, world.empty] = await Promise.all([launch(), startDemo(), startAppliance(QUIET)]);
  await alive(world.full);
  Object.assign(world, await findThings(world.full));
  world.longTraceId = "0af7651916cd43dd8448eb211c80319c";
  await sendTrace(world.full, "catalogue", world.longTraceId, 10_000);
});

after(async () => {
  await world.browser?.close();
  if (world.full) assert.equal(await world.full.stop(), 0, "the demo drains on SIGTERM");
  if (world.empty) assert.equal(await world.empty.stop(), 0, "the appliance drains on SIGTERM");
});

matrix(world);
plain(world);
keyboard(world);
journey(world);
metrics(world);
explain(world);
hostile(world);
live(world);
size(world);
