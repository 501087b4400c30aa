// The newest exemplars as a table: what the chart cannot say, and for those who do not see it.
import { Failed } from "../../components";
import { clock, count, day, number } from "../../lib/format";
import { MAX_POINTS, letter, type Outcome } from "./model";

/** Rows of the table. */
const ROWS = 20;

export function ExemplarList({ outcomes, retry }: { outcomes: readonly Outcome[]; retry: () => void }) {
  const all = outcomes.flatMap(({ exemplars }, row) => (exemplars ?? []).map((one) => ({ ...one, row })));
  all.sort((a, b) => b.time - a.time);
  const many = outcomes.length > 1;
  const fault = outcomes.find((outcome) => outcome.exemplarError !== undefined)?.exemplarError;
  return (
    <section class="panel exemplars" aria-label="Exemplars">
      <header>
        <h2>{all.length === 1 ? "1 exemplar" : `${count(all.length)} exemplars`}</h2>
        {fault === undefined && <span class="quiet small">{words(all.length)}</span>}
      </header>
      {fault !== undefined && <Failed error={fault} retry={retry} />}
      {all.length > 0 && (
        <div class="table-box">
          <table>
            <thead>
              <tr>
                {many && <th>Row</th>}
                <th>Time</th>
                <th class="number">Value</th>
                <th>Series</th>
                <th>Trace</th>
              </tr>
            </thead>
            <tbody>
              {all.slice(0, ROWS).map((one, index) => (
                <tr key={index}>
                  {many && <td>{letter(one.row)}</td>}
                  <td class="mono">{`${day(one.time)} ${clock(one.time, true)}`}</td>
                  <td class="number" title={String(one.value)}>{number(one.value)}</td>
                  <td class="wide mono" title={one.name}>{[one.name, one.labels].filter(Boolean).join(" · ")}</td>
                  <td class="mono">{one.href ? <a href={one.href}>{/[0-9a-f]+(?=\?|$)/.exec(one.href)?.[0].slice(0, 8)}…</a> : "—"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** What is shown of how many. */
function words(found: number): string {
  if (found === 0) return "The series that are read carry none in this time range.";
  const listed = found > ROWS ? `The newest ${ROWS} are listed` : "All are listed";
  const drawn = found > MAX_POINTS ? `; the newest ${count(MAX_POINTS)} are drawn` : "; all are drawn";
  return `${listed}${drawn} where their values lie within the chart's.`;
}
