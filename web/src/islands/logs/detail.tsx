// One line whole: its text, its fields, its trace, and what its service said around it.
import { useEffect, useState } from "preact/hooks";
import { Failed, Icon, Severity, SidePanel, Skeleton } from "../../components";
import { copy } from "../../lib/dom";
import { json } from "../../lib/fetch";
import { clock, day } from "../../lib/format";
import { jump } from "../../lib/url";
import { pairs } from "../../lib/view";
import { msOf, type Pill, type Row } from "./model";

interface Whole {
  row: Row;
  body: unknown;
  severity_text: string;
  severity_number: number;
  trace: string | null;
  span: string | null;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
  logger: string;
}

interface Around {
  newer: Row[];
  row: Row;
  older: Row[];
}

export function Detail({ row, onClose, onPill }: { row: Row; onClose: () => void; onPill: (pill: Pill) => void }) {
  const [whole, setWhole] = useState<Whole | undefined>(undefined);
  const [around, setAround] = useState<Around | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const address = new URLSearchParams({ index: row.index, id: row.id }).toString();
  useEffect(() => {
    const end = new AbortController();
    setAround(undefined);
    json<Whole>(`/api/x/logs/record?${address}`, { signal: end.signal })
      .then((answer) => {
        setWhole(answer);
        setError(undefined);
      })
      .catch((why: unknown) => {
        if (!end.signal.aborted) setError(why);
      });
    return () => end.abort();
  }, [address]);
  const context = () => {
    json<Around>(`/api/x/logs/context?${address}&count=15`).then(setAround).catch(setError);
  };
  const at = msOf(row.ns);
  const text = whole ? (typeof whole.body === "string" ? whole.body : JSON.stringify(whole.body, null, 2)) : row.line;
  return (
    <SidePanel
      title={`${day(at)} ${clock(at, true)}`}
      onClose={onClose}
      actions={
        <button type="button" class="bare icon-only" aria-label="Copy the line" title="Copy the line" onClick={() => void copy(text)}>
          <Icon name="copy" />
        </button>
      }
    >
      {error !== undefined && <Failed error={error} />}
      {!whole && error === undefined && <Skeleton />}
      {whole && (
        <>
          <p class="button-row">
            <Severity word={row.severity} />
            {row.service && <span class="chip">{row.service}</span>}
          </p>
          <pre class="whole" tabIndex={0}>{text.slice(0, 100_000)}</pre>
          {text.length > 100_000 && <p class="small quiet">The first 100 000 of {text.length} characters.</p>}
          <div class="button-row">
            {whole.trace && (
              <a class="button" href={jump(`/ui/traces/${whole.trace}`, pairs.value)}>
                <Icon name="traces" /> Trace
              </a>
            )}
            <button type="button" onClick={context}>Lines around it</button>
          </div>
          {around && <Context around={around} />}
          <Facts title="Attributes" prefix="attributes." facts={whole.attributes} onPill={onPill} />
          <Facts title="Resource" prefix="resource." facts={whole.resource} onPill={onPill} />
          <Facts
            title="Record"
            prefix=""
            onPill={onPill}
            facts={{
              ...(whole.trace ? { trace_id: whole.trace } : {}),
              ...(whole.span ? { span_id: whole.span } : {}),
              ...(whole.severity_text ? { severity: whole.severity_text } : {}),
              _index: row.index,
              _id: row.id,
            }}
          />
          {whole.logger && <p class="small quiet">logger {whole.logger}</p>}
        </>
      )}
    </SidePanel>
  );
}

function Facts({ title, prefix, facts, onPill }: { title: string; prefix: string; facts: Record<string, unknown>; onPill: (pill: Pill) => void }) {
  const entries = Object.entries(facts);
  if (entries.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl class="facts">
        {entries.map(([key, value]) => {
          const text = typeof value === "string" ? value : JSON.stringify(value);
          const plain = typeof value !== "object" || value === null;
          return [
            <dt key={`${key} name`}>{key}</dt>,
            <dd key={key}>
              {text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text}
              {plain && (
                <span class="fact-actions">
                  <button type="button" class="bare icon-only" aria-label={`Only ${key} ${text}`} title="Only these" onClick={() => onPill({ key: prefix + key, value: text, not: false, off: false })}>
                    <Icon name="plus" />
                  </button>
                  <button type="button" class="bare icon-only" aria-label={`Without ${key} ${text}`} title="Without these" onClick={() => onPill({ key: prefix + key, value: text, not: true, off: false })}>
                    <Icon name="minus" />
                  </button>
                </span>
              )}
            </dd>,
          ];
        })}
      </dl>
    </section>
  );
}

function Context({ around }: { around: Around }) {
  const line = (row: Row, own: boolean) => (
    <li key={`${row.ns}.${row.seq}`} class={own ? "own" : ""}>
      <span class="quiet">{clock(msOf(row.ns), true)}</span> {row.line.slice(0, 300)}
    </li>
  );
  return (
    <ol class="context mono" aria-label="Lines around it, newest first" tabIndex={0}>
      {around.newer.map((row) => line(row, false))}
      {line(around.row, true)}
      {around.older.map((row) => line(row, false))}
    </ol>
  );
}
