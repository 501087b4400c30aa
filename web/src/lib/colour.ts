// Which of the eight colours a series gets: by its name, so that it keeps it over panels and
// reloads. Neighbours that would share one move on.

export const SLOTS = 8;
/** Dash patterns of the second and third round. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2]];

/** FNV-1a over UTF-16 units. */
export function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return state >>> 0;
}

export interface Stroke {
  /** 1 to 8, or 0 for "the rest". */
  slot: number;
  dash: readonly number[];
}

/** Gives every name a stroke; the same list always gets the same ones. */
export function strokes(names: readonly string[]): Stroke[] {
  const taken = new Set<number>();
  return names.map((name) => {
    const wanted = hash(name) % SLOTS;
    for (let round = 0; round < DASHES.length; round += 1) {
      for (let step = 0; step < SLOTS; step += 1) {
        const slot = (wanted + step) % SLOTS;
        const key = round * SLOTS + slot;
        if (!taken.has(key)) {
          taken.add(key);
          return { slot: slot + 1, dash: DASHES[round] ?? [] };
        }
      }
    }
    return { slot: 0, dash: [] };
  });
}

/** Reads a colour token of the theme that is shown. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Reads the colour of a slot. */
export function slotColour(slot: number): string {
  return token(slot === 0 ? "c-rest" : `c${slot}`);
}

/** Calls back when light and dark change, by the switch or by the system; returns the end of it. */
export function onTheme(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", changed);
  };
}
