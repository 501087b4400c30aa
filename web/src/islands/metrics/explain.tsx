// What an expression cost: the part that took most before the eyes, how near the limits are, and its tree.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { bytes, count, number } from "../../lib/format";
import { letter, type Grid } from "./model";
import { above, foldedAtFirst, partsOf, percent, planOf, plural, time, type Explained, type Explanation, type Part, type Plan, type Stretch } from "./plan";
import { NoteItem } from "./row";
import { Tree } from "./tree";

export interface ExplainProps {
  explanation: Explanation;
  row: number;
  /** Whether other expressions stand beside this one. */
  many: boolean;
  grid: Grid;
  onPoint: (stretch: Stretch | undefined) => void;
}

/** The plan of one expression. What is folded and where one is stays so when the same plan is told again. */
export function ExplainPanel({ explanation, row, many, grid, onPoint }: ExplainProps) {
  const { told, text, address } = explanation;
  const plan = useMemo(() => planOf(explanation), [explanation]);
  const [changed, setChanged] = useState<{ text: string; folded: ReadonlySet<string> } | undefined>(undefined);
  const [at, setAt] = useState("0");
  const box = useRef<HTMLDivElement>(null);
  const wanted = useRef<string | undefined>(undefined);
  const folded = useMemo(() => (changed?.text === text ? changed.folded : foldedAtFirst(plan)), [changed, plan, text]);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    box.current?.querySelector<HTMLElement>(`[data-part="${wanted.current}"]`)?.focus();
    wanted.current = undefined;
  });
  const fold = (keys: readonly string[], closed: boolean) =>
    setChanged({ text, folded: new Set(closed ? [...folded, ...keys] : [...folded].filter((key) => !keys.includes(key))) });
  const go = (key: string) => {
    wanted.current = key;
    setAt(key);
  };
  const reveal = ({ key }: Part) => {
    const around = [];
    for (let one = key; one !== above(one); one = above(one)) around.push(above(one));
    fold(around, false);
    go(key);
  };
  const name = many ? `Plan of expression ${letter(row)}` : "Plan";
  const { result, timings } = told;
  return (
    <section class="panel explain" aria-label={name}>
      <header>
        {many && (
          <span class="letter" aria-hidden="true">
            {letter(row)}
          </span>
        )}
        <h2>{time(timings.total)}</h2>
        <span class="quiet small">
          {plural(result.series, "series", "series")} · {plural(result.points, "value", "values")}
        </span>
        <a class="actions small" href={address}>
          JSON
        </a>
      </header>
      <Verdict told={told} plan={plan} onShow={reveal} onPoint={onPoint} />
      <Facts told={told} grid={grid} />
      {plan.notes.length > 0 && (
        <ul class="notes" aria-label="Notes on the whole">
          {plan.notes.map((note) => (
            <NoteItem key={note.words} note={note} />
          ))}
        </ul>
      )}
      <Tree name={name} plan={plan} folded={folded} at={at} onGo={go} onAt={setAt} onFold={(key, closed) => fold([key], closed)} onPoint={onPoint} box={box} />
      <footer>
        The strong colour is a part's own time, the faint one that of the parts below it.
        {plan.root.wholeShare < MOST && ` All parts together took ${percent(plan.root.wholeShare)} of the time; the rest is waiting, and making the answer.`}
      </footer>
    </section>
  );
}

/** What one should know first: where the time goes, and where a result that is empty got lost. */
function Verdict({ told, plan, onShow, onPoint }: { told: Explained; plan: Plan; onShow: (part: Part) => void } & Pick<ExplainProps, "onPoint">) {
  const { hottest } = plan;
  const dry = told.result.series === 0 ? partsOf(plan.root).filter((part) => part.dry) : [];
  const show = (part: Part) => (
    <button key={part.key} type="button" class="part-link" title={part.text} onClick={() => onShow(part)} onMouseEnter={() => onPoint(part)} onMouseLeave={() => onPoint(undefined)}>
      <code>{part.text}</code>
    </button>
  );
  return (
    <div class="verdict">
      {hottest && (
        <p>
          Most time goes into {show(hottest)} <strong>{time(hottest.own)}</strong>, {percent(hottest.ownShare)} of the whole
        </p>
      )}
      {dry.length > 0 && (
        <p>
          The result is empty: nothing comes out of {dry.slice(0, 3).map(show)}
          {dry.length > 3 && ` and ${dry.length - 3} more`}
          {dry.some((part) => part.parts.length === 0) && ". Widen the time range, or look up what there is: Ctrl Space in the field lists metrics and labels."}
        </p>
      )}
    </div>
  );
}

/** What it is called, what it is, what that means, and whether it is near a limit. */
type Fact = [label: string, words: string, title: string, near?: boolean];

function Facts({ told, grid }: { told: Explained; grid: Grid }) {
  const { timings, samples, select, limits } = told;
  const steps = Math.round((grid.end - grid.start) / grid.step) + 1;
  const times: Fact[] = [
    ["Waiting", time(timings.queue), "For a turn among other queries"],
    ["Finding series", time(timings.preparation), "All selectors together"],
    ["Computing", time(timings.evaluation), "Reading samples and evaluating"],
    ["Arranging", time(timings.sort), "Making and sorting the answer"],
  ];
  const amounts: Fact[] = [
    ["Looked at", plural(samples.looked_at, "sample", "samples"), "A sample in the windows of several steps counts for each of them"],
    ["Held at once", ofLimit(samples.peak, limits.samples, "samples"), "More than the limit ends a query", samples.peak > limits.samples * NEAR],
    ["Steps", ofLimit(steps, limits.steps, ""), "More than the limit ends a query", steps > limits.steps * NEAR],
  ];
  if (select.blobs > 0) amounts.push(["From files", `${plural(select.blobs, "block", "blocks")}, ${bytes(select.bytes)}`, "Packed blocks that were read, all selectors together"]);
  return (
    <>
      <FactList name="Where the time went" facts={times} />
      <FactList name="What it took" facts={amounts} />
    </>
  );
}

function FactList({ name, facts }: { name: string; facts: readonly Fact[] }) {
  return (
    <ul class="plan-facts" aria-label={name}>
      {facts.map(([label, words, title, near]) => (
        <li key={label} title={title} class={near ? "near" : ""}>
          <span>{label}</span> {words}
        </li>
      ))}
    </ul>
  );
}

/** Below this share of the time, one should know that the parts are not all of it. */
const MOST = 0.9;

/** From this share on, a limit is near. */
const NEAR = 0.8;

function ofLimit(value: number, limit: number, unit: string): string {
  return `${count(value)} of at most ${number(limit)} ${unit}`.trim();
}
