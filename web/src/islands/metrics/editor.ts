// The editor of expressions, fetched when one is about to type: completion as in Prometheus.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { tags } from "@lezer/highlight";

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  label: string;
  onChange: (text: string) => void;
  onRun: () => void;
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
});

/** An editor in place of a textarea. */
export class Editor {
  private readonly view: EditorView;

  constructor(options: EditorOptions) {
    const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";
    const promql = new PromQLExtension().setComplete({ remote: { url: "", httpMethod: "GET", fetchFn: fetch.bind(window) } });
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

  /** Underlines where the server says that it is wrong; `undefined` ends that. */
  fault(at: number | undefined, message = ""): void {
    const length = this.view.state.doc.length;
    const found =
      at === undefined ? [] : [{ from: Math.min(at, Math.max(0, length - 1)), to: Math.min(length, at + 1), severity: "error" as const, message }];
    this.view.dispatch(setDiagnostics(this.view.state, found));
  }

  focus(): void {
    this.view.focus();
    startCompletion(this.view);
  }

  destroy(): void {
    this.view.destroy();
  }
}

function newLine(view: EditorView): boolean {
  view.dispatch(view.state.replaceSelection("\n"));
  return true;
}
