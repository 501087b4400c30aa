// A trace in the page: which spans are shown, and which of them decided how long it took.

/** The columns that the server wrote, parents before their children. */
export interface Skeleton {
  ids: string[];
  /** Place of the parent, -1 for a root. */
  parents: number[];
  depths: number[];
  names: string[];
  of: number[];
  services: string[];
  /** Nanoseconds since the trace began. */
  starts: number[];
  lengths: number[];
  kinds: string[];
  failed: number[];
  orphans: number[];
}

export interface Filter {
  /** Text that the name, service or kind holds, whatever its case. */
  text: string;
  onlyFailed: boolean;
  /** Spans shorter than this are hidden, in nanoseconds. */
  shortest: number;
  /** Places whose children are folded away. */
  folded: ReadonlySet<number>;
  /** Services that are switched off. */
  hidden: ReadonlySet<string>;
}

export const EVERYTHING: Filter = {
  text: "",
  onlyFailed: false,
  shortest: 0,
  folded: new Set(),
  hidden: new Set(),
};

export interface Shown {
  /** Places of the spans that are shown, in order. */
  rows: number[];
  /** Those that match themselves; the others are there for the way to them. */
  matches: Uint8Array;
  /** How many match. */
  count: number;
}

/** The end of the last span. */
export function lengthOf(trace: Skeleton): number {
  let end = 1;
  trace.starts.forEach((start, place) => {
    end = Math.max(end, start + (trace.lengths[place] ?? 0));
  });
  return end;
}

/** How many children each span has. */
export function childCounts(trace: Skeleton): Uint32Array {
  const counts = new Uint32Array(trace.ids.length);
  for (const parent of trace.parents) if (parent >= 0) counts[parent] = (counts[parent] ?? 0) + 1;
  return counts;
}

/** Hides what does not match, but for the ancestors of what does. */
export function select(trace: Skeleton, filter: Filter, failed: ReadonlySet<number>): Shown {
  const total = trace.ids.length;
  const wanted = filter.text.trim().toLowerCase();
  const matches = new Uint8Array(total);
  const kept = new Uint8Array(total);
  let count = 0;
  for (let place = 0; place < total; place += 1) {
    const service = trace.services[trace.of[place] ?? 0] ?? "";
    const words = wanted === "" || `${trace.names[place]} ${service} ${trace.kinds[place]}`.toLowerCase().includes(wanted);
    const is =
      words &&
      !filter.hidden.has(service) &&
      (!filter.onlyFailed || failed.has(place)) &&
      (trace.lengths[place] ?? 0) >= filter.shortest;
    if (!is) continue;
    matches[place] = 1;
    count += 1;
    for (let at = place; at >= 0 && kept[at] === 0; at = trace.parents[at] ?? -1) kept[at] = 1;
  }
  const rows: number[] = [];
  const under = new Uint8Array(total);
  for (let place = 0; place < total; place += 1) {
    const parent = trace.parents[place] ?? -1;
    if (parent >= 0 && (under[parent] === 1 || filter.folded.has(parent))) under[place] = 1;
    if (kept[place] === 1 && under[place] === 0) rows.push(place);
  }
  return { rows, matches, count };
}

/**
 * The spans that the end of the trace waited for: from the root back in time, always the child
 * that ended last before.
 */
export function criticalPath(trace: Skeleton): Set<number> {
  const children = new Map<number, number[]>();
  trace.parents.forEach((parent, place) => {
    const siblings = children.get(parent);
    if (siblings) siblings.push(place);
    else children.set(parent, [place]);
  });
  const end = (place: number) => (trace.starts[place] ?? 0) + (trace.lengths[place] ?? 0);
  const path = new Set<number>();
  const roots = children.get(-1) ?? [];
  const last = roots.reduce((best, place) => (end(place) > end(best) ? place : best), roots[0] ?? -1);
  const open: { place: number; until: number }[] = last >= 0 ? [{ place: last, until: end(last) }] : [];
  for (let next = open.pop(); next; next = open.pop()) {
    path.add(next.place);
    let until = next.until;
    const sorted = [...(children.get(next.place) ?? [])].sort((a, b) => end(b) - end(a));
    for (const child of sorted) {
      // One that outlives its parent was not waited for.
      if (end(child) > until) continue;
      open.push({ place: child, until: end(child) });
      until = trace.starts[child] ?? 0;
    }
  }
  return path;
}
