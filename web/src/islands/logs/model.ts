// What the page of logs knows, without a page: rows, pills, addresses.
import { all, first, withValues, type Pairs } from "../../lib/url";

/** A row as `/api/x/logs` sends it. */
export interface Row {
  ns: string;
  seq: number;
  index: string;
  id: string;
  severity: string;
  service: string;
  line: string;
  cut?: boolean;
  trace?: string;
}

export interface Page {
  rows: Row[];
  total: number;
  next?: string;
  warnings: string[];
}

export interface Histogram {
  start: number;
  width: number;
  severities: string[];
  counts: number[][];
}

/** Rows that a live list keeps; older ones give way. */
export const MAX_LIVE = 20_000;

export interface Pill {
  key: string;
  value: string;
  not: boolean;
  /** Kept, but without effect. */
  off: boolean;
}

/** Reads `key=value`, `key!=value`; a leading `~` switches it off. */
export function readPill(text: string): Pill | undefined {
  const parts = /^(~?)([^=]*?)(!?)=([\s\S]*)$/.exec(text);
  const key = parts?.[2]?.trim();
  if (!parts || !key) return undefined;
  return { off: parts[1] === "~", key, not: parts[3] === "!", value: parts[4]?.trim() ?? "" };
}

/** Writes a pill. */
export function writePill({ key, value, not, off }: Pill): string {
  return `${off ? "~" : ""}${key}${not ? "!=" : "="}${value}`;
}

/** The pills of an address. */
export function pillsOf(pairs: Pairs): Pill[] {
  return all(pairs, "f").flatMap((text) => readPill(text) ?? []);
}

/** The address with one more pill; one of the same key and value is replaced. */
export function withPill(pairs: Pairs, pill: Pill): Pairs {
  const others = pillsOf(pairs).filter((one) => one.key !== pill.key || one.value !== pill.value);
  return withValues(pairs, "f", [...others, pill].map(writePill));
}

/** The parameters of every question: query, pills, scope, and the range unless it is a tail. */
export function question(pairs: Pairs, range?: { start: number; end: number }): URLSearchParams {
  const asked = new URLSearchParams();
  if (range) {
    asked.set("from", String(Math.floor(range.start)));
    asked.set("to", String(Math.floor(range.end)));
  }
  for (const key of ["q", "scope"]) {
    const text = first(pairs, key);
    if (text) asked.set(key, text);
  }
  for (const text of all(pairs, "f")) asked.append("f", text);
  return asked;
}

/** Milliseconds of a row's nanoseconds. */
export function msOf(ns: string): number {
  return Number(ns.slice(0, -6) || "0");
}

/** Puts newer rows before the others, newest first, and keeps at most `MAX_LIVE`. */
export function merge(newer: readonly Row[], rows: readonly Row[]): Row[] {
  const known = new Set(rows.slice(0, newer.length + 2_000).map(keyOf));
  const fresh = newer.filter((row) => !known.has(keyOf(row)));
  const joined = [...fresh, ...rows];
  // Late ones belong deeper; what is sorted already costs one comparison a row.
  if (!sorted(joined)) joined.sort((a, b) => (before(a, b) ? -1 : 1));
  return joined.slice(0, MAX_LIVE);
}

export function keyOf(row: Row): string {
  return `${row.ns}.${row.seq}`;
}

/** Whether `a` stands above `b`: newer, or of the same time and arrived later. */
function before(a: Row, b: Row): boolean {
  if (a.ns.length !== b.ns.length) return a.ns.length > b.ns.length;
  return a.ns === b.ns ? a.seq > b.seq : a.ns > b.ns;
}

function sorted(rows: readonly Row[]): boolean {
  return rows.every((row, index) => index === 0 || before(rows[index - 1] ?? row, row));
}

export interface Piece {
  text: string;
  /** A class of the style sheet, empty for plain text. */
  look: string;
}

const ANSI = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** Splits a line at ANSI colours; every other control sequence disappears. */
export function ansi(line: string): Piece[] {
  // eslint-disable-next-line no-control-regex
  const parts = line.split(/(\u001b\[[0-9;?]*[A-Za-z])/);
  const pieces: Piece[] = [];
  let look = "";
  for (const part of parts) {
    const codes = /^\u001b\[([0-9;]*)m$/.exec(part);
    if (codes) look = lookOf(codes[1] ?? "", look);
    else if (!part.startsWith("\u001b")) {
      const text = part.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "�");
      if (text) pieces.push({ text, look });
    }
  }
  return pieces;
}

function lookOf(codes: string, now: string): string {
  let look = now;
  for (const code of codes.split(";").map(Number)) {
    if (code === 0) look = "";
    const colour = code >= 30 && code <= 37 ? code - 30 : code >= 90 && code <= 97 ? code - 90 : -1;
    if (colour >= 0) look = `ansi-${ANSI[colour] ?? ""}`;
  }
  return look;
}

/** The words of a query that a line may show marked: no fields, no operators. */
export function wordsOf(query: string): string[] {
  const plain = query.replace(/[\w.@-]+:(?:"[^"]*"|\([^)]*\)|\S+)/g, " ");
  const quoted = [...plain.matchAll(/"([^"]+)"/g)].map(([, text]) => text ?? "");
  const rest = plain.replace(/"[^"]*"/g, " ").split(/[\s()]+/);
  return [...quoted, ...rest].filter((word) => word.length > 1 && !/^(AND|OR|NOT|&&|\|\|)$|^[-!]/.test(word)).map((word) => word.replaceAll("*", ""));
}

/** Splits text where one of the words stands, whatever its case. */
export function marked(text: string, words: readonly string[]): { text: string; hit: boolean }[] {
  const wanted = words.filter((word) => word !== "");
  if (wanted.length === 0) return [{ text, hit: false }];
  const pattern = new RegExp(`(${wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return text
    .split(pattern)
    .map((part, index) => ({ text: part, hit: index % 2 === 1 }))
    .filter((part) => part.text !== "");
}
