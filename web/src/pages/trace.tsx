// The spans of a trace: a map of the whole, rows with bars, and the chosen span beside them.
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon, Segments, Skeleton as Waiting } from "../components";
import { VirtualList } from "../components/virtual";
import { Minimap, ticks, type Bar, type Stretch } from "../draw/waterfall";
import { onTheme, slotColour, strokes } from "../lib/colour";
import { block } from "../lib/dom";
import { count, durationNs } from "../lib/format";
import { childCounts, criticalPath, EVERYTHING, lengthOf, select, type Filter, type Skeleton } from "../lib/trace";
import { first, withValues } from "../lib/url";
import { pairs, show } from "../lib/view";

const ROW = 26;
/** The colour of each service: apart from the others of this trace as far as colours go. */
function slotsOf(trace: Skeleton): number[] {
  return strokes(trace.services).map((stroke) => stroke.slot);
}

/** Shares of the whole that short spans can be hidden below, in percent. */
const SHARES = [0, 0.1, 1, 5, 10] as const;

/** The spans in time, or where their time went; the second is fetched when it is asked for. */
function TraceView({ trace }: { trace: Skeleton }) {
  const flame = first(pairs.value, "view") === "flame";
  const slots = useMemo(() => slotsOf(trace), [trace]);
  const [Flame, setFlame] = useState<typeof import("../islands/flame").Flame | undefined>(undefined);
  useEffect(() => {
    if (flame) void import("../islands/flame").then((chunk) => setFlame(() => chunk.Flame));
  }, [flame]);
  return (
    <>
      <div class="view-choice">
        <Segments
          label="View"
          chosen={flame ? "flame" : ""}
          onChoose={(choice) => show(withValues(pairs.value, "view", [choice]))}
          choices={[["", "Waterfall"], ["flame", "Flame graph"]]}
        />
      </div>
      {flame ? Flame ? <Flame trace={trace} slots={slots} /> : <Waiting lines={6} /> : <Waterfall trace={trace} />}
    </>
  );
}

function Waterfall({ trace }: { trace: Skeleton }) {
  const whole = useMemo<Stretch>(() => ({ start: 0, end: lengthOf(trace) }), [trace]);
  const failed = useMemo(() => new Set(trace.failed), [trace]);
  const critical = useMemo(() => criticalPath(trace), [trace]);
  const children = useMemo(() => childCounts(trace), [trace]);
  const slots = useMemo(() => slotsOf(trace), [trace]);
  const [seen, setSeen] = useState(whole);
  const [filter, setFilter] = useState<Filter>(EVERYTHING);
  const [, repaint] = useState(0);
  useEffect(() => onTheme(() => repaint((turn) => turn + 1)), []);
  const shown = useMemo(() => select(trace, filter, failed), [trace, filter]);
  const chosen = trace.ids.indexOf(first(pairs.value, "span"));
  const selected = shown.rows.indexOf(chosen);
  const choose = (row: number) => openSpan(trace.ids[shown.rows[row] ?? -1] ?? "");
  const height = Math.max(240, Math.min(shown.rows.length * ROW + 2, window.innerHeight - 330));
  const fold = (place: number) => {
    const folded = new Set(filter.folded);
    if (!folded.delete(place)) folded.add(place);
    setFilter({ ...filter, folded });
  };
  return (
    <>
      <Tools trace={trace} slots={slots} whole={whole} filter={filter} setFilter={setFilter} matching={shown.count} />
      <Map trace={trace} slots={slots} whole={whole} rows={shown.rows} failed={failed} seen={seen} setSeen={setSeen} />
      <Axis seen={seen} />
      {shown.rows.length === 0 && <p class="body quiet">No span matches; take a condition away.</p>}
      <VirtualList
        label="Spans"
        total={shown.rows.length}
        rowHeight={ROW}
        height={height}
        selected={selected}
        onSelect={choose}
        render={(row) => {
          const place = shown.rows[row] ?? 0;
          return (
            <Row
              trace={trace}
              slot={slots[trace.of[place] ?? 0] ?? 0}
              place={place}
              seen={seen}
              failed={failed.has(place)}
              critical={critical.has(place)}
              dim={shown.matches[place] === 0}
              folded={filter.folded.has(place)}
              children={children[place] ?? 0}
              onFold={() => fold(place)}
            />
          );
        }}
      />
    </>
  );
}

