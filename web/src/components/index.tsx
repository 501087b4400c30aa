// Pieces that islands are built of; their looks stand in src/style.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Failure } from "../lib/fetch";
import { copy, icons } from "../lib/dom";

/** A symbol of the sprite. */
export function Icon({ name, solid = false }: { name: string; solid?: boolean }) {
  return (
    <svg class={solid ? "icon solid" : "icon"} aria-hidden="true">
      <use href={`${icons()}#${name}`} />
    </svg>
  );
}

/** A severity: shape, word, colour. */
export function Severity({ word }: { word: string }) {
  if (!word) return <span class="severity">—</span>;
  return (
    <span class={`severity ${word}`}>
      <Icon name={word} solid />
      {word}
    </span>
  );
}

/** A failure in the server's own words, with a way on. */
export function Failed({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const status = error instanceof Failure ? error.status : undefined;
  const [heading, advice] = wordsOf(status);
  return (
    <div class="failure" role="alert">
      <h2>{heading}</h2>
      <p>{advice}</p>
      <pre>{error instanceof Error ? error.message : String(error)}</pre>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What happened and what to do; the twin of `words_of` in src/ui/render.rs. */
function wordsOf(status: number | undefined): [string, string] {
  switch (status) {
    case 0:
      return ["The connection is lost", "The page keeps what it has and tries again when you do."];
    case 400:
    case 422:
      return ["That cannot be understood", "Correct what the text names."];
    case 401:
    case 403:
      return ["This is not open to you", "Use a token with the scope read."];
    case 413:
      return ["That is too much at once", "Take a shorter time range or a narrower filter."];
    case 429:
      return ["Too many requests", "Wait a moment and try again."];
    case 503:
      return ["It took too long", "Take a shorter time range or a narrower filter, or wait a moment."];
    default:
      return ["Something went wrong", "The log of the appliance says more."];
  }
}

/** A place without data that teaches. */
export function Empty({ title, children, snippet }: { title: string; children?: ComponentChildren; snippet?: string }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
      {snippet && <Snippet text={snippet} />}
    </div>
  );
}

/** A command to copy. */
export function Snippet({ text }: { text: string }) {
  return (
    <div class="snippet">
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      <button type="button" onClick={() => void copy(text)}>
        Copy
      </button>
    </div>
  );
}

/** Grey bars where something will be. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <p key={index}>
          <span class="skeleton" />
        </p>
      ))}
    </div>
  );
}

/** One of several views. */
export function Segments<T extends string>(props: {
  label: string;
  choices: readonly (readonly [T, string])[];
  chosen: T;
  onChoose: (choice: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.choices.map(([key, words]) => (
        <button key={key} type="button" aria-pressed={key === props.chosen} onClick={() => props.onChoose(key)}>
          {words}
        </button>
      ))}
    </div>
  );
}

/** Details beside a list. */
export function SidePanel(props: {
  title: string;
  onClose: () => void;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  const close = useRef(props.onClose);
  close.current = props.onClose;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const above = document.querySelector("dialog[open], details.menu[open]");
      if (event.key === "Escape" && !event.defaultPrevented && !above) close.current();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <section class="side-panel" aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.actions}
        <button type="button" class="bare icon-only" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{props.children}</div>
    </section>
  );
}

/** A question in front of the page; the browser returns the focus. */
export function Dialog(props: {
  title: string;
  open: boolean;
  onClose: () => void;
  footer?: ComponentChildren;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (props.open) box.current?.showModal();
    else box.current?.close();
  }, [props.open]);
  return (
    <dialog ref={box} aria-label={props.title} onClose={props.onClose}>
      <header>
        <h2>{props.title}</h2>
        <button type="button" class="bare icon-only" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div class="body">{props.children}</div>
      {props.footer && <footer>{props.footer}</footer>}
    </dialog>
  );
}
