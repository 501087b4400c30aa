// Search or jump to: pages, metrics, actions, and what the server recognises.
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uFuzzy from "@leeoniya/ufuzzy";
import { Icon } from "../components";
import { copy } from "../lib/dom";
import { json } from "../lib/fetch";
import { HELP, keysOn, setKeys } from "../lib/keys";
import { jump } from "../lib/url";
import { pairs } from "../lib/view";

interface Entry {
  title: string;
  group: string;
  icon: string;
  run: () => void;
}

const fuzzy = new uFuzzy({ intraMode: 1 });
let host: HTMLElement | undefined;

/** Opens the palette over the page. */
export function openPalette(): void {
  if (!host) {
    host = document.createElement("div");
    document.body.append(host);
  }
  const at = host;
  render(<Palette onClose={() => render(null, at)} />, at);
}

function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [metrics, setMetrics] = useState<readonly string[]>([]);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    const end = new AbortController();
    json<{ data: string[] }>("/api/v1/label/__name__/values?limit=10000", { signal: end.signal })
      .then((answer) => setMetrics(answer.data))
      .catch(() => setMetrics([]));
    return () => end.abort();
  }, []);
  const found = useMemo(() => entries(text, metrics), [text, metrics]);
  const chosen = Math.min(at, found.length - 1);
  const run = (entry: Entry | undefined) => {
    onClose();
    entry?.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((chosen + step + found.length) % Math.max(1, found.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(found[chosen]);
    }
  };
  return (
    <dialog ref={dialog} class="palette" aria-label="Search or jump to" onClose={onClose} onClick={(event) => event.target === dialog.current && onClose()}>
      <input
        class="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found.length > 0 ? `palette-${chosen}` : undefined}
        aria-label="Search or jump to"
        placeholder="A page, a metric, a trace id, words of a log line…"
        autocomplete="off"
        spellcheck={false}
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div id="palette-list" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <div
            key={`${entry.group} ${entry.title}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} />
            <span>{entry.title}</span>
            <span class="group">{entry.group}</span>
          </div>
        ))}
      </div>
    </dialog>
  );
}

/** What fits the text, best first. */
function entries(text: string, metrics: readonly string[]): Entry[] {
  const fixed = [...pages(), ...actions()];
  if (text.trim() === "") return [...fixed, ...help()];
  const near = search(fixed.map((entry) => entry.title), text).map((index) => fixed[index]);
  const names = search(metrics, text)
    .slice(0, 12)
    .map((index) => metricEntry(metrics[index] ?? ""));
  const asTyped: Entry = {
    title: text,
    group: "as typed",
    icon: "search",
    run: () => location.assign(jump("/ui/go", pairs.value, [["q", text]])),
  };
  const found = [...near, ...names].filter((entry): entry is Entry => entry !== undefined);
  const looksWhole = /[\s(){}[\]/:]|^[0-9a-f]{32}$/i.test(text);
  return looksWhole ? [asTyped, ...found] : [...found, asTyped];
}

function search(names: readonly string[], text: string): readonly number[] {
  const [indexes, , order] = fuzzy.search([...names], text.trim(), 0, 1_000);
  if (!indexes) return [];
  return order ? order.map((at) => indexes[at] ?? 0) : indexes;
}

function pages(): Entry[] {
  return [...document.querySelectorAll<HTMLAnchorElement>(".rail nav a")].map((link) => ({
    title: link.textContent?.trim() ?? "",
    group: "page",
    icon: link.querySelector("use")?.getAttribute("href")?.split("#")[1] ?? "right",
    run: () => link.click(),
  }));
}

function actions(): Entry[] {
  const press = (selector: string) => () => document.querySelector<HTMLElement>(selector)?.click();
  return [
    { title: "Switch light and dark", group: "action", icon: "moon", run: press(".theme button") },
    { title: "Choose a time range", group: "action", icon: "clock", run: press(".range > summary") },
    { title: "Copy the address of this view", group: "action", icon: "copy", run: () => void copy(location.href) },
    {
      title: keysOn() ? "Switch single-key shortcuts off" : "Switch single-key shortcuts on",
      group: "action",
      icon: "menu",
      run: () => setKeys(!keysOn()),
    },
  ];
}

function help(): Entry[] {
  return HELP.map(([keys, words]) => ({ title: `${keys} — ${words}`, group: "key", icon: "info", run: () => undefined }));
}

function metricEntry(name: string): Entry {
  return {
    title: name,
    group: "metric",
    icon: "metrics",
    run: () => location.assign(jump("/ui/metrics", pairs.value, [["q", name]])),
  };
}
