// The page of logs: query, pills, volume, fields, lines, one line whole, and the live tail.
import { useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Empty, Failed, Icon, Skeleton } from "../../components";
import { VirtualList } from "../../components/virtual";
import { Asker } from "../../lib/fetch";
import { clock, count, day, number } from "../../lib/format";
import { all, first, withValues } from "../../lib/url";
import { pairs, rangeNow, show, ticks } from "../../lib/view";
import { Detail } from "./detail";
import { FieldList } from "./fields";
import { VolumeChart } from "./histogram";
import { keyOf, merge, MAX_LIVE, pillsOf, question, withPill, wordsOf, writePill, type Histogram, type Page, type Pill, type Row } from "./model";
import { LineRow } from "./row";
import { tail } from "./tail";

const ROW = 24;
const PAGE = 500;

export function LogsPage({ curl }: { curl: string }) {
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [about, setAbout] = useState<{ total: number; next: string | undefined; warnings: string[]; took: number } | undefined>(undefined);
  const [volume, setVolume] = useState<Histogram | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const [busy, setBusy] = useState(true);
  const [selected, setSelected] = useState<string | undefined>(undefined);
  const [live, setLive] = useState<"off" | "on" | "paused">("off");
  const [waiting, setWaiting] = useState<readonly Row[]>([]);
  const [stream, setStream] = useState("");
  const [gaps, setGaps] = useState(0);
  const askers = useRef([new Asker(), new Asker(), new Asker()] as const);
  const query = useComputed(() => first(pairs.value, "q"));
  const [text, setText] = useState(query.value);
  const more = useRef(false);

  const ask = async () => {
    setBusy(true);
    setWaiting([]);
    const range = rangeNow();
    const asked = question(pairs.value, range);
    const begin = performance.now();
    asked.set("limit", String(PAGE));
    const drawn = question(pairs.value, range);
    drawn.set("buckets", "120");
    // The lines come first: what one reads must not wait for what one counts.
    const histogram = askers.current[1].ask<Histogram>(`/api/x/logs/histogram?${drawn}`).then((found) => found && setVolume(found));
    // Whichever of the two fails first; it is awaited below.
    histogram.catch(() => undefined);
    try {
      const page = await askers.current[0].ask<Page>(`/api/x/logs/search?${asked}`);
      if (!page) return;
      setRows(page.rows);
      setAbout({ total: page.total, next: page.next, warnings: page.warnings, took: performance.now() - begin });
      setError(undefined);
      setBusy(false);
      await histogram;
    } catch (why) {
      setError(why);
      setBusy(false);
    }
  };

  useSignalEffect(() => {
    void ticks.value;
    setText(first(pairs.value, "q"));
    void ask();
  });

  const older = async () => {
    if (!about?.next || more.current) return;
    more.current = true;
    const asked = question(pairs.value, rangeNow());
    asked.set("limit", String(PAGE));
    asked.set("after", about.next);
    try {
      const page = await askers.current[2].ask<Page>(`/api/x/logs/search?${asked}`);
      if (page) {
        setRows((now) => [...now, ...page.rows]);
        setAbout({ ...about, next: page.next });
      }
    } catch (why) {
      setError(why);
    } finally {
      more.current = false;
    }
  };

  // Only the query decides which stream it is; the range does not.
  const streamed = useComputed(() => question(pairs.value).toString());
  const paused = useRef(false);
  paused.current = live === "paused";
  useEffect(() => {
    if (live === "off") return undefined;
    // What came between the page's question and the beginning of the stream.
    const catchUpOnce = () => {
      const asked = question(pairs.peek(), rangeNow());
      asked.set("limit", String(PAGE));
      askers.current[0].ask<Page>(`/api/x/logs/search?${asked}`).then(
        (page) => page && setRows((now) => merge(page.rows, now)),
        () => undefined,
      );
    };
    let began = false;
    return tail(streamed.value, {
      onRows: (fresh, gap) => {
        if (gap) setGaps((now) => now + 1);
        if (paused.current) setWaiting((now) => merge(fresh, now));
        else setRows((now) => merge(fresh, now));
      },
      onState: (state, why) => {
        setStream(state === "open" ? "" : (why ?? ""));
        if (state === "open" && !began) {
          began = true;
          catchUpOnce();
        }
      },
    });
  }, [live === "off", streamed.value]);
  // The picture of a live view follows the lines, but not at each of them.
  useEffect(() => {
    if (live === "off") return undefined;
    const every = setInterval(() => {
      if (document.hidden) return;
      const drawn = question(pairs.peek(), rangeNow());
      drawn.set("buckets", "120");
      askers.current[1].ask<Histogram>(`/api/x/logs/histogram?${drawn}`).then(
        (found) => {
          if (!found) return;
          setVolume(found);
          const total = found.counts.flat().reduce((sum, one) => sum + one, 0);
          setAbout((now) => now && { ...now, total });
        },
        () => undefined,
      );
    }, 5_000);
    return () => clearInterval(every);
  }, [live === "off"]);
  const catchUp = () => {
    setRows((now) => merge(waiting, now));
    setWaiting([]);
    setLive("on");
  };

  const pills = pillsOf(pairs.value);
  const setPills = (next: readonly Pill[]) => show(withValues(pairs.value, "f", next.map(writePill)));
  const addPill = (pill: Pill) => show(withPill(pairs.value, pill));
  const words = useMemo(() => wordsOf(query.value), [query.value]);
  const at = selected === undefined ? -1 : rows.findIndex((row) => keyOf(row) === selected);
  const chosen = at >= 0 ? rows[at] : undefined;
  const box = useRef<HTMLDivElement>(null);
  const height = useHeight(box);
  const nothing = !busy && error === undefined && rows.length === 0;
  const narrowed = pills.some((pill) => !pill.off) || query.value !== "" || all(pairs.value, "scope").length > 0;
  // Nothing was ever sent, it seems: there is nothing to narrow either.
  const unused = nothing && !narrowed;
  return (
    <>
      <form
        class="panel query-bar"
        onSubmit={(event) => {
          event.preventDefault();
          if (text === query.value) void ask();
          else show(withValues(pairs.value, "q", [text]));
        }}
      >
        <input
          aria-label="Query"
          data-main-field=""
          placeholder={'Words, "a phrase", severity:error, service.name:cart AND NOT timeout'}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class={busy ? "primary loading" : "primary"}>Search</button>
        <button type="button" aria-pressed={live !== "off"} onClick={() => setLive(live === "off" ? "on" : "off")}>
          <Icon name={live === "off" ? "play" : "pause"} /> Live
        </button>
      </form>
      {pills.length > 0 && <Pills pills={pills} onChange={setPills} />}
      {(about?.warnings.length ?? 0) > 0 && (
        <p class="banner" role="note">
          {about?.warnings.join(" · ")}
        </p>
      )}
      {volume && error === undefined && !nothing && (
        <section class="panel volume-panel" aria-label="Volume">
          <VolumeChart data={volume} onBrush={(start, end) => show(withValues(withValues(pairs.value, "from", [String(start)]), "to", [String(end)]))} />
        </section>
      )}
      <div class={chosen ? "logs-grid with-detail" : unused ? "logs-grid bare" : "logs-grid"}>
        {!unused && <FieldList onPill={addPill} />}
        <section class="panel lines" ref={box} aria-label="Lines">
          <header>
            <h2>{about ? `${count(about.total)} lines` : "Lines"}</h2>
            {about && !busy && live === "off" && <span class="quiet small">{number(about.took)} ms, newest first</span>}
            {live !== "off" && (
              <span class="small" role="status">
                <span class="live-dot" /> {live === "paused" ? "paused" : "live"}, {count(rows.length)} kept of at most {count(MAX_LIVE)}
                {gaps > 0 && ` · some lines were skipped, ${gaps} times more than 2 000 came at once`}
                {stream && ` · ${stream}`}
              </span>
            )}
            {waiting.length > 0 && (
              <button type="button" class="primary new-lines" onClick={catchUp}>
                {count(waiting.length)} new ↑
              </button>
            )}
          </header>
          {error !== undefined && <Failed error={error} retry={() => void ask()} />}
          {busy && rows.length === 0 && (
            <div class="body">
              <Skeleton lines={12} />
            </div>
          )}
          {nothing && live === "off" && <NoLines curl={curl} narrowed={narrowed} />}
          {nothing && live !== "off" && <p class="body quiet">Waiting for the first line…</p>}
          {rows.length > 0 && (
            <VirtualList
              label="Lines"
              total={rows.length}
              rowHeight={ROW}
              height={height}
              selected={at >= 0 ? at : undefined}
              onSelect={(index) => {
                const row = rows[index];
                setSelected(row && keyOf(row));
                if (live === "on") setLive("paused");
              }}
              onSeen={(top, end) => {
                if (live === "off" && end > rows.length - 100) void older();
                // Whoever scrolls away reads; new lines wait until they are asked for.
                if (live === "on" && top > 0) setLive("paused");
                if (live === "paused" && top === 0 && at < 0) catchUp();
              }}
              render={(index) => <LineRow row={rows[index]} before={rows[index - 1]} words={words} />}
            />
          )}
        </section>
        {chosen && <Detail key={keyOf(chosen)} row={chosen} onClose={() => setSelected(undefined)} onPill={addPill} />}
      </div>
    </>
  );
}

