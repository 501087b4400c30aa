// The page of metrics: rows of expressions, their chart, their table, and what they cost.
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useMemo, useRef, useState } from "preact/hooks";
import { Empty, Failed, Icon, Segments, Skeleton } from "../../components";
import { LineChart } from "../../components/chart";
import { Failure } from "../../lib/fetch";
import { count, number } from "../../lib/format";
import { formatDuration, parseDuration } from "../../lib/time";
import { all, encode, first, withValues, type Pairs } from "../../lib/url";
import { compareOffset, pairs, rangeNow, show, ticks } from "../../lib/view";
import { answer, Askers, type View } from "./ask";
import { ExplainPanel } from "./explain";
import { ExemplarList } from "./measured";
import { chartData, grid, value, type Grid, type Outcome } from "./model";
import type { Stretch } from "./plan";
import { ExpressionRow, type Pointed } from "./row";
import { ValueTable } from "./table";

interface Row {
  id: number;
  text: string;
  hidden: boolean;
}

const VIEWS = [["chart", "Chart"], ["table", "Table"], ["explain", "Explain"]] as const;

let nextId = 0;

/** Rows of the address: `q` in order; a leading `~` switches one off. */
function rowsOf(state: Pairs): Row[] {
  const texts = all(state, "q");
  const rows = texts.map((text) => ({ id: (nextId += 1), text: text.replace(/^~/, ""), hidden: text.startsWith("~") }));
  return rows.length > 0 ? rows : [{ id: (nextId += 1), text: "", hidden: false }];
}

function viewOf(state: Pairs): View {
  const view = first(state, "view");
  return view === "table" || view === "explain" ? view : "chart";
}

export function MetricsPage() {
  const [rows, setRows] = useState<Row[]>(() => rowsOf(pairs.value));
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const [shown, setShown] = useState<Grid | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const askers = useRef(new Map<number, Askers>());
  const view = useComputed<View>(() => viewOf(pairs.value));
  const pointed = useSignal<Pointed | undefined>(undefined);
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
    const wanted = viewOf(pairs.value);
    const found = await Promise.all(
      asked.map((row, index) => {
        const own = askers.current.get(index) ?? new Askers();
        askers.current.set(index, own);
        return row.hidden ? { expression: row.text, took: 0 } : answer(row.text, times, shift, wanted, own);
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
  // What a scope adds is not in the editor: no place of such a text is a place there.
  const point = ({ expression, explained }: Outcome, stretch: Stretch | undefined) =>
    (pointed.value = stretch && explained?.text === expression ? { expression, ...stretch } : undefined);
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
            notesBelow={view.value !== "explain"}
            pointed={pointed}
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
          <Segments label="View" chosen={view.value} onChoose={(choice) => set("view", choice === "chart" ? "" : choice)} choices={VIEWS} />
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
            </>
          )}
          {view.value !== "table" && <StepChoice chosen={first(pairs.value, "step")} onChoose={(step) => set("step", step)} />}
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
        {busy && (outcomes.length === 0 || (view.value === "explain" && !outcomes.some((outcome) => outcome.explained))) && (
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
        {view.value === "explain" &&
          shown &&
          outcomes.map(
            (outcome, row) =>
              outcome.explained && (
                <ExplainPanel key={row} explanation={outcome.explained} row={row} many={outcomes.length > 1} grid={shown} onPoint={(stretch) => point(outcome, stretch)} />
              ),
          )}
        {view.value === "table" && !empty && outcomes.some((outcome) => outcome.answer) && <ValueTable outcomes={outcomes} />}
      </div>
    </>
  );
}

function StepChoice({ chosen, onChoose }: { chosen: string; onChoose: (step: string) => void }) {
  return (
    <label class="inline">
      Step{" "}
      <select value={chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
        <option value="">automatic</option>
        {["1s", "5s", "15s", "1m", "5m", "15m", "1h", "1d"].map((step) => (
          <option key={step} value={step}>
            {step}
          </option>
        ))}
      </select>
    </label>
  );
}

function sameTexts(rows: readonly Row[], state: Pairs): boolean {
  const texts = rows.filter((row) => row.text.trim() !== "").map((row) => (row.hidden ? "~" : "") + row.text);
  return texts.join("\u0000") === all(state, "q").join("\u0000");
}

/** What was read, in one line. */
function statistics(outcomes: readonly Outcome[], shown: Grid | undefined, view: View): string {
  const series = outcomes.reduce((sum, { answer: found, explained }) => sum + (found?.data.result.length ?? explained?.told.result.series ?? 0), 0);
  const points = outcomes.reduce((sum, outcome) => sum + pointsOf(outcome), 0);
  const took = Math.max(...outcomes.map((outcome) => outcome.took));
  const step = view !== "table" && shown ? ` · step ${formatDuration(shown.step * 1_000)}` : "";
  return `${count(series)} series · ${count(points)} points${step} · ${number(took)} ms`;
}

function pointsOf({ answer: found, explained }: Outcome): number {
  if (explained) return explained.told.result.points;
  return (found?.data.result ?? []).reduce((sum, one) => sum + (one.values?.length ?? (value(one.value?.[1]) === null ? 0 : 1)), 0);
}
