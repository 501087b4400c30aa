// Charts where the server wrote a table: elements with `data-chart` say what to draw.
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { Failed, Skeleton } from "../components";
import { LineChart } from "../components/chart";
import type { ChartData } from "../chart";
import { Asker } from "../lib/fetch";
import { bytes, durationNs, number } from "../lib/format";
import { withValues } from "../lib/url";
import { pairs, rangeNow, show, ticks } from "../lib/view";
import { chartData, grid, type Answer, type Grid } from "./metrics/model";

/** What src/ui/chart.rs writes. */
interface Block {
  queries: string[];
  thresholds: { value: number; words: string }[];
  unit: string;
  label: string;
}

const FORMATS: Record<string, (value: number | null) => string> = {
  bytes: (value) => (value === null ? "—" : bytes(value)),
  seconds: (value) => (value === null ? "—" : durationNs(value * 1e9)),
  percent: (value) => (value === null ? "—" : `${number(value)} %`),
};

function QueryChart({ block, width }: { block: Block; width: number }) {
  const [found, setFound] = useState<{ answers: (Answer | undefined)[]; times: Grid } | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const askers = useRef(block.queries.map(() => new Asker()));
  const ask = async () => {
    const { start, end } = rangeNow();
    const times = grid(start, end, width);
    const address = (query: string) =>
      `/api/v1/query_range?${new URLSearchParams({
        query,
        start: String(times.start),
        end: String(times.end),
        step: String(times.step),
      })}`;
    try {
      const answers = await Promise.all(
        block.queries.map((query, index) => askers.current[index]?.ask<Answer>(address(query))),
      );
      if (answers.some((answer) => answer === undefined)) return;
      setFound({ answers, times });
      setError(undefined);
    } catch (fault) {
      setError(fault);
    }
  };
  useSignalEffect(() => {
    void ticks.value;
    void pairs.value;
    void ask();
  });
  useEffect(() => () => askers.current.forEach((asker) => asker.stop()), []);
  const data = useMemo<ChartData>(() => (found ? drawn(block, found.answers, found.times) : { times: [], lines: [] }), [found]);
  const options = useMemo(
    () => ({
      height: 220,
      format: FORMATS[block.unit] ?? number,
      ...(found ? { range: { start: found.times.start * 1_000, end: found.times.end * 1_000 } } : {}),
      onZoom: (start: number, end: number) => {
        show(withValues(withValues(pairs.value, "from", [String(start)]), "to", [String(end)]));
        location.reload();
      },
    }),
    [found],
  );
  if (error !== undefined && !found) return <Failed error={error} retry={() => void ask()} />;
  if (!found) return <Skeleton lines={6} />;
  if (data.lines.length === 0) return <p class="quiet">No series in this time range.</p>;
  return <LineChart data={data} options={options} />;
}

/** Joins the answers; with a label, lines are called by its value. */
function drawn(block: Block, answers: readonly (Answer | undefined)[], times: Grid): ChartData {
  const outcomes = answers.map((answer, index) => ({ expression: block.queries[index] ?? "", answer, took: 0 }));
  const data = chartData(outcomes, times, 0);
  const names = answers.flatMap((answer) => (answer?.data.result ?? []).map((one) => one.metric[block.label] ?? ""));
  const lines = data.lines.map((line, index) => ({ ...line, name: names[index] || line.name }));
  return { times: data.times, lines, thresholds: block.thresholds };
}

/** Draws every chart that the page asks for. */
export function startCharts(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const block = JSON.parse(element.dataset["chart"] ?? "null") as Block | null;
    if (!block) continue;
    const width = element.clientWidth;
    element.replaceChildren();
    render(<QueryChart block={block} width={width} />, element);
  }
}
