// The server writes times in UTC; here they become the browser's own.
import { clock, day } from "./format";

/** Rewrites every `<time>` below `root`; the title keeps the day and UTC. */
export function localTimes(root: ParentNode): void {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const text = element.getAttribute("datetime") ?? "";
    const at = Date.parse(text);
    if (Number.isNaN(at)) continue;
    const withDay = element.hasAttribute("data-day");
    element.textContent = withDay ? `${day(at)} ${clock(at)}` : clock(at, true);
    element.setAttribute("title", `${day(at)} ${clock(at, true)} here, ${text} UTC`);
  }
}
