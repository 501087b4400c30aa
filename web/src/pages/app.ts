// What every page does: keys, menus, theme, refresh. Pages work without it.
import { announceScript, copy, inField } from "../lib/dom";
import { localTimes } from "../lib/localtimes";
import { listen, pressed } from "../lib/keys";
import { startRefresh, swap } from "../lib/refresh";
import { softRange } from "../lib/range";

announceScript();
localTimes(document);
menus();
theme();
rail();
snippets();
listen({
  goto,
  openPalette,
  openRange: () => document.querySelector<HTMLElement>(".range > summary")?.click(),
  copyLink: () => void copy(location.href),
  refresh: () => void swap(),
  toggleRail,
});
softRange();
startRefresh();

/** A menu closes by Escape, by a press beside it, and when another opens. */
function menus(): void {
  const open = () => document.querySelectorAll<HTMLDetailsElement>("details.menu[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of open()) {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    }
  });
}

/** Switches colours without a round trip; the cookie tells the server. */
function theme(): void {
  const button = document.querySelector<HTMLButtonElement>(".theme button");
  const root = document.documentElement;
  if (!button) return;
  const shown = () => root.dataset["theme"] ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const label = () => {
    const next = shown() === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${next} colours`);
    const use = button.querySelector("use");
    use?.setAttribute("href", `${root.dataset["icons"] ?? ""}#${next === "light" ? "sun" : "moon"}`);
  };
  label();
  button.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const next = shown() === "dark" ? "light" : "dark";
    root.dataset["theme"] = next;
    document.cookie = `theme=${next}; Path=/ui; Max-Age=31536000; SameSite=Strict`;
    label();
  });
}

function rail(): void {
  if (localStorage.getItem("rail") === "narrow") document.documentElement.dataset["rail"] = "narrow";
}

function toggleRail(): void {
  const root = document.documentElement;
  const narrow = root.dataset["rail"] !== "narrow";
  if (narrow) root.dataset["rail"] = "narrow";
  else delete root.dataset["rail"];
  localStorage.setItem("rail", narrow ? "narrow" : "wide");
}

/** Copy buttons that the server wrote. */
function snippets(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    const text = button?.parentElement?.querySelector("pre")?.textContent;
    if (text) void copy(text);
  });
}

/** Goes to the page of the navigation whose key starts so. */
function goto(key: string): void {
  const links = document.querySelectorAll<HTMLAnchorElement>(".rail a");
  for (const link of links) {
    const icon = link.querySelector("use")?.getAttribute("href")?.split("#")[1] ?? "";
    if (pressed[key] === icon) link.click();
  }
}

/** The palette is fetched when it is first asked for. */
async function openPalette(): Promise<void> {
  const { openPalette: open } = await import("../islands/palette");
  open();
}

const box = document.querySelector<HTMLInputElement>(".go input");
box?.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  void openPalette();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !inField(event)) {
    const field = document.querySelector<HTMLElement>("[data-main-field]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});
