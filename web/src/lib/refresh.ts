// Keeps a page new: islands are told to ask again; server-rendered parts are replaced.
import { localTimes } from "./localtimes";
import { refresh, pairs } from "./view";
import { first } from "./url";

/** Milliseconds between refreshes; 0 when there are none. */
function interval(): number {
  const text = first(pairs.value, "refresh") || document.documentElement.dataset["refresh"] || "off";
  if (text === "off") return 0;
  if (text === "live") return 2_000;
  const seconds = Number(text.replace(/s$/, ""));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

/** Fetches what this page shows again. */
export async function swap(): Promise<void> {
  refresh();
  const old = document.querySelector("[data-refreshed]");
  if (!old) return;
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-refreshed]");
    // What one reads or holds the focus in stays.
    if (!fresh || old.contains(document.activeElement) || old.matches(":hover:has(:active)")) return;
    const adopted = document.importNode(fresh, true);
    localTimes(adopted);
    old.replaceWith(adopted);
  } catch {
    // The next turn tries again; islands say that the connection is lost.
  }
}

/** Starts the clock. Nothing is asked while the page is hidden. */
export function startRefresh(): void {
  let due = Date.now();
  setInterval(() => {
    const every = interval();
    if (every === 0 || document.hidden || Date.now() - due < every) return;
    due = Date.now();
    void swap();
  }, 500);
}
