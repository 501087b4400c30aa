// The page of metrics: rows of expressions, their chart and their table.
import { useComputed, useSignalEffect } from "@preact/signals";
import { useMemo, useRef, useState } from "preact/hooks";
import { Empty, Failed, Icon, Segments, Skeleton } from "../../components";
import { LineChart } from "../../components/chart";
import { Asker, Failure } from "../../lib/fetch";
import { count, number } from "../../lib/format";
import { formatDuration, parseDuration } from "../../lib/time";
import { all, encode, first, withValues, type Pairs } from "../../lib/url";
import { compareOffset, pairs, rangeNow, show, ticks } from "../../lib/view";
import { chartData, grid, value, type Answer, type Grid, type Outcome } from "./model";
import { exemplarsOf, type ExemplarAnswer } from "./exemplars";
import { ExemplarList } from "./measured";
import { ExpressionRow } from "./row";
import { ValueTable } from "./table";

type View = "chart" | "table";
/** What asks for one row; a newer question ends the one before. */
interface Askers {
  now: Asker;
  before: Asker;
  exemplars: Asker;
}
interface Row {
  id: number;
  text: string;
  hidden: boolean;
}

let nextId = 0;

/** Rows of the address: `q` in order; a leading `~` switches one off. */
function rowsOf(state: Pairs): Row[] {
  const texts = all(state, "q");
  const rows = texts.map((text) => ({ id: (nextId += 1), text: text.replace(/^~/, ""), hidden: text.startsWith("~") }));
  return rows.length > 0 ? rows : [{ id: (nextId += 1), text: "", hidden: false }];
}

export function MetricsPage() {
  const [rows, setRows] = useState<Row[]>(() => rowsOf(pairs.value));
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const [shown, setShown] = useState<Grid | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const askers = useRef(new Map<number, Askers>());
  const view = useComputed<View>(() => (first(pairs.value, "view") === "table" ? "table" : "chart"));
  const stacked = useComputed(() => first(pairs.value, "stack") === "1");
  const logarithmic = useComputed(() => first(pairs.value, "log") === "1");
  const exemplified = useComputed(() => first(pairs.value, "exemplars") === "1");
  const turn = useRef(0);

  const ask = async () => {
    const own = (turn.current += 1);
    const now = rowsOf(pairs.value);
    const asked = now.filter((row) => row.text.trim() !== "");
    if (asked.length === 0) {
      setBusy(false);
      setOutcomes([]);
      return;
    }
    setBusy(true);
    const { start, end } = rangeNow();
    const step = parseDuration(first(pairs.value, "step"));
    const times = grid(start, end, box.current?.clientWidth ?? 900, step === undefined ? undefined : step / 1_000);
    const shift = (compareOffset() ?? 0) / 1_000;
    const kind = first(pairs.value, "view") === "table" ? "instant" : "range";
    const found = await Promise.all(
      asked.map((row, index) => {
        const own = askers.current.get(index) ?? { now: new Asker(), before: new Asker(), exemplars: new Asker() };
        askers.current.set(index, own);
        return row.hidden ? { expression: row.text, took: 0 } : answer(row.text, times, shift, kind, own);
      }),
    );
    if (own !== turn.current) return;
    setBusy(false);
    setShown(times);
    setOutcomes(found);
  };

  useSignalEffect(() => {
    // The list of what there is stands on the page only while nothing is asked.
    document.getElementById("families")?.toggleAttribute("hidden", all(pairs.value, "q").length > 0);
    void ticks.value;
    setRows((now) => (sameTexts(now, pairs.peek()) ? now : rowsOf(pairs.peek())));
    void ask();
  });

  const run = (next: Row[] = rows) => {
    const texts = next.filter((row) => row.text.trim() !== "").map((row) => (row.hidden ? "~" : "") + row.text);
    const state = withValues(pairs.value, "q", texts);
    if (encode(state) === encode(pairs.value)) void ask();
    else show(state);
  };
  const change = (next: Row[], andRun: boolean) => {
    const kept = next.length > 0 ? next : rowsOf([]);
    setRows(kept);
    if (andRun) run(kept);
  };
  const set = (key: string, text: string) => show(withValues(pairs.value, key, [text]));
  const data = useMemo(
    () => (shown ? chartData(outcomes, shown, (compareOffset() ?? 0) / 1_000) : { times: [], lines: [] }),
    [outcomes, shown],
  );
  const options = useMemo(
    () => ({
      height: 320,
      stacked: stacked.value,
      logarithmic: logarithmic.value,
      ...(shown ? { range: { start: shown.start * 1_000, end: shown.end * 1_000 } } : {}),
      onZoom: (start: number, end: number) =>
        show(withValues(withValues(pairs.value, "from", [String(start)]), "to", [String(end)])),
    }),
    [shown, stacked.value, logarithmic.value],
  );
  const faults = outcomes.filter((outcome) => outcome.error instanceof Failure && ![400, 422].includes(outcome.error.status));
  const empty = outcomes.some((outcome) => outcome.answer) && outcomes.every((outcome) => !outcome.answer || outcome.answer.data.result.length === 0);
  return (
    <>
      <section class="panel expressions" aria-label="Expressions">
        {rows.map((row, index) => (
          <ExpressionRow
            key={row.id}
            index={index}
            text={row.text}
            hidden={row.hidden}
            only={rows.length === 1}
            scoped={first(pairs.value, "scope") !== ""}
            outcome={outcomes.find((outcome) => outcome.expression === row.text)}
            onChange={(text) => setRows((now) => now.map((one) => (one.id === row.id ? { ...one, text } : one)))}
            onRun={() => run()}
            onHide={() => change(rows.map((one) => (one.id === row.id ? { ...one, hidden: !one.hidden } : one)), true)}
            onRemove={() => change(rows.filter((one) => one.id !== row.id), true)}
          />
        ))}
        <div class="button-row">
          <button type="button" class={busy ? "primary loading" : "primary"} onClick={() => run()}>
            Run
          </button>
          <button type="button" onClick={() => setRows([...rows, { id: (nextId += 1), text: "", hidden: false }])}>
            <Icon name="plus" />
            Expression
          </button>
          <Segments label="View" chosen={view.value} onChoose={(choice) => set("view", choice === "chart" ? "" : choice)} choices={[["chart", "Chart"], ["table", "Table"]]} />
          {view.value === "chart" && (
            <>
              <button type="button" aria-pressed={stacked.value} onClick={() => set("stack", stacked.value ? "" : "1")}>
                Stacked
              </button>
              <button type="button" aria-pressed={logarithmic.value} onClick={() => set("log", logarithmic.value ? "" : "1")}>
                Logarithmic
              </button>
              <button type="button" aria-pressed={exemplified.value} title="Single measurements with their traces" onClick={() => set("exemplars", exemplified.value ? "" : "1")}>
                Exemplars
              </button>
              <label class="inline">
                Step{" "}
                <select value={first(pairs.value, "step")} onChange={(event) => set("step", event.currentTarget.value)}>
                  <option value="">automatic</option>
                  {["1s", "5s", "15s", "1m", "5m", "15m", "1h", "1d"].map((step) => (
                    <option key={step} value={step}>
                      {step}
                    </option>
                  ))}
                </select>
              </label>
            </>
          )}
          <span class="quiet small stats" aria-live="polite">
            {outcomes.length > 0 && !busy && statistics(outcomes, shown, view.value)}
          </span>
        </div>
      </section>
      <div ref={box}>
        {faults.map((outcome) => (
          <section key={outcome.expression} class="panel">
            <Failed error={outcome.error} retry={() => void ask()} />
          </section>
        ))}
        {busy && outcomes.length === 0 && (
          <section class="panel">
            <div class="body">
              <Skeleton lines={6} />
            </div>
          </section>
        )}
        {empty && (
          <section class="panel">
            <Empty title="No series in this time range">
              <p>Nothing that the expression names has samples here. Widen the time range, or look up what there is: Ctrl Space in the field lists metrics and labels.</p>
            </Empty>
          </section>
        )}
        {view.value === "chart" && data.lines.length > 0 && (
          <section class="panel" onDblClick={() => history.back()}>
            <div class="body chart-body">
              <LineChart data={data} options={options} />
            </div>
          </section>
        )}
        {view.value === "chart" && exemplified.value && !busy && outcomes.some((outcome) => outcome.answer) && <ExemplarList outcomes={outcomes} retry={() => void ask()} />}
        {view.value === "table" && !empty && outcomes.some((outcome) => outcome.answer) && <ValueTable outcomes={outcomes} />}
      </div>
    </>
  );
}

