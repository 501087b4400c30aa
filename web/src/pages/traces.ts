// The drawing above the list of traces.
import { frameOf, Scatter, type Dot } from "../draw/scatter";
import { serviceColour } from "../draw/waterfall";
import { onTheme } from "../lib/colour";
import { block } from "../lib/dom";
import { encode, withValues } from "../lib/url";
import { pairs, rangeNow } from "../lib/view";

const box = document.getElementById("scatter");
const dots = block<Dot[]>("points");
if (box && dots) {
  const { start, end } = rangeNow();
  new Scatter(box, dots, frameOf(dots, start, end), {
    open: (dot) => location.assign(dot.href),
    select: (from, to) => {
      const next = withValues(withValues(pairs.value, "from", [String(from)]), "to", [String(to)]);
      location.assign(location.pathname + encode(next));
    },
  });
}

/** A service has one colour, here and in the bars of its spans. */
function colourServices(): void {
  for (const chip of document.querySelectorAll<HTMLElement>("[data-service]")) {
    chip.style.boxShadow = `inset 3px 0 0 ${serviceColour(chip.dataset["service"] ?? "")}`;
  }
}
colourServices();
onTheme(colourServices);
