// How many lines there were when: stacked by severity; a drag chooses a stretch of time.
import { useRef, useState } from "preact/hooks";
import { clock, count, day } from "../../lib/format";
import type { Histogram } from "./model";

const HEIGHT = 72;
/** Drawn from the ground up: what is severe stands where the eye is. */
const ORDER = [0, 1, 2, 3, 4, 5, 6];

export function VolumeChart({ data, onBrush }: { data: Histogram; onBrush: (start: number, end: number) => void }) {
  const box = useRef<SVGSVGElement>(null);
  const [brush, setBrush] = useState<readonly [number, number] | undefined>(undefined);
  const [at, setAt] = useState<number | undefined>(undefined);
  const columns = data.counts.length;
  const totals = data.counts.map((slot) => slot.reduce((sum, one) => sum + one, 0));
  const most = Math.max(1, ...totals);
  const end = data.start + columns * data.width;
  const column = (event: PointerEvent) => {
    const { left, width } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    return Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * columns)));
  };
  const choose = (from: number, to: number) => {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    onBrush(data.start + low * data.width, data.start + (high + 1) * data.width);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((now) => Math.min(columns - 1, Math.max(0, (now ?? (step > 0 ? -1 : columns)) + step)));
    } else if (event.key === "Enter" && at !== undefined) choose(at, at);
  };
  const all = totals.reduce((sum, one) => sum + one, 0);
  const slot = at === undefined ? undefined : data.counts[at];
  return (
    <div class="volume">
      <svg
        ref={box}
        class="bars"
        viewBox={`0 0 ${columns} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        tabIndex={0}
        aria-label={`${count(all)} lines from ${clock(data.start)} to ${clock(end)}, at most ${count(most)} in ${data.width / 1_000} s`}
        onKeyDown={onKey}
        onBlur={() => setAt(undefined)}
        onPointerDown={(event) => {
          box.current?.setPointerCapture(event.pointerId);
          setBrush([column(event), column(event)]);
        }}
        onPointerMove={(event) => {
          setAt(column(event));
          if (brush) setBrush([brush[0], column(event)]);
        }}
        onPointerLeave={() => setAt(undefined)}
        onPointerUp={() => {
          if (brush) choose(brush[0], brush[1]);
          setBrush(undefined);
        }}
      >
        {data.counts.map((counts, x) => bars(counts, x, most))}
        {at !== undefined && <rect class="at" x={at} y={0} width={1} height={HEIGHT} />}
        {brush && <rect class="brush" x={Math.min(...brush)} y={0} width={Math.abs(brush[1] - brush[0]) + 1} height={HEIGHT} />}
      </svg>
      <div class="volume-axis small quiet">
        <span>{clock(data.start)}</span>
        <span aria-live="polite">
          {slot && at !== undefined
            ? `${day(data.start + at * data.width)} ${clock(data.start + at * data.width)}: ${words(slot, data.severities)}`
            : `${count(all)} lines · ${data.width >= 60_000 ? `${data.width / 60_000} min` : `${data.width / 1_000} s`} a bar · drag to zoom`}
        </span>
        <span>{clock(end)}</span>
      </div>
    </div>
  );
}

function bars(counts: readonly number[], x: number, most: number) {
  let top = HEIGHT;
  return ORDER.map((severity) => {
    const value = counts[severity] ?? 0;
    if (value === 0) return null;
    const height = Math.max(1, (value / most) * HEIGHT);
    top -= height;
    return <rect key={`${x} ${severity}`} class={NAMES[severity] ?? "none"} x={x + 0.08} y={top} width={0.84} height={height} />;
  });
}

const NAMES = ["fatal", "error", "warn", "info", "debug", "trace", "none"];

function words(slot: readonly number[], severities: readonly string[]): string {
  const parts = slot.flatMap((value, index) => (value > 0 ? [`${count(value)} ${severities[index] || "without severity"}`] : []));
  return parts.length > 0 ? parts.join(", ") : "nothing";
}
