// Where the time of a trace went: spans of one service and operation on one way from the root are one frame.
import type { Skeleton } from "./trace";

export interface Frame {
  /** The operation; empty for the whole trace. */
  name: string;
  /** Place in the trace's list of services; -1 for the whole trace. */
  service: number;
  /** Spans that were merged. */
  spans: number;
  failed: number;
  /** Nanoseconds in which none of a span's children ran. */
  self: number;
  /** `self` of this frame and of all below it: what is drawn as its width. */
  total: number;
  parent: Frame | undefined;
  /** The widest first. */
  children: Frame[];
}

/** A frame's place in the drawing: shares of the whole width, and the row from the top. */
export interface Cell {
  frame: Frame;
  left: number;
  width: number;
  row: number;
}

/** Merges the spans of a trace, parents before their children as the server wrote them. */
export function merge(trace: Skeleton): Frame {
  const root = newFrame("", -1, undefined);
  const frames: Frame[] = [];
  const known = new Map<Frame, Map<string, Frame>>();
  const selves = selfTimes(trace);
  const failed = new Set(trace.failed);
  trace.names.forEach((name, place) => {
    const above = frames[trace.parents[place] ?? -1] ?? root;
    const service = trace.of[place] ?? 0;
    const siblings = known.get(above) ?? new Map<string, Frame>();
    known.set(above, siblings);
    const key = `${service} ${name}`;
    let frame = siblings.get(key);
    if (!frame) {
      frame = newFrame(name, service, above);
      siblings.set(key, frame);
      above.children.push(frame);
    }
    frame.spans += 1;
    frame.self += selves[place] ?? 0;
    if (failed.has(place)) frame.failed += 1;
    frames[place] = frame;
  });
  root.spans = trace.names.length;
  addUp(root);
  return root;
}

function newFrame(name: string, service: number, parent: Frame | undefined): Frame {
  return { name, service, spans: 0, failed: 0, self: 0, total: 0, parent, children: [] };
}

/** Nanoseconds of each span in which none of its children ran. */
export function selfTimes(trace: Skeleton): Float64Array {
  const children = new Map<number, number[]>();
  trace.parents.forEach((parent, place) => {
    if (parent < 0) return;
    const siblings = children.get(parent);
    if (siblings) siblings.push(place);
    else children.set(parent, [place]);
  });
  const begin = (place: number) => trace.starts[place] ?? 0;
  const end = (place: number) => begin(place) + (trace.lengths[place] ?? 0);
  return Float64Array.from(trace.names, (_, place) => {
    let covered = 0;
    let until = begin(place);
    for (const child of (children.get(place) ?? []).sort((a, b) => begin(a) - begin(b))) {
      // A child that outlives its parent takes no more of it than there is.
      const from = Math.max(until, begin(child));
      const to = Math.min(end(child), end(place));
      covered += Math.max(0, to - from);
      until = Math.max(until, to);
    }
    return Math.max(0, (trace.lengths[place] ?? 0) - covered);
  });
}

/** Sums from below, without recursion: traces may be deep. */
function addUp(root: Frame): void {
  const order = all(root);
  for (const frame of order.reverse()) {
    frame.total = frame.children.reduce((sum, child) => sum + child.total, frame.self);
    frame.children.sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  }
}

/** A frame and everything below it, parents first. */
export function all(top: Frame): Frame[] {
  const found: Frame[] = [];
  const open = [top];
  for (let frame = open.pop(); frame; frame = open.pop()) {
    found.push(frame);
    open.push(...frame.children);
  }
  return found;
}

/** The way from the whole trace down to a frame. */
export function pathOf(frame: Frame): Frame[] {
  const path: Frame[] = [];
  for (let at: Frame | undefined = frame; at; at = at.parent) path.unshift(at);
  return path;
}

/** Lays out `top` over the whole width and what is below it in rows; what is narrower than `least` is left out. */
export function layout(top: Frame, least: number): Cell[] {
  const cells: Cell[] = [];
  const open: Cell[] = [{ frame: top, left: 0, width: 1, row: 0 }];
  for (let cell = open.pop(); cell; cell = open.pop()) {
    cells.push(cell);
    let left = cell.left;
    for (const child of cell.frame.children) {
      const width = cell.frame.total > 0 ? (child.total / cell.frame.total) * cell.width : 0;
      if (width >= least) open.push({ frame: child, left, width, row: cell.row + 1 });
      left += width;
    }
  }
  return cells;
}
