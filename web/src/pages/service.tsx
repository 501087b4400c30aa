// The charts of a service: requests with failures, and how long they took.
import { render } from "preact";
import { useMemo } from "preact/hooks";
import { LineChart } from "../components/chart";
import type { ChartData } from "../chart";
import { block } from "../lib/dom";
import { durationNs, MISSING, number } from "../lib/format";
import { encode, withValues } from "../lib/url";
import { pairs } from "../lib/view";

interface Charts {
  times: number[];
  rate: number[];
  errors: number[];
  p95: (number | null)[];
}

/** Shows the chosen stretch of time. */
function zoom(start: number, end: number): void {
  const next = withValues(withValues(pairs.value, "from", [String(Math.round(start))]), "to", [String(Math.round(end))]);
  location.assign(location.pathname + encode(next));
}

function ServiceCharts({ charts }: { charts: Charts }) {
  const requests = useMemo<ChartData>(
    () => ({
      times: charts.times,
      lines: [
        { name: "requests", values: charts.rate },
        { name: "failed", values: charts.errors },
      ],
    }),
    [charts],
  );
  const durations = useMemo<ChartData>(
    () => ({ times: charts.times, lines: [{ name: "95th percentile", values: charts.p95 }] }),
    [charts],
  );
  const plain = useMemo(() => ({ height: 190, format: number, onZoom: zoom }), []);
  const lengths = useMemo(
    () => ({ height: 190, format: (value: number | null) => (value === null ? MISSING : durationNs(value)), onZoom: zoom }),
    [],
  );
  return (
    <>
      <section class="panel">
        <header>
          <h2>Requests a second</h2>
        </header>
        <div class="body">
          <LineChart data={requests} options={plain} />
        </div>
      </section>
      <section class="panel">
        <header>
          <h2>Duration</h2>
        </header>
        <div class="body">
          <LineChart data={durations} options={lengths} />
        </div>
      </section>
    </>
  );
}

const island = document.getElementById("service-charts");
const charts = block<Charts | null>("charts");
if (island && charts) render(<ServiceCharts charts={charts} />, island);
