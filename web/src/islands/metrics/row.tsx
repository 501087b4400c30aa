// One expression: a text field that becomes an editor, and what can be done with the row.
import type { ComponentChildren } from "preact";
import { useSignalEffect, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../components";
import { Failure } from "../../lib/fetch";
import { faultAt, faultWords, letter, notesOf, type Note, type Outcome } from "./model";
import type { Editor, Mark } from "./editor";
import type { Stretch } from "./plan";

/** A part of an expression that one points to elsewhere on the page. */
export interface Pointed extends Stretch {
  expression: string;
}

export interface RowProps {
  index: number;
  text: string;
  hidden: boolean;
  only: boolean;
  /** Whether what is asked is restricted beside what stands here. */
  scoped: boolean;
  /** Whether notes stand below the text, and not elsewhere on the page. */
  notesBelow: boolean;
  pointed: ReadonlySignal<Pointed | undefined>;
  outcome?: Outcome | undefined;
  onChange: (text: string) => void;
  onRun: () => void;
  onHide: () => void;
  onRemove: () => void;
}

/** The editor's chunk, asked for once. */
let chunk: Promise<typeof import("./editor")> | undefined;

/** Its text changes from outside only by another `key`: what is typed is never written back. */
export function ExpressionRow(props: RowProps) {
  const place = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const name = `Expression ${letter(props.index)}`;
  useEffect(() => {
    let gone = false;
    const upgrade = async () => {
      chunk ??= import("./editor");
      const { Editor } = await chunk;
      if (gone || editor.current || !place.current) return;
      const focused = document.activeElement === area.current;
      area.current?.setAttribute("hidden", "");
      editor.current = new Editor({
        parent: place.current,
        text: latest.current.text,
        label: name,
        onChange: (text) => latest.current.onChange(text),
        onRun: () => latest.current.onRun(),
      });
      tell(editor.current, latestVerdicts.current);
      if (focused) editor.current.focus();
    };
    // The page is drawn and asked first; without the chunk the field goes on working.
    const idle = setTimeout(() => void upgrade().catch(() => (chunk = undefined)), 250);
    return () => {
      gone = true;
      clearTimeout(idle);
      editor.current?.destroy();
    };
  }, []);
  // What is wrong with the text stands below it; what is wrong elsewhere is said beside.
  const fault = props.outcome?.error;
  const message = fault instanceof Failure && [400, 422].includes(fault.status) ? fault.message : "";
  const own = props.outcome?.expression === props.text;
  const at = message && own ? faultAt(message, props.text) : undefined;
  // Notes of the text that was asked; a scope is part of what was asked, and moves their places.
  const told = props.outcome?.answer ?? props.outcome?.explained?.told;
  const notes = props.outcome ? notesOf(told, props.scoped ? "" : props.outcome.expression) : [];
  const verdict = own && (message !== "" || told) ? marksOf(at, faultWords(message), props.scoped ? [] : notes) : undefined;
  const verdicts = JSON.stringify([props.text, verdict ?? null]);
  const latestVerdicts = useRef(verdicts);
  latestVerdicts.current = verdicts;
  useEffect(() => editor.current && tell(editor.current, verdicts), [verdicts]);
  useSignalEffect(() => {
    const place = props.pointed.value;
    editor.current?.point(place?.expression === latest.current.text ? place : undefined);
  });
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.altKey) return;
    event.preventDefault();
    props.onRun();
  };
  return (
    <div class={props.hidden ? "expression off" : "expression"}>
      <span class="letter" aria-hidden="true">
        {letter(props.index)}
      </span>
      <div class={message ? "field-box wrong" : "field-box"} ref={place}>
        <textarea
          ref={area}
          rows={1}
          aria-label={name}
          aria-invalid={message !== ""}
          spellcheck={false}
          value={props.text}
          data-main-field=""
          onInput={(event) => props.onChange(event.currentTarget.value)}
          onKeyDown={onKey}
        />
      </div>
      <button type="button" class="bare icon-only" aria-pressed={props.hidden} aria-label={`Hide ${name}`} title="Hide without removing" onClick={props.onHide}>
        <Icon name="eye" />
      </button>
      <button type="button" class="bare icon-only" disabled={props.only && props.text === ""} aria-label={`Remove ${name}`} title="Remove" onClick={props.onRemove}>
        <Icon name="close" />
      </button>
      {message && (
        <p class="fault" role="alert">
          {at !== undefined && own && (
            <code>
              {props.text.slice(Math.max(0, at - 24), at)}
              <u>{props.text.slice(at, at + 1) || "\u00a0\u00a0"}</u>
              {props.text.slice(at + 1, at + 25)}
            </code>
          )}{" "}
          {faultWords(message)}
        </p>
      )}
      {props.notesBelow && notes.length > 0 && (
        <ul class="notes" aria-label={`Notes on ${name}`}>
          {notes.map((note) => (
            <NoteItem key={`${note.from} ${note.words}`} note={note}>
              {!props.scoped && <Place note={note} text={props.outcome?.expression ?? ""} />}
            </NoteItem>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A note as an entry of a list; what stands in it comes before its words. */
export function NoteItem({ note, children }: { note: Note; children?: ComponentChildren }) {
  return (
    <li class={note.severity}>
      <Icon name={note.severity === "warning" ? "warn" : "info"} />
      <span>
        <b>{note.severity === "warning" ? "Warning" : "Info"}</b> {children}
        {note.words}
      </span>
    </li>
  );
}

/** The part of the expression that a note is about. */
function Place({ note, text }: { note: Note; text: string }) {
  const part = text.slice(note.from, note.to);
  return note.from === undefined || part === "" ? null : (
    <>
      <code>{part}</code>{" "}
    </>
  );
}

/** What the server says of a text, as the editor underlines it. */
function marksOf(at: number | undefined, fault: string, notes: readonly Note[]): Mark[] {
  const marks: Mark[] = at === undefined ? [] : [{ from: at, to: at + 1, severity: "error", words: fault }];
  for (const { from, to, severity, words } of notes) {
    if (from !== undefined && to !== undefined) marks.push({ from, to, severity, words });
  }
  return marks;
}

function tell(editor: Editor, told: string): void {
  const [text, marks] = JSON.parse(told) as [string, Mark[] | null];
  editor.mark(text, marks ?? undefined);
}
