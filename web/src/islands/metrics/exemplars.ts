// Exemplars: single measurements behind a series, each of which may name its trace; no page in here.
import { series } from "../../lib/format";
import { value } from "./model";

/** What `/api/v1/query_exemplars` answers. */
export interface ExemplarAnswer {
  data: { seriesLabels: Record<string, string>; exemplars: { labels: Record<string, string>; value: string; timestamp: number }[] }[];
}

export interface Exemplar {
  /** Epoch milliseconds. */
  time: number;
  value: number;
  /** The series that it was measured for. */
  name: string;
  /** Its own labels in words, without the trace's. */
  labels: string;
  /** The address of its trace, where it names one. */
  href?: string;
}

/** The names by which clients write the id of a trace. */
const TRACE_LABELS = ["trace_id", "traceID", "traceId", "trace.id"];
const SPAN_LABELS = ["span_id", "spanID", "spanId", "span.id"];

/** Reads an answer, the newest first; what has no finite value cannot be shown. */
export function exemplarsOf(answer: ExemplarAnswer | undefined): Exemplar[] {
  const found: Exemplar[] = [];
  for (const { seriesLabels, exemplars } of answer?.data ?? []) {
    const name = series(seriesLabels);
    for (const one of exemplars) {
      const read = value(one.value);
      if (read === null || !Number.isFinite(read)) continue;
      const trace = pick(one.labels, TRACE_LABELS, /^[0-9a-f]{1,32}$/i);
      const span = pick(one.labels, SPAN_LABELS, /^[0-9a-f]{1,16}$/i);
      const rest = Object.entries(one.labels).filter(([key]) => ![...TRACE_LABELS, ...SPAN_LABELS].includes(key));
      const exemplar: Exemplar = { time: Math.round(one.timestamp * 1_000), value: read, name, labels: rest.length > 0 ? series(Object.fromEntries(rest)) : "" };
      if (trace) exemplar.href = `/ui/traces/${trace.toLowerCase()}${span ? `?span=${span.toLowerCase()}` : ""}`;
      found.push(exemplar);
    }
  }
  return found.sort((a, b) => b.time - a.time);
}

function pick(labels: Record<string, string>, names: readonly string[], form: RegExp): string | undefined {
  return names.map((name) => labels[name]).find((text) => text !== undefined && form.test(text));
}
