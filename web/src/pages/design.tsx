// The living components of the design page: charts, drawings, lists and dialogs in every state.
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Dialog, Empty, Failed, Segments, Severity, Skeleton } from "../components";
import { LineChart } from "../components/chart";
import { VirtualList } from "../components/virtual";
import { Heatmap } from "../draw/heatmap";
import { Minimap, paintBar, type Bar } from "../draw/waterfall";
import { Canvas } from "../draw/canvas";
import { Failure } from "../lib/fetch";
import type { ChartData } from "../chart";

/** Numbers that look random and are the same each time. */
function wave(index: number, seed: number): number {
  const noise = Math.sin(index * 12.9898 + seed * 78.233) * 43758.5453;
  return 10 + seed * 3 + 4 * Math.sin(index / 18 + seed) + (noise - Math.floor(noise)) * 2;
}

function chartData(series: number, points: number): ChartData {
  const start = Date.UTC(2026, 10, 23, 10);
  const times = Array.from({ length: points }, (_, index) => start + index * 15_000);
  const lines = Array.from({ length: series }, (_, line) => ({
    name: `http_requests{route="/r${line}"}`,
    values: times.map((_, at) => (line === 1 && at > points * 0.4 && at < points * 0.5 ? null : wave(at, line))),
  }));
  return { times, lines };
}

const BARS: Bar[] = Array.from({ length: 14 }, (_, index) => ({
  start: index * 6e6,
  length: 120e6 - index * 8e6,
  depth: index % 5,
  service: ["checkout", "cart", "payment", "mail"][index % 4] ?? "",
  failed: index === 6,
  critical: index % 3 === 0,
}));

function Drawings() {
  const heat = useRef<HTMLDivElement>(null);
  const map = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!heat.current || !map.current || !rows.current) return undefined;
    const columns = 60;
    const counts = Array.from({ length: columns }, (_, x) =>
      Array.from({ length: 10 }, (_, y) => Math.max(0, Math.round(wave(x, y) * Math.exp(-((y - 4) ** 2) / 4) - 4))),
    );
    const start = Date.UTC(2026, 10, 23, 10);
    const drawn = new Heatmap(heat.current, {
      times: Array.from({ length: columns + 1 }, (_, x) => start + x * 60_000),
      levels: Array.from({ length: 11 }, (_, y) => 1e6 * 2 ** y),
      counts,
      failures: counts.map((column, x) => column.map((value, y) => (x > 40 && y > 6 && value > 0 ? 1 : 0))),
    });
    const whole = { start: 0, end: 130e6 };
    let seen = whole;
    const lines = new Canvas(rows.current, BARS.length * 24, (context, width) => {
      BARS.forEach((bar, index) => paintBar(context, bar, seen, width, index * 24, 24));
    });
    lines.element.setAttribute("aria-label", "14 spans of four services, one failed");
    const little = new Minimap(map.current, BARS, whole, (next) => {
      seen = next;
      lines.redraw();
    });
    return () => [drawn, lines, little].forEach((one) => one.destroy());
  }, []);
  return (
    <>
      <section class="panel">
        <header>
          <h2>Heat map</h2>
        </header>
        <div class="body" ref={heat} />
      </section>
      <section class="panel">
        <header>
          <h2>Waterfall</h2>
        </header>
        <div class="body">
          <div ref={map} />
          <div ref={rows} />
        </div>
      </section>
    </>
  );
}

function Charts() {
  const [kind, setKind] = useState<"lines" | "stacked" | "one" | "empty" | "many">("lines");
  const data = useMemo<ChartData>(() => {
    if (kind === "empty") return { times: [], lines: [] };
    if (kind === "many") return chartData(120, 240);
    const shown = chartData(kind === "one" ? 1 : 6, 240);
    return kind === "one" ? { ...shown, thresholds: [{ value: 14, words: "firing above 14" }] } : shown;
  }, [kind]);
  const options = useMemo(() => ({ stacked: kind === "stacked", onZoom: () => undefined }), [kind]);
  return (
    <section class="panel">
      <header>
        <h2>Chart</h2>
        <Segments
          label="Chart"
          chosen={kind}
          onChoose={setKind}
          choices={[
            ["lines", "Lines"],
            ["stacked", "Stacked"],
            ["one", "One with threshold"],
            ["many", "120 series"],
            ["empty", "Empty"],
          ]}
        />
      </header>
      <div class="body">
        <LineChart data={data} options={options} />
      </div>
    </section>
  );
}

function Lists() {
  const [selected, setSelected] = useState(3);
  const [open, setOpen] = useState(false);
  const words = ["info", "debug", "warn", "error", "fatal", "trace"];
  return (
    <>
      <section class="panel">
        <header>
          <h2>Virtual list, 100 000 rows</h2>
          <button type="button" class="actions" onClick={() => setOpen(true)}>
            Open a dialog
          </button>
        </header>
        <VirtualList
          label="Rows"
          total={100_000}
          rowHeight={24}
          height={240}
          selected={selected}
          onSelect={setSelected}
          render={(index) => (
            <div class="log-row">
              <span class="time" role="gridcell">row {index}</span>
              <span role="gridcell"><Severity word={words[index % 6] ?? ""} /></span>
              <span class="service" role="gridcell">checkout</span>
              <span class="line" role="gridcell">payment of order {index * 7} was taken in {index % 97} ms</span>
            </div>
          )}
        />
        <Dialog
          title="Silence this alert"
          open={open}
          onClose={() => setOpen(false)}
          footer={
            <>
              <button type="button" onClick={() => setOpen(false)}>Cancel</button>
              <button type="button" class="primary" onClick={() => setOpen(false)}>Silence</button>
            </>
          }
        >
          <p>Nobody is told about it for two hours.</p>
        </Dialog>
      </section>
      <section class="panel">
        <header>
          <h2>States</h2>
        </header>
        <div class="body">
          <Skeleton />
        </div>
        <Failed error={new Failure("The server does not answer. Is it running?", 0)} retry={() => undefined} />
        <Empty title="Nothing matches" snippet="curl http://127.0.0.1:8080/api/v1/query?query=up">
          <p>Widen the time range, or take a filter away.</p>
        </Empty>
      </section>
    </>
  );
}

const island = document.getElementById("design-island");
if (island) {
  render(
    <>
      <Charts />
      <div class="grid two">
        <Drawings />
        <Lists />
      </div>
    </>,
    island,
  );
}