function Pills({ pills, onChange }: { pills: readonly Pill[]; onChange: (next: readonly Pill[]) => void }) {
  const without = (index: number) => pills.filter((_, at) => at !== index);
  const replace = (index: number, pill: Pill) => pills.map((one, at) => (at === index ? pill : one));
  return (
    <div class="pills" role="group" aria-label="Filters">
      {pills.map((pill, index) => {
        const words = `${pill.key} ${pill.not ? "≠" : "="} ${pill.value}`;
        return (
          <span key={words} class={pill.off ? "pill off" : pill.not ? "pill not" : "pill on"}>
            <button type="button" aria-pressed={!pill.off} title="Switch off without removing; Alt turns it round" onClick={(event) => onChange(replace(index, event.altKey ? { ...pill, not: !pill.not } : { ...pill, off: !pill.off }))}>
              {words}
            </button>
            <button type="button" aria-label={`Remove ${words}`} onClick={() => onChange(without(index))}>
              <Icon name="close" />
            </button>
          </span>
        );
      })}
      {pills.length > 1 && (
        <button type="button" class="bare" onClick={() => onChange([])}>
          Remove all
        </button>
      )}
    </div>
  );
}

function NoLines({ curl, narrowed }: { curl: string; narrowed: boolean }) {
  const { start, end } = rangeNow();
  const range = `${day(start)} ${clock(start)} to ${clock(end)}`;
  if (narrowed) {
    return (
      <Empty title="Nothing matches">
        <p>No line from {range} fulfils all of it. Widen the time range, or switch a filter off.</p>
      </Empty>
    );
  }
  return (
    <Empty title="No logs in this time range" snippet={curl}>
      <p>Send one line and it appears here at once. OTLP, Elasticsearch's bulk API and every shipper that speaks either work alike.</p>
    </Empty>
  );
}

/** The height that is left below the list's head, so that the page itself does not scroll. */
function useHeight(box: { current: HTMLElement | null }): number {
  const [height, setHeight] = useState(480);
  useEffect(() => {
    const measure = () => {
      const top = (box.current?.getBoundingClientRect().top ?? 0) + scrollY;
      setHeight(Math.max(240, innerHeight - top - 66));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      removeEventListener("resize", measure);
    };
  }, []);
  return height;
}
