// The editor of expressions, fetched when one is about to type: completion as in Prometheus.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, keymap, placeholder, type DecorationSet } from "@codemirror/view";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { tags } from "@lezer/highlight";
import type { Stretch } from "./plan";

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  label: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

/** A part of the text and what is said of it. */
export interface Mark extends Stretch {
  severity: "error" | "warning" | "info";
  words: string;
}

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--c7)" },
  { tag: tags.modifier, color: "var(--c7)" },
  { tag: tags.string, color: "var(--ok)" },
  { tag: tags.number, color: "var(--warning)" },
  { tag: tags.labelName, color: "var(--accent)" },
  { tag: tags.function(tags.variableName), color: "var(--accent)" },
  { tag: tags.comment, color: "var(--text-2)" },
  { tag: tags.invalid, color: "var(--error)" },
]);

const LOOKS = EditorView.theme({
  "&": { fontSize: "0.8125rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", padding: "5px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 8px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-tint)" },
  ".cm-placeholder": { color: "var(--text-2)" },
  ".cm-matchingBracket": { background: "var(--raised)", outline: "1px solid var(--control)" },
  ".cm-tooltip": { background: "var(--panel)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "0.75rem", maxHeight: "20rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", lineHeight: "1.25rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent-tint)", color: "var(--accent)" },
  ".cm-completionDetail": { color: "var(--text-2)", marginLeft: "1rem" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-completionInfo": { padding: "6px 10px", maxWidth: "24rem", fontFamily: "var(--sans)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--error)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warning)" },
  ".cm-diagnostic-info": { borderLeftColor: "var(--accent)" },
  ".cm-pointed": { background: "var(--accent-tint)", boxShadow: "inset 0 -2px var(--accent)" },
  // Its own underlines are pictures, which take no colour of ours.
  ".cm-lintRange-error": { background: "none", textDecoration: "underline wavy var(--error)", textUnderlineOffset: "3px" },
  ".cm-lintRange-warning": { background: "none", textDecoration: "underline wavy var(--warning)", textUnderlineOffset: "3px" },
  ".cm-lintRange-info": { background: "none", textDecoration: "underline dotted var(--accent)", textUnderlineOffset: "3px" },
});

const pointTo = StateEffect.define<Stretch | undefined>();

/** The part that one points to elsewhere on the page, until the text is another. */
const POINTED = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(before, { docChanged, effects }) {
    const place = effects.find((effect) => effect.is(pointTo));
    if (place) return place.value ? Decoration.set(Decoration.mark({ class: "cm-pointed" }).range(place.value.from, place.value.to)) : Decoration.none;
    return docChanged ? Decoration.none : before;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** An editor in place of a textarea. */
export class Editor {
  private readonly view: EditorView;
  /** What the server says of a text; the editor's own opinion counts for every other one. */
  private said: { text: string; marks: readonly Mark[] } | undefined;

  constructor(options: EditorOptions) {
    const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";
    const promql = new PromQLExtension().setComplete({ remote: { url: "", httpMethod: "GET", fetchFn: fetch.bind(window) } });
    const opinion = promql.getLinter();
    const analyse = opinion.promQL();
    promql.setLinter({ promQL: () => (view) => (this.said?.text === view.state.doc.toString() ? diagnostics(view, this.said.marks) : analyse(view)) });
    const run = () => {
      options.onRun();
      return true;
    };
    const state = EditorState.create({
      doc: options.text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        Prec.highest(keymap.of([{ key: "Mod-Enter", run }, { key: "Shift-Enter", run }])),
        // Enter runs unless it takes a completion; a new line is made with Alt-Enter.
        keymap.of([...completionKeymap, ...closeBracketsKeymap, ...lintKeymap]),
        Prec.high(keymap.of([{ key: "Alt-Enter", run: (view) => newLine(view) }])),
        keymap.of([{ key: "Enter", run }, ...historyKeymap, ...defaultKeymap]),
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false, maxRenderedOptions: 200 }),
        promql.asExtension(),
        syntaxHighlighting(COLOURS),
        POINTED,
        LOOKS,
        EditorView.lineWrapping,
        placeholder("An expression, such as sum by (route) (rate(http_requests_total[5m]))"),
        EditorView.contentAttributes.of({ "aria-label": options.label, "data-main-field": "" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
        }),
      ],
    });
    this.view = new EditorView({ state, parent: options.parent });
  }

  /** Underlines what the server says is wrong or doubtful in a text; `undefined`: it said nothing yet. */
  mark(text: string, marks: readonly Mark[] | undefined): void {
    this.said = marks && { text, marks };
    if (marks && text === this.view.state.doc.toString()) this.view.dispatch(setDiagnostics(this.view.state, diagnostics(this.view, marks)));
  }

  /** Underlines a part of the text, and no other. */
  point(place: Stretch | undefined): void {
    const within = place && place.from < place.to && place.to <= this.view.state.doc.length ? place : undefined;
    this.view.dispatch({ effects: pointTo.of(within) });
  }

  focus(): void {
    this.view.focus();
    startCompletion(this.view);
  }

  destroy(): void {
    this.view.destroy();
  }
}

function diagnostics(view: EditorView, marks: readonly Mark[]): Diagnostic[] {
  const length = view.state.doc.length;
  return marks.map(({ from, to, severity, words }) => ({
    // At the end there is no character to underline: the last one stands for it.
    from: Math.min(from, Math.max(0, length - 1)),
    to: Math.min(length, Math.max(to, from + 1)),
    severity,
    message: words,
  }));
}

function newLine(view: EditorView): boolean {
  view.dispatch(view.state.replaceSelection("\n"));
  return true;
}
