// Asking for what one expression gives: its values, its exemplars, or its plan.
import { Asker } from "../../lib/fetch";
import { first } from "../../lib/url";
import { pairs } from "../../lib/view";
import { exemplarsOf, type ExemplarAnswer } from "./exemplars";
import type { Answer, Grid, Outcome } from "./model";
import type { Explained, Explanation } from "./plan";

export type View = "chart" | "table" | "explain";

/** What asks for one row; a newer question ends the one before. */
export class Askers {
  readonly now = new Asker();
  readonly before = new Asker();
  readonly exemplars = new Asker();
}

/** Asks for what a view shows of an expression; `shift` is how many seconds before lies what it is compared with. */
export async function answer(expression: string, times: Grid, shift: number, view: View, askers: Askers): Promise<Outcome> {
  const begin = performance.now();
  const took = () => performance.now() - begin;
  try {
    const asked = await scoped(expression, askers.now);
    if (asked === undefined) return { expression, took: took() };
    if (view === "explain") return { expression, explained: await planIn(asked, times, askers.now), took: took() };
    const wanted = view === "chart" && first(pairs.peek(), "exemplars") === "1";
    const [found, past, measured] = await Promise.all([
      askers.now.ask<Answer>(view === "table" ? instant(asked, times) : range("/api/v1/query_range", asked, times, 0)),
      shift > 0 && view === "chart" ? askers.before.ask<Answer>(range("/api/v1/query_range", asked, times, shift)) : undefined,
      wanted ? exemplarsIn(asked, times, askers.exemplars) : {},
    ]);
    return { expression, answer: found, past, ...measured, took: took() };
  } catch (error) {
    return { expression, error, took: took() };
  }
}

/** Returns the expression within the page's scope; `undefined` when a newer question replaced this one. */
async function scoped(expression: string, asker: Asker): Promise<string | undefined> {
  const scope = first(pairs.peek(), "scope");
  if (!scope) return expression;
  const found = await asker.ask<{ query: string }>(`/api/x/metrics/scoped?${new URLSearchParams({ q: expression, scope })}`);
  return found?.query;
}

function instant(query: string, { end }: Grid): string {
  return `/api/v1/query?${new URLSearchParams({ query, time: String(end) })}`;
}

function range(path: string, query: string, { start, end, step }: Grid, shift: number): string {
  return `${path}?${new URLSearchParams({ query, start: String(start - shift), end: String(end - shift), step: String(step) })}`;
}

async function planIn(text: string, times: Grid, asker: Asker): Promise<Explanation | undefined> {
  const address = range("/api/x/explain", text, times, 0);
  const told = await asker.ask<Explained>(address);
  return told && { told, text, address };
}

/** Asks for exemplars; without them the lines are still worth showing. */
async function exemplarsIn(query: string, { start, end }: Grid, asker: Asker): Promise<Pick<Outcome, "exemplars" | "exemplarError">> {
  try {
    const asked = new URLSearchParams({ query, start: String(start), end: String(end) });
    return { exemplars: exemplarsOf(await asker.ask<ExemplarAnswer>(`/api/v1/query_exemplars?${asked}`)) };
  } catch (exemplarError) {
    return { exemplarError };
  }
}
