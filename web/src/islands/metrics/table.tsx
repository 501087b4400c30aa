// The values at the end of the range, one row a series; sorted by a press on the header.
import { useState } from "preact/hooks";
import { VirtualList } from "../../components/virtual";
import { count, number } from "../../lib/format";
import { letter, nameOf, value, type Outcome } from "./model";

interface Cells {
  row: number;
  name: string;
  text: string;
  value: number | null;
}

/** Rows that are put into the page as a plain table; more become a virtual list. */
const PLAIN = 200;

export function ValueTable({ outcomes }: { outcomes: readonly Outcome[] }) {
  const [by, setBy] = useState<"name" | "value">("value");
  const cells = outcomes.flatMap(cellsOf);
  if (by === "name") cells.sort((a, b) => a.row - b.row || (a.name < b.name ? -1 : 1));
  else cells.sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  const many = outcomes.length > 1;
  const header = (key: "name" | "value", words: string, number: boolean) => (
    <th class={number ? "number" : ""} {...(by === key ? { "aria-sort": key === "name" ? ("ascending" as const) : ("descending" as const) } : {})}>
      <button type="button" onClick={() => setBy(key)}>
        {words}
      </button>
    </th>
  );
  if (cells.length > PLAIN) {
    return (
      <section class="panel">
        <header>
          <h2>{count(cells.length)} series</h2>
        </header>
        <VirtualList
          label="Values"
          total={cells.length}
          rowHeight={28}
          height={560}
          render={(index) => (
            <div class="value-row">
              <span role="gridcell">{many ? `${letter(cells[index]?.row ?? 0)} ` : ""}{cells[index]?.name}</span>
              <span role="gridcell" class="number" title={cells[index]?.text}>{number(cells[index]?.value)}</span>
            </div>
          )}
        />
      </section>
    );
  }
  return (
    <section class="panel">
      <div class="table-box">
        <table>
          <thead>
            <tr>
              {many && <th>Row</th>}
              {header("name", "Series", false)}
              {header("value", "Value", true)}
            </tr>
          </thead>
          <tbody>
            {cells.map((cell) => (
              <tr key={`${cell.row} ${cell.name}`}>
                {many && <td>{letter(cell.row)}</td>}
                <td class="wide mono" title={cell.name}>{cell.name}</td>
                <td class="number" title={cell.text}>{cell.value === null ? cell.text : number(cell.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function cellsOf(outcome: Outcome, row: number): Cells[] {
  const data = outcome.answer?.data;
  if (!data) return [];
  // A scalar is one pair, not a list of series.
  if (data.resultType === "scalar" || data.resultType === "string") {
    const text = String((data.result as unknown as [number, string])[1]);
    return [{ row, name: outcome.expression, text, value: value(text) }];
  }
  return data.result.map((one) => {
    const text = one.value?.[1] ?? (one.histogram ? `count ${one.histogram[1].count}, sum ${one.histogram[1].sum}` : "");
    return { row, name: nameOf(one.metric, outcome.expression), text, value: one.histogram ? null : value(text) };
  });
}
