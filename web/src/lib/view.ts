// The state of this view, shared by the shell and the page's islands: the address, as a signal.
import { computed, signal } from "@preact/signals";
import { parseDuration, parseTime } from "./time";
import { decode, encode, first, type Pairs } from "./url";

/** The pairs of the address that is shown. */
export const pairs = signal<Pairs>(typeof location === "undefined" ? [] : decode(location.search));

/** Rises with each refresh, by key or by clock. */
export const ticks = signal(0);

/** The range as written. */
export const written = computed(() => ({
  from: first(pairs.value, "from") || "now-1h",
  to: first(pairs.value, "to") || "now",
}));

/** Returns the range in epoch milliseconds as of now; wrong texts give the last hour. */
export function rangeNow(now = Date.now()): { start: number; end: number } {
  const { from, to } = written.value;
  const start = parseTime(from, now);
  const end = parseTime(to, now);
  if (start === undefined || end === undefined || start >= end) {
    return { start: now - 3_600_000, end: now };
  }
  return { start, end };
}

/** How far back the window to compare with lies, if any. */
export function compareOffset(): number | undefined {
  const text = first(pairs.value, "cmp");
  if (text === "prev") {
    const { start, end } = rangeNow();
    return end - start;
  }
  return text ? parseDuration(text) : undefined;
}

/** Shows another state of this page. A step that one wants to go back from is pushed. */
export function show(next: Pairs, how: "push" | "replace" = "push"): void {
  const address = location.pathname + encode(next);
  if (address === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  pairs.value = decode(location.search);
}

/** Asks every island to fetch again. */
export function refresh(): void {
  ticks.value += 1;
}

if (typeof window !== "undefined") {
  window.addEventListener("popstate", () => {
    pairs.value = decode(location.search);
  });
}
