// A chart with its table: the legend, and what stands in for the picture.
import { useEffect, useRef, useState } from "preact/hooks";
import { Chart, MAX_LINES, type ChartData, type ChartOptions } from "../chart";
import { slotColour } from "../lib/colour";
import { number } from "../lib/format";

interface Row {
  index: number;
  last: number | null;
  min: number | null;
  mean: number | null;
  max: number | null;
}

/** Least, greatest, mean and last of what is not a gap. */
export function rowOf(values: readonly (number | null)[], index: number): Row {
  const given = values.filter((value): value is number => value !== null);
  if (given.length === 0) return { index, last: null, min: null, mean: null, max: null };
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const value of given) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { index, last: given.at(-1) ?? null, min, mean: sum / given.length, max };
}

type Key = "last" | "min" | "mean" | "max";
const KEYS: readonly (readonly [Key, string])[] = [
  ["last", "Last"],
  ["min", "Min"],
  ["mean", "Mean"],
  ["max", "Max"],
];

/** One object, so that a chart without options is not drawn anew at each render. */
const NO_OPTIONS: ChartOptions = {};

/** Draws lines and lists them below. `data` and `options` are kept objects: a new one draws anew. */
export function LineChart({ data, options = NO_OPTIONS, legend = true }: { data: ChartData; options?: ChartOptions; legend?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | undefined>(undefined);
  const [, redraw] = useState(0);
  const [sort, setSort] = useState<Key>("last");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    if (!box.current) return undefined;
    chart.current = new Chart(box.current, data, options);
    redraw((n) => n + 1);
    return () => chart.current?.destroy();
  }, []);
  useEffect(() => {
    chart.current?.update(data, options);
    redraw((n) => n + 1);
  }, [data, options]);
  const rows = data.lines.map((line, index) => rowOf(line.values, index));
  rows.sort((a, b) => (b[sort] ?? -Infinity) - (a[sort] ?? -Infinity));
  const format = options.format ?? number;
  const toggle = (index: number, name: string) => {
    const isHidden = chart.current?.toggle(index) ?? false;
    const next = new Set(hidden);
    if (isHidden) next.add(name);
    else next.delete(name);
    setHidden(next);
  };
  return (
    <>
      <div ref={box} />
      {data.lines.length > MAX_LINES && (
        <p class="small quiet">
          {MAX_LINES} of {data.lines.length} series are drawn; the table has all of them.
        </p>
      )}
      {legend && (
        <div class="legend" tabIndex={0} role="region" aria-label="Series">
          <table>
            <thead>
              <tr>
                <th>Series</th>
                {KEYS.map(([key, words]) => (
                  <th key={key} class="number" {...(key === sort ? { "aria-sort": "descending" as const } : {})}>
                    <button type="button" onClick={() => setSort(key)}>
                      {words}
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const line = data.lines[row.index];
                const slot = chart.current?.swatches[row.index]?.slot ?? 0;
                if (!line) return null;
                return (
                  <tr
                    key={row.index}
                    class={hidden.has(line.name) ? "hidden-series" : ""}
                    onMouseEnter={() => chart.current?.focus(row.index)}
                    onMouseLeave={() => chart.current?.focus(undefined)}
                  >
                    <td class="wide">
                      <button
                        type="button"
                        class="series"
                        aria-pressed={!hidden.has(line.name)}
                        title={line.name}
                        onClick={() => toggle(row.index, line.name)}
                      >
                        <span class="swatch" style={{ background: line.past ? slotColour(0) : slotColour(slot) }} />
                        <span>{line.name}</span>
                      </button>
                    </td>
                    {KEYS.map(([key]) => (
                      <td key={key} class="number">
                        {format(row[key])}
                      </td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
