// One line of the list. Text of others is only ever text.
import { Severity } from "../../components";
import { clock, day } from "../../lib/format";
import { ansi, marked, msOf, type Row } from "./model";

export function LineRow({ row, before, words }: { row: Row | undefined; before: Row | undefined; words: readonly string[] }) {
  if (!row) return null;
  const at = msOf(row.ns);
  const newDay = before !== undefined && day(msOf(before.ns)) !== day(at);
  return (
    <div class={`log-row ${row.severity}`} title={row.line.slice(0, 1_000)}>
      <span class="time" role="gridcell">
        {newDay ? day(at) : clock(at, true)}
      </span>
      <span role="gridcell">
        <Severity word={row.severity} />
      </span>
      <span class="service" role="gridcell">
        {row.service}
      </span>
      <bdi class="line" role="gridcell">
        {ansi(row.line.slice(0, 1_000)).map((piece, index) => (
          <span key={index} class={piece.look}>
            {marked(piece.text, words).map((part, at) => (part.hit ? <mark key={at}>{part.text}</mark> : part.text))}
          </span>
        ))}
        {(row.cut || row.line.length > 1_000) && <span class="quiet"> … open for the rest</span>}
      </bdi>
    </div>
  );
}
