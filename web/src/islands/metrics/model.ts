// What the page of metrics asks and how answers become lines; no page in here.
import type { ChartData, Line } from "../../chart";
import { series } from "../../lib/format";
import type { Exemplar } from "./exemplars";
import type { Explanation } from "./plan";

/** One series of Prometheus' answer: pairs of seconds and text. */
export interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
  histogram?: [number, { count: string; sum: string }];
  histograms?: [number, { count: string; sum: string }][];
}

export interface Answer {
  data: { resultType: string; result: Series[] };
  warnings?: string[];
  infos?: string[];
}

/** What became of one expression. */
export interface Outcome {
  expression: string;
  answer?: Answer | undefined;
  past?: Answer | undefined;
  /** What it costs, in place of an answer. */
  explained?: Explanation | undefined;
  /** The newest first; absent where nobody asked for them. */
  exemplars?: Exemplar[] | undefined;
  error?: unknown;
  /** Why there are no exemplars. */
  exemplarError?: unknown;
  /** Milliseconds until the answer was here. */
  took: number;
}

export interface Grid {
  /** Epoch seconds. */
  start: number;
  end: number;
  /** Seconds. */
  step: number;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

/** Chooses a round step that gives about one point every two pixels, and aligns both ends to it. */
export function grid(startMs: number, endMs: number, pixels: number, wanted?: number): Grid {
  const window = Math.max(1, (endMs - startMs) / 1_000);
  const rough = window / Math.max(50, Math.min(600, pixels / 2));
  const automatic = STEPS.find((step) => step >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  // Prometheus refuses more than 11 000 points.
  const step = Math.max(wanted ?? automatic, Math.ceil(window / 11_000));
  const end = Math.floor(endMs / 1_000 / step) * step;
  return { start: Math.max(0, end - Math.floor(window / step) * step), end, step };
}

/** Exemplars that are drawn, the newest. */
export const MAX_POINTS = 1_000;

/** The letter of a row. */
export function letter(index: number): string {
  return String.fromCharCode(65 + (index % 26));
}

/** Reads the number that Prometheus wrote; what is no number is a gap. */
export function value(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  const read = Number(text);
  return Number.isNaN(read) ? null : read;
}

/** Joins all answers on one grid of times. */
export function chartData(outcomes: readonly Outcome[], { start, end, step }: Grid, shift: number): ChartData {
  const count = Math.max(1, Math.round((end - start) / step) + 1);
  const times = Array.from({ length: count }, (_, index) => (start + index * step) * 1_000);
  const lines: Line[] = [];
  const many = outcomes.filter((outcome) => outcome.answer).length > 1;
  outcomes.forEach(({ answer, past, expression }, row) => {
    const prefix = many ? `${letter(row)} ` : "";
    const add = (found: Answer | undefined, offset: number) => {
      for (const one of found?.data.result ?? []) {
        const values = new Array<number | null>(count).fill(null);
        for (const [seconds, text] of one.values ?? []) {
          const index = Math.round((seconds + offset - start) / step);
          const read = value(text);
          if (index >= 0 && index < count && read !== null && Number.isFinite(read)) values[index] = read;
        }
        const name = prefix + nameOf(one.metric, expression);
        lines.push(offset === 0 ? { name, values } : { name: `${name} (before)`, values, past: true });
      }
    };
    add(answer, 0);
    if (shift > 0) add(past, shift);
  });
  const points = outcomes.flatMap(({ exemplars }) => exemplars ?? []).slice(0, MAX_POINTS);
  if (points.length === 0) return { times, lines };
  return { times, lines, points: points.map((one) => ({ ...one, words: [one.name, one.labels].filter(Boolean).join(" · ") })) };
}

/** A series in words; one without labels is called by its expression. */
export function nameOf(metric: Record<string, string>, expression: string): string {
  return Object.keys(metric).length === 0 ? expression.trim() : series(metric);
}

/** Where Prometheus says an expression is wrong, as an offset into its text. */
export function faultAt(message: string, text: string): number | undefined {
  const place = /(\d+):(\d+): parse error/.exec(message);
  return place ? offsetOf(text, Number(place[1]), Number(place[2])) : undefined;
}

/** Returns the offset into a text of a line and a column, both from one. */
function offsetOf(text: string, line: number, column: number): number {
  const before = text.split("\n").slice(0, line - 1);
  const start = before.reduce((sum, one) => sum + one.length + 1, 0);
  // Columns count bytes of UTF-8, offsets count UTF-16 units.
  const own = text.split("\n")[line - 1] ?? "";
  let bytes = 0;
  let offset = 0;
  for (const character of own) {
    if (bytes >= column - 1) break;
    bytes += new TextEncoder().encode(character).length;
    offset += character.length;
  }
  return Math.min(text.length, start + offset);
}

/** What an answer says beside its values. */
export interface Note {
  severity: "warning" | "info";
  words: string;
  /** The part of the expression that it is about, as offsets; absent where it names none. */
  from?: number;
  to?: number;
}

/** Returns the notes of an answer, warnings first, each with the word of the expression it stands at. */
export function notesOf(answer: Pick<Answer, "warnings" | "infos"> | undefined, text: string): Note[] {
  const note = (severity: Note["severity"]) => (words: string): Note => {
    const place = /^(.*) \((\d+):(\d+)\)$/s.exec(words);
    const plain = (place?.[1] ?? words).replace(/^PromQL (warning|info): /, "");
    if (!place) return { severity, words: plain };
    const from = offsetOf(text, Number(place[2]), Number(place[3]));
    return { severity, words: plain, from, to: Math.max(wordEnd(text, from), Math.min(text.length, from + 1)) };
  };
  return [...(answer?.warnings ?? []).map(note("warning")), ...(answer?.infos ?? []).map(note("info"))];
}

/** Where the name or number that begins at an offset ends. */
function wordEnd(text: string, from: number): number {
  return from + (/^[\w:.]+/.exec(text.slice(from))?.[0].length ?? 0);
}

/** The message without the envelope's first words. */
export function faultWords(message: string): string {
  return message.replace(/^invalid parameter "query": /, "");
}
