// The plan of an expression as a tree of parts: what each of them cost; no page in here.
import { durationNs, count } from "../../lib/format";
import { notesOf, type Note } from "./model";

/** What `/api/x/explain` says of one node; places in bytes, times in seconds. */
export interface PlanNode {
  kind: string;
  start: number;
  end: number;
  /** 0 for what the node above settled. */
  evaluations: number;
  /** The nodes below included. */
  seconds: number;
  series: number;
  points: number;
  children: PlanNode[];
  select?: Selected;
}

/** What the store read for a selector. */
export interface Selected {
  series: number;
  samples: number;
  hours: number;
  blobs: number;
  bytes: number;
}

/** What `/api/x/explain` answers. */
export interface Explained {
  plan: PlanNode;
  result: { type: string; series: number; points: number };
  timings: { queue: number; preparation: number; evaluation: number; sort: number; total: number };
  samples: { looked_at: number; peak: number };
  select: Selected;
  limits: { samples: number; steps: number };
  warnings: string[];
  infos: string[];
}

/** What was told of an expression. */
export interface Explanation {
  told: Explained;
  /** What was asked: the expression within the page's scope. */
  text: string;
  /** Where it is from. */
  address: string;
}

/** A stretch of an expression, as offsets into its text. */
export interface Stretch {
  from: number;
  to: number;
}

/** A piece of a part's text: its own, or that of a part below it. */
export interface Piece {
  words: string;
  below: boolean;
}

/** One part of an expression. Parentheses and literals are no parts: they are text of the part around them. */
export interface Part extends Stretch {
  /** Its place in the tree, such as `0.1`. */
  key: string;
  pieces: Piece[];
  /** Its text as written, on one line. */
  text: string;
  evaluations: number;
  /** Seconds without and with the parts below, and their shares of the whole query's. */
  own: number;
  whole: number;
  ownShare: number;
  wholeShare: number;
  /** Series of the parts below together; absent where there are none. */
  seriesIn?: number;
  seriesOut: number;
  /** Values at steps that came out; absent for a range, which has none of its own. */
  values?: number;
  selected?: Selected;
  /** Nothing comes out of it although something comes out of all parts below. */
  dry: boolean;
  notes: Note[];
  parts: Part[];
}

export interface Plan {
  root: Part;
  /** The part whose own time is the longest; absent where no time was told. */
  hottest?: Part;
  /** How many parts there are. */
  size: number;
  /** Notes that name no place. */
  notes: Note[];
}

/** Parts that are open at first without a look at what they cost. */
const OPEN = 60;
/** Beyond that, parts below this share of the whole are folded at first. */
const CHEAP = 0.02;

/** Reads what was told; all places are those of what was asked. */
export function planOf({ told, text }: Explanation): Plan {
  const total = Math.max(told.timings.total, told.plan.seconds, Number.MIN_VALUE);
  const root = partOf(bare(told.plan), "0", { text, total, at: offsets(text) });
  const parts = partsOf(root);
  const warm = parts.filter((part) => part.own > 0);
  const hottest = warm.reduce<Part | undefined>((most, part) => (most && most.own >= part.own ? most : part), undefined);
  const notes: Note[] = [];
  for (const note of notesOf(told, text)) (placeOf(note, parts)?.notes ?? notes).push(note);
  return { root, size: parts.length, notes, ...(hottest ? { hottest } : {}) };
}

/** Returns a part and all below it, in the order written. */
export function partsOf(part: Part): Part[] {
  const parts: Part[] = [];
  const todo = [part];
  for (let next = todo.pop(); next; next = todo.pop()) {
    parts.push(next);
    todo.push(...[...next.parts].reverse());
  }
  return parts;
}

/** Returns the keys of what is folded at first: nothing in a plan that one can overlook, else what is cheap. */
export function foldedAtFirst({ root, size }: Plan): Set<string> {
  if (size <= OPEN) return new Set();
  const cheap = partsOf(root).filter((part) => part.parts.length > 0 && part.wholeShare < CHEAP && part.key !== root.key);
  return new Set(cheap.map((part) => part.key));
}

/** A part as a row of the tree. */
export interface Line {
  part: Part;
  /** From 1. */
  level: number;
  /** Its place among the parts of the one above, from 1, and how many these are. */
  place: number;
  among: number;
  folded: boolean;
}

/** Returns the rows of the tree that are in sight. */
export function linesOf(root: Part, folded: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  const add = (part: Part, level: number, place: number, among: number) => {
    const line = { part, level, place, among, folded: part.parts.length > 0 && folded.has(part.key) };
    lines.push(line);
    if (!line.folded) part.parts.forEach((one, index) => add(one, level + 1, index + 1, part.parts.length));
  };
  add(root, 1, 1, 1);
  return lines;
}

/** Returns the key of the part above; of the first part, its own. */
export function above(key: string): string {
  return key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : key;
}

interface Source {
  text: string;
  total: number;
  /** Turns a place in bytes into an offset. */
  at: (bytes: number) => number;
}

function partOf(node: PlanNode, key: string, source: Source): Part {
  const below = node.children.map(bare).filter((child) => !child.kind.endsWith("Literal"));
  const [from, to] = [source.at(node.start), source.at(node.end)];
  const own = Math.max(0, node.seconds - below.reduce((sum, child) => sum + child.seconds, 0));
  const parts = below.map((child, index) => partOf(child, `${key}.${index}`, source));
  const part: Part = {
    key,
    from,
    to,
    pieces: piecesOf(from, to, parts, source.text),
    text: oneLine(source.text.slice(from, to)),
    evaluations: node.evaluations,
    own,
    whole: node.seconds,
    ownShare: Math.min(1, own / source.total),
    wholeShare: Math.min(1, node.seconds / source.total),
    seriesOut: node.series,
    dry: node.evaluations > 0 && node.series === 0 && below.every((child) => child.series > 0 || child.evaluations === 0),
    notes: [],
    parts,
  };
  if (parts.length > 0) part.seriesIn = below.reduce((sum, child) => sum + child.series, 0);
  if (node.kind !== "matrixSelector") part.values = node.points;
  if (node.select) part.selected = node.select;
  return part;
}

/** Looks through parentheses. */
function bare(node: PlanNode): PlanNode {
  const [inner] = node.children;
  return node.kind === "parenExpr" && inner ? bare(inner) : node;
}

function piecesOf(from: number, to: number, parts: readonly Part[], text: string): Piece[] {
  const pieces: Piece[] = [];
  let done = from;
  const own = (end: number) => {
    const words = text.slice(done, end).replace(/\s+/g, " ");
    if (words !== "") pieces.push({ words, below: false });
  };
  for (const part of [...parts].sort((a, b) => a.from - b.from)) {
    own(part.from);
    pieces.push({ words: part.text, below: true });
    done = part.to;
  }
  own(to);
  return pieces;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** Returns what turns places in bytes of UTF-8 into offsets of UTF-16. */
function offsets(text: string): (bytes: number) => number {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === text.length) return (place) => Math.min(place, text.length);
  const decoder = new TextDecoder();
  return (place) => decoder.decode(bytes.subarray(0, place)).length;
}

/** Returns the part that a note is about: the outermost that begins there, else the innermost around it. */
function placeOf({ from }: Note, parts: readonly Part[]): Part | undefined {
  if (from === undefined) return undefined;
  return parts.find((part) => part.from === from) ?? parts.findLast((part) => part.from <= from && from < part.to);
}

export function plural(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Writes a length of time given in seconds. */
export function time(seconds: number): string {
  return durationNs(seconds * 1e9);
}

/** Writes a share of the whole. */
export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`;
}
