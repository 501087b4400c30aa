// The fields that lines have; an opened one shows the values it has most.
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../components";
import { json } from "../../lib/fetch";
import { count } from "../../lib/format";
import { pairs, rangeNow, ticks } from "../../lib/view";
import { question, type Pill } from "./model";

interface Field {
  name: string;
  kind: string;
}

interface Values {
  values: [string, number][];
  total: number;
}

/** Fields without a small set of values. */
const PLAIN = new Set(["@timestamp", "body", "_id"]);
/** Opened at once: what one looks at first. */
const FIRST = ["severity", "service.name"];

export function FieldList({ onPill }: { onPill: (pill: Pill) => void }) {
  const [fields, setFields] = useState<readonly Field[]>([]);
  const [find, setFind] = useState("");
  const [failed, setFailed] = useState("");
  useEffect(() => {
    json<{ fields: Field[] }>("/api/x/logs/fields")
      .then((answer) => setFields(answer.fields))
      .catch((error: Error) => setFailed(error.message));
  }, []);
  const order = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const shown = fields
    .filter(({ name }) => !PLAIN.has(name) && name.toLowerCase().includes(find.toLowerCase()))
    .sort((a, b) => order(a.name) - order(b.name) || (a.name < b.name ? -1 : 1));
  return (
    <section class="fields" aria-label="Fields">
      <input placeholder="Find a field" aria-label="Find a field" autocomplete="off" spellcheck={false} value={find} onInput={(event) => setFind(event.currentTarget.value)} />
      {failed && <p class="small quiet">{failed}</p>}
      {shown.slice(0, 200).map((field) => (
        <FieldRow key={field.name} field={field} open={FIRST.includes(field.name)} onPill={onPill} />
      ))}
      {shown.length > 200 && <p class="small quiet">and {shown.length - 200} more; find them by name</p>}
    </section>
  );
}

function FieldRow({ field, open, onPill }: { field: Field; open: boolean; onPill: (pill: Pill) => void }) {
  const [isOpen, setOpen] = useState(open);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary title={`${field.name} (${field.kind})`}>{field.name.replace(/^attributes\./, "")}</summary>
      {isOpen && <TopValues name={field.name} onPill={onPill} />}
    </details>
  );
}

function TopValues({ name, onPill }: { name: string; onPill: (pill: Pill) => void }) {
  const [found, setFound] = useState<Values | undefined>(undefined);
  const [failed, setFailed] = useState("");
  const state = pairs.value;
  const tick = ticks.value;
  useEffect(() => {
    const end = new AbortController();
    const asked = question(state, rangeNow());
    asked.set("field", name);
    asked.set("size", "5");
    json<Values>(`/api/x/logs/values?${asked}`, { signal: end.signal })
      .then((answer) => {
        setFound(answer);
        setFailed("");
      })
      .catch((error: Error) => {
        if (!end.signal.aborted) setFailed(error.message);
      });
    return () => end.abort();
  }, [state, tick, name]);
  if (failed) return <p class="small quiet">{failed}</p>;
  if (!found) return <span class="skeleton" />;
  if (found.values.length === 0) return <p class="small quiet">no line here has it</p>;
  return (
    <ul>
      {found.values.map(([value, amount]) => {
        const share = found.total > 0 ? (100 * amount) / found.total : 0;
        return (
          <li key={value}>
            <button type="button" class="bare" title={`Only ${value} (Alt: without)`} onClick={(event) => onPill({ key: name, value, not: event.altKey, off: false })}>
              <span class="value">{value || "(empty)"}</span>
              <span class="number quiet">{share >= 99.95 ? "100" : share.toFixed(1)} %</span>
            </button>
            <button type="button" class="bare icon-only" aria-label={`Without ${value}`} title={`${count(amount)} lines; leave them out`} onClick={() => onPill({ key: name, value, not: true, off: false })}>
              <Icon name="minus" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
