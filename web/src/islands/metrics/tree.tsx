// The tree of a plan: a row a part, walked by arrow keys; the part where one is stands out in the editor.
import type { RefObject } from "preact";
import { Icon } from "../../components";
import { bytes, count } from "../../lib/format";
import { above, linesOf, percent, plural, time, type Line, type Part, type Plan, type Selected, type Stretch } from "./plan";
import { NoteItem } from "./row";

export interface TreeProps {
  name: string;
  plan: Plan;
  folded: ReadonlySet<string>;
  /** The key of the part that the Tab key leads to. */
  at: string;
  /** Goes to a part. */
  onGo: (key: string) => void;
  /** One went to a part. */
  onAt: (key: string) => void;
  onFold: (key: string, closed: boolean) => void;
  onPoint: (stretch: Stretch | undefined) => void;
  box: RefObject<HTMLDivElement | null>;
}

export function Tree(props: TreeProps) {
  const { plan, folded, onPoint } = props;
  const lines = linesOf(plan.root, folded);
  // What was folded away cannot be where one is.
  const at = lines.some(({ part }) => part.key === props.at) ? props.at : plan.root.key;
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = stepOf(event.key, lines, at);
    if (!step) return;
    event.preventDefault();
    if ("go" in step) props.onGo(step.go);
    else props.onFold(at, step.closed);
  };
  return (
    <div class="plan" role="treegrid" aria-label={props.name} ref={props.box} onKeyDown={onKey} onMouseLeave={() => onPoint(undefined)}>
      <div role="rowgroup">
        <div role="row" class="plan-row plan-head">
          <span role="columnheader">Part</span>
          <span role="columnheader" class="number">Own time</span>
          <span role="columnheader">Share</span>
          <span role="columnheader" class="number">Series</span>
          <span role="columnheader" class="number">Values</span>
          <span role="columnheader" class="number">Read</span>
        </div>
      </div>
      <div role="rowgroup">
        {lines.map((line) => (
          <PartRow
            key={line.part.key}
            line={line}
            current={line.part.key === at}
            hottest={line.part === plan.hottest}
            onAt={() => props.onAt(line.part.key)}
            onFold={() => props.onFold(line.part.key, !line.folded)}
            onPoint={onPoint}
          />
        ))}
      </div>
    </div>
  );
}

/** Returns what a key does in a tree: go to a part, open or close the one where one is, or nothing. */
function stepOf(key: string, lines: readonly Line[], at: string): { go: string } | { closed: boolean } | undefined {
  const index = lines.findIndex(({ part }) => part.key === at);
  const line = lines[index];
  if (!line) return undefined;
  const go = (place: number) => ({ go: lines[Math.min(lines.length - 1, Math.max(0, place))]?.part.key ?? at });
  const inner = line.part.parts.length > 0;
  switch (key) {
    case "ArrowDown":
    case "j":
      return go(index + 1);
    case "ArrowUp":
    case "k":
      return go(index - 1);
    case "Home":
      return go(0);
    case "End":
      return go(lines.length - 1);
    case "ArrowRight":
      if (!inner) return undefined;
      return line.folded ? { closed: false } : go(index + 1);
    case "ArrowLeft":
      return inner && !line.folded ? { closed: true } : { go: above(at) };
    case "Enter":
    case " ":
      return inner ? { closed: !line.folded } : undefined;
    default:
      return undefined;
  }
}

/** A part's own text; that of the parts below it is quiet, and gives way where there is no room. */
function Pieces({ part }: { part: Part }) {
  return (
    <code class="text" title={part.text}>
      {part.pieces.map(({ words, below }, index) => (
        <span key={index} class={below ? "below" : "own"}>
          {words}
        </span>
      ))}
    </code>
  );
}

interface PartRowProps {
  line: Line;
  current: boolean;
  hottest: boolean;
  onAt: () => void;
  onFold: () => void;
  onPoint: (stretch: Stretch | undefined) => void;
}

function PartRow({ line, current, hottest, onAt, onFold, onPoint }: PartRowProps) {
  const { part, level, place, among, folded } = line;
  const inner = part.parts.length > 0;
  return (
    <div
      role="row"
      class={hottest ? "plan-row hottest" : "plan-row"}
      data-part={part.key}
      tabIndex={current ? 0 : -1}
      aria-level={level}
      aria-posinset={place}
      aria-setsize={among}
      {...(inner ? { "aria-expanded": !folded } : {})}
      onFocus={() => {
        onAt();
        onPoint(part);
      }}
      onBlur={() => onPoint(undefined)}
      onMouseEnter={() => onPoint(part)}
    >
      <div role="gridcell" class="part" style={{ "--level": level - 1 }}>
        <span class="line">
          {inner ? (
            <button type="button" class="bare fold" tabIndex={-1} aria-label={folded ? "Unfold" : "Fold"} onClick={onFold}>
              <Icon name={folded ? "right" : "down"} />
            </button>
          ) : (
            <span class="fold" />
          )}
          <Pieces part={part} />
          {hottest && <span class="chip accent">most time</span>}
          {part.dry && <span class="chip">nothing comes out</span>}
          {part.evaluations > 1 && <span class="chip" title={`Evaluated ${part.evaluations} times; the figures are of all of them`}>× {part.evaluations}</span>}
        </span>
      </div>
      <Costs part={part} folded={folded} />
      {part.notes.length > 0 && (
        <div role="gridcell" aria-colspan={6} class="remarks" style={{ "--level": level - 1 }}>
          <ul class="notes">
            {part.notes.map((note) => (
              <NoteItem key={note.words} note={note} />
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function Costs({ part, folded }: { part: Part; folded: boolean }) {
  if (part.evaluations === 0) {
    return (
      <span role="gridcell" aria-colspan={5} class="settled quiet">
        settled by the part above
      </span>
    );
  }
  // Of what is folded, one sees what it costs with all that it hides.
  const [seconds, share] = folded ? [part.whole, part.wholeShare] : [part.own, part.ownShare];
  return (
    <>
      <span role="gridcell" class="number seconds" title={`${time(part.whole)} with the parts below`}>
        {time(seconds)}
      </span>
      <span role="gridcell" class="share">
        <svg aria-hidden="true">
          <rect class="whole" width={`${part.wholeShare * 100}%`} height="100%" />
          <rect class="own" width={`${share * 100}%`} height="100%" />
        </svg>
        <span class="number">{percent(share)}</span>
      </span>
      <span role="gridcell" class="number series">
        {part.seriesIn !== undefined && (
          <span class="quiet">
            {count(part.seriesIn)} <span aria-hidden="true">→ </span>
            <span class="hidden-visually">in, </span>
          </span>
        )}
        {count(part.seriesOut)}
        {part.seriesIn !== undefined && <span class="hidden-visually"> out</span>}
        <span class="unit"> series</span>
      </span>
      <span role="gridcell" class="number values">
        {part.values === undefined ? <span class="quiet">—</span> : count(part.values)}
        <span class="unit"> values</span>
      </span>
      <span role="gridcell" class="number read">{part.selected && <Read of={part.selected} />}</span>
    </>
  );
}

/** What the store read for a selector, and how much of it from files. */
function Read({ of: { samples, hours, blobs, bytes: size } }: { of: Selected }) {
  return (
    <>
      {(samples > 0 || hours === 0) && <span>{plural(samples, "sample", "samples")}</span>}
      {hours > 0 && <span title="Whole hours were read in place of their samples">{plural(hours, "hour", "hours")}</span>}
      {blobs > 0 && <span class="quiet small">{`${plural(blobs, "block", "blocks")}, ${bytes(size)}`}</span>}
    </>
  );
}
