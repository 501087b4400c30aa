// The flame view of a trace: the drawing, the way back, and the same in a table.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { FlameGraph } from "../draw/flame";
import { count, durationNs, number } from "../lib/format";
import { all, layout, merge, pathOf, type Frame } from "../lib/flame";
import type { Skeleton } from "../lib/trace";

/** Rows of the table; what is below took less. */
const ROWS = 100;
/** What is narrower than this share of the width is not drawn. */
const LEAST = 0.0005;

export function Flame({ trace, slots }: { trace: Skeleton; slots: readonly number[] }) {
  const whole = useMemo(() => merge(trace), [trace]);
  const [top, setTop] = useState<Frame>(whole);
  const box = useRef<HTMLDivElement>(null);
  const graph = useRef<FlameGraph | undefined>(undefined);
  const serviceOf = (frame: Frame) => trace.services[frame.service] ?? "";
  useEffect(() => {
    if (!box.current) return undefined;
    const words = (frame: Frame) =>
      `${frame.name || "whole trace"} ${serviceOf(frame)}: ${durationNs(frame.total)}, ${durationNs(frame.self)} of it its own, ${count(frame.spans)} spans`;
    graph.current = new FlameGraph(box.current, { slots, words, onChoose: (frame) => setTop(frame) });
    return () => graph.current?.destroy();
  }, [trace]);
  const below = useMemo(() => all(top), [top]);
  useEffect(() => {
    const label = `${count(below.length)} operations in ${durationNs(top.total)}; the table below says the same`;
    graph.current?.update(layout(top, LEAST), label);
  }, [top]);
  const rows = below.filter((frame) => frame !== whole).sort((a, b) => b.self - a.self);
  return (
    <>
      <nav class="body flame-path" aria-label="Way to what is shown">
        {pathOf(top).map((frame, index) => (
          <button key={index} type="button" class="bare" aria-current={frame === top ? "true" : undefined} onClick={() => setTop(frame)}>
            {frame.name || "Whole trace"}
          </button>
        ))}
        <span class="quiet small">as wide as the time spent; press a box to see it alone</span>
      </nav>
      <div class="body flame" ref={box} />
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th>Operation</th>
              <th>Service</th>
              <th class="number">Spans</th>
              <th class="number">Errors</th>
              <th class="number">Own time</th>
              <th class="number">Share</th>
              <th class="number">With what it called</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ROWS).map((frame, index) => (
              <tr key={index}>
                <td class="wide">
                  <button type="button" class="bare" title={pathOf(frame).slice(1).map(({ name }) => name).join(" › ")} onClick={() => setTop(frame)}>
                    {frame.name}
                  </button>
                </td>
                <td>{serviceOf(frame)}</td>
                <td class="number">{count(frame.spans)}</td>
                <td class={frame.failed > 0 ? "number bad" : "number"}>{count(frame.failed)}</td>
                <td class="number">{durationNs(frame.self)}</td>
                <td class="number">{number((100 * frame.self) / Math.max(1, top.total))} %</td>
                <td class="number">{durationNs(frame.total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > ROWS && <footer>and {count(rows.length - ROWS)} more operations that took less</footer>}
    </>
  );
}
