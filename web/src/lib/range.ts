// The range menu on pages whose islands ask for themselves: another range without another page.
import { effect } from "@preact/signals";
import { pairs, refresh, show, written } from "./view";
import { decode, withValues } from "./url";

const KEYS = ["from", "to", "cmp", "refresh"];

/** Lets presets and the form change the state in place, where the page says that it follows. */
export function softRange(): void {
  const menu = document.querySelector<HTMLDetailsElement>("details.range");
  if (!menu || !document.querySelector("[data-soft-range]")) return;
  const label = menu.querySelector("[data-range-label]");
  menu.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a.choice") : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const chosen = decode(new URL(link.href).search);
    const value = (key: string) => chosen.filter(([own]) => own === key).map(([, text]) => text);
    choose({ from: value("from"), to: value("to") });
    menu.open = false;
    if (label) label.textContent = link.textContent;
  });
  menu.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    choose(Object.fromEntries(KEYS.map((key) => [key, [String(form.get(key) ?? "")]])));
    menu.open = false;
  });
  effect(() => {
    const { from, to } = written.value;
    const preset = [...menu.querySelectorAll<HTMLAnchorElement>("a.choice")].find((link) => {
      const own = new URL(link.href).searchParams;
      return own.get("from") === from && own.get("to") === to;
    });
    for (const link of menu.querySelectorAll("a.choice")) {
      if (link === preset) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (label) label.textContent = preset?.textContent ?? `${readable(from)} to ${readable(to)}`;
  });
}

function choose(values: Record<string, string[]>): void {
  let next = pairs.value;
  for (const [key, texts] of Object.entries(values)) next = withValues(next, key, texts);
  show(next);
  refresh();
}

/** Epoch numbers as a time of this browser; everything else as written. */
function readable(text: string): string {
  return /^\d{13}$/.test(text) ? new Date(Number(text)).toLocaleString("sv-SE").slice(0, 16) : text;
}