function sameTexts(rows: readonly Row[], state: Pairs): boolean {
  const texts = rows.filter((row) => row.text.trim() !== "").map((row) => (row.hidden ? "~" : "") + row.text);
  return texts.join("\u0000") === all(state, "q").join("\u0000");
}

async function answer(expression: string, times: Grid, shift: number, kind: "instant" | "range", { now, before, exemplars }: Askers): Promise<Outcome> {
  const begin = performance.now();
  const scope = first(pairs.peek(), "scope");
  let query = expression;
  const address = (offset: number) =>
    kind === "instant"
      ? `/api/v1/query?${new URLSearchParams({ query, time: String(times.end) })}`
      : `/api/v1/query_range?${new URLSearchParams({
          query,
          start: String(times.start - offset),
          end: String(times.end - offset),
          step: String(times.step),
        })}`;
  try {
    if (scope) {
      const scoped = await now.ask<{ query: string }>(`/api/x/metrics/scoped?${new URLSearchParams({ q: expression, scope })}`);
      query = scoped?.query ?? expression;
    }
    const wanted = kind === "range" && first(pairs.peek(), "exemplars") === "1";
    const [found, past, measured] = await Promise.all([
      now.ask<Answer>(address(0)),
      shift > 0 && kind === "range" ? before.ask<Answer>(address(shift)) : undefined,
      wanted ? exemplarsIn(query, times, exemplars) : {},
    ]);
    return { expression, answer: found, past, ...measured, took: performance.now() - begin };
  } catch (error) {
    return { expression, error, took: performance.now() - begin };
  }
}

/** Asks for exemplars; without them the lines are still worth showing. */
async function exemplarsIn(query: string, { start, end }: Grid, asker: Asker): Promise<Pick<Outcome, "exemplars" | "exemplarError">> {
  try {
    const asked = new URLSearchParams({ query, start: String(start), end: String(end) });
    return { exemplars: exemplarsOf(await asker.ask<ExemplarAnswer>(`/api/v1/query_exemplars?${asked}`)) };
  } catch (exemplarError) {
    return { exemplarError };
  }
}

/** What was read, in one line. */
function statistics(outcomes: readonly Outcome[], shown: Grid | undefined, view: View): string {
  const series = outcomes.reduce((sum, { answer: found }) => sum + (found?.data.result.length ?? 0), 0);
  const points = outcomes.reduce(
    (sum, { answer: found }) => sum + (found?.data.result ?? []).reduce((inner, one) => inner + (one.values?.length ?? (value(one.value?.[1]) === null ? 0 : 1)), 0),
    0,
  );
  const took = Math.max(...outcomes.map((outcome) => outcome.took));
  const step = view === "chart" && shown ? ` · step ${formatDuration(shown.step * 1_000)}` : "";
  return `${count(series)} series · ${count(points)} points${step} · ${number(took)} ms`;
}

