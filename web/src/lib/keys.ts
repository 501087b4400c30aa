// The keys of every page. None fires inside a field, and all can be switched off (WCAG 2.1.4).
import { inField } from "./dom";

export interface Actions {
  /** `g` and then a letter. */
  goto: (key: string) => void;
  openPalette: () => void;
  openRange: () => void;
  copyLink: () => void;
  refresh: () => void;
  toggleRail: () => void;
}

/** The letter behind `g`, and the page it leads to. */
export const pressed: Record<string, string> = {
  h: "home",
  s: "services",
  m: "metrics",
  l: "logs",
  t: "traces",
  a: "alerts",
};

/** What the help lists. */
export const HELP: readonly (readonly [string, string])[] = [
  ["Ctrl K", "search or jump to"],
  ["g, then h s m l t a", "home, services, metrics, logs, traces, alerts"],
  ["/", "the page's query"],
  ["t", "time range"],
  ["r", "refresh"],
  ["y", "copy the address of this view"],
  ["[", "narrow navigation"],
  ["j k or ↓ ↑", "next and previous row"],
  ["Esc", "close what is on top"],
];

const OFF = "keys-off";

/** Whether single keys do something in this browser. */
export function keysOn(): boolean {
  return localStorage.getItem(OFF) === null;
}

/** Switches single keys on or off. */
export function setKeys(on: boolean): void {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "yes");
}

/** Starts listening. */
export function listen(actions: Actions): void {
  let prefix = "";
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      actions.openPalette();
      return;
    }
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (modified || event.defaultPrevented || inField(event) || !keysOn()) return;
    if (prefix === "g") {
      prefix = "";
      actions.goto(event.key);
      return;
    }
    const single: Record<string, () => void> = {
      g: () => (prefix = "g"),
      t: actions.openRange,
      r: actions.refresh,
      y: actions.copyLink,
      "[": actions.toggleRail,
      "?": actions.openPalette,
    };
    single[event.key]?.();
  });
}