function Tools(props: {
  trace: Skeleton;
  slots: readonly number[];
  whole: Stretch;
  filter: Filter;
  setFilter: (filter: Filter) => void;
  matching: number;
}) {
  const { trace, whole, filter, setFilter } = props;
  const share = (filter.shortest / whole.end) * 100;
  const toggle = (service: string) => {
    const hidden = new Set(filter.hidden);
    if (!hidden.delete(service)) hidden.add(service);
    setFilter({ ...filter, hidden });
  };
  return (
    <header class="span-tools">
      <input
        type="search"
        aria-label="Show spans with"
        placeholder="Show spans with…"
        data-main-field
        value={filter.text}
        onInput={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={filter.onlyFailed}
          onChange={(event) => setFilter({ ...filter, onlyFailed: event.currentTarget.checked })}
        />
        Errors only
      </label>
      <label class="inline-field">
        Hide shorter than
        <select
          value={String(SHARES.find((one) => Math.abs(one - share) < 0.01) ?? 0)}
          onChange={(event) => setFilter({ ...filter, shortest: (Number(event.currentTarget.value) / 100) * whole.end })}
        >
          {SHARES.map((one) => (
            <option key={one} value={String(one)}>
              {one === 0 ? "nothing" : `${one} % (${durationNs((one / 100) * whole.end)})`}
            </option>
          ))}
        </select>
      </label>
      <span class="chips" role="group" aria-label="Services">
        {trace.services.slice(0, 12).map((service, index) => (
          <button
            key={service}
            type="button"
            class="chip"
            aria-pressed={!filter.hidden.has(service)}
            style={{ boxShadow: `inset 3px 0 0 ${slotColour(props.slots[index] ?? 0)}` }}
            onClick={() => toggle(service)}
          >
            {service || "no service"}
          </button>
        ))}
      </span>
      <span class="quiet small" role="status">
        {count(props.matching)} of {count(trace.ids.length)} spans
      </span>
    </header>
  );
}

function Map(props: {
  trace: Skeleton;
  slots: readonly number[];
  whole: Stretch;
  rows: number[];
  failed: ReadonlySet<number>;
  seen: Stretch;
  setSeen: (seen: Stretch) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const map = useRef<Minimap | undefined>(undefined);
  const bars = useMemo(() => props.rows.map((place) => barOf(props.trace, place, props.failed, props.slots)), [props.trace, props.rows]);
  useEffect(() => {
    if (!box.current) return undefined;
    map.current = new Minimap(box.current, bars, props.whole, props.setSeen);
    return () => map.current?.destroy();
  }, [props.trace]);
  useEffect(() => map.current?.update(bars), [bars]);
  const zoomed = props.seen.start !== props.whole.start || props.seen.end !== props.whole.end;
  return (
    <div class="span-map">
      <div ref={box} />
      {zoomed && (
        <button type="button" onClick={() => map.current?.show(props.whole, true)}>
          Whole trace
        </button>
      )}
    </div>
  );
}

function barOf(trace: Skeleton, place: number, failed: ReadonlySet<number>, slots: readonly number[]): Bar {
  return {
    start: trace.starts[place] ?? 0,
    length: trace.lengths[place] ?? 0,
    depth: trace.depths[place] ?? 0,
    service: trace.services[trace.of[place] ?? 0] ?? "",
    slot: slots[trace.of[place] ?? 0] ?? 0,
    failed: failed.has(place),
  };
}

function Axis({ seen }: { seen: Stretch }) {
  const length = Math.max(1, seen.end - seen.start);
  return (
    <div class="span-row span-axis" aria-hidden="true">
      <span>Operation</span>
      <span class="track">
        {ticks(seen, 5).filter((at) => at - seen.start < length * 0.93).map((at) => (
          <span key={at} class="tick" style={{ left: `${((at - seen.start) / length) * 100}%` }}>
            {durationNs(at)}
          </span>
        ))}
      </span>
    </div>
  );
}

function Row(props: {
  trace: Skeleton;
  slot: number;
  place: number;
  seen: Stretch;
  failed: boolean;
  critical: boolean;
  dim: boolean;
  folded: boolean;
  children: number;
  onFold: () => void;
}) {
  const { trace, place, seen } = props;
  const service = trace.services[trace.of[place] ?? 0] ?? "";
  const length = trace.lengths[place] ?? 0;
  const percent = 100 / Math.max(1, seen.end - seen.start);
  const x = ((trace.starts[place] ?? 0) - seen.start) * percent;
  const w = length * percent;
  const colour = slotColour(props.slot);
  const indent = Math.min(trace.depths[place] ?? 0, 24) * 12;
  const words = durationNs(length);
  const visible = x <= 100 && x + w >= 0;
  return (
    <div class={`span-row${props.dim ? " dim" : ""}`}>
      <span class="name" role="gridcell" style={{ paddingLeft: `${indent}px` }}>
        {props.children > 0 ? (
          <button
            type="button"
            class="bare fold"
            tabIndex={-1}
            aria-expanded={!props.folded}
            aria-label={`${props.children} children`}
            onClick={(event) => {
              event.stopPropagation();
              props.onFold();
            }}
          >
            <Icon name={props.folded ? "right" : "down"} />
          </button>
        ) : (
          <span class="fold" />
        )}
        <span class="mark" style={{ background: colour }} />
        {props.failed && <span class="severity error" title="failed"><Icon name="error" solid /></span>}
        <span class="operation">{trace.names[place]}</span> <span class="quiet">{service}</span>
        {props.folded && <span class="quiet"> +{props.children}</span>}
      </span>
      <span class="track" role="gridcell">
        {visible && (
          <>
            <span
              class={`span-bar${props.failed ? " failed" : ""}${props.critical ? " critical" : ""}`}
              style={{ left: `${Math.max(0, x)}%`, width: `${Math.min(100, x + w) - Math.max(0, x)}%`, background: colour }}
            />
            <span class={x + w >= 88 && x <= 15 ? "words within" : "words"} style={wordsAt(x, w)}>
              {words}
            </span>
          </>
        )}
      </span>
    </div>
  );
}

/** A bar's length stands behind it, where there is no room before it, or else on the bar itself. */
function wordsAt(x: number, w: number): Record<string, string> {
  if (x + w < 88) return { left: `calc(${x + w}% + 6px)` };
  if (x > 15) return { right: `calc(${100 - x}% + 6px)` };
  return { right: `calc(${Math.max(0, 100 - x - w)}% + 6px)` };
}

let asked = 0;

/** Shows a span beside the rows; the server writes what is known of it. */
async function openSpan(id: string): Promise<void> {
  asked += 1;
  const turn = asked;
  show(withValues(pairs.value, "span", [id]), "replace");
  const box = document.getElementById("span-detail");
  if (!box) return;
  if (id === "") {
    box.replaceChildren();
    box.parentElement?.classList.remove("with-detail");
    return;
  }
  const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
  if (turn !== asked || !response) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("span-detail");
  if (!fresh || turn !== asked) return;
  box.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  box.parentElement?.classList.add("with-detail");
}

document.addEventListener("click", (event) => {
  const close = event.target instanceof Element ? event.target.closest("[data-close]") : null;
  if (!close) return;
  event.preventDefault();
  void openSpan("");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && first(pairs.value, "span") !== "" && !document.querySelector("dialog[open]")) void openSpan("");
});

const island = document.getElementById("waterfall");
const skeleton = block<Skeleton>("skeleton");
if (island && skeleton) {
  island.replaceChildren();
  render(<TraceView trace={skeleton} />, island);
}
