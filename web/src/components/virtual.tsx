// A list of any length with a few dozen rows in the page.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { reveal, visible } from "../lib/rows";

export interface VirtualListProps {
  label: string;
  total: number;
  /** Pixels of a row. */
  rowHeight: number;
  /** Pixels of the list. */
  height: number;
  render: (index: number) => ComponentChildren;
  /** The row that is chosen. */
  selected?: number | undefined;
  onSelect?: (index: number) => void;
  /** The rows that are seen changed; true when the last is among them. */
  onSeen?: (first: number, end: number) => void;
  /** Stay at the first row while rows are put before it. */
  followTop?: boolean;
}

/** Rows of one height, recycled; arrow keys, j and k choose. */
export function VirtualList(props: VirtualListProps) {
  const { total, rowHeight, height, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const seen = visible(top, height, rowHeight, total);
  useEffect(() => props.onSeen?.(seen.first, seen.end), [seen.first, seen.end, total]);
  useLayoutEffect(() => {
    const list = box.current;
    if (!list || selected === undefined || selected < 0) return;
    list.scrollTop = reveal(selected, list.scrollTop, height, rowHeight);
  }, [selected]);
  const before = useRef(total);
  useLayoutEffect(() => {
    const added = total - before.current;
    before.current = total;
    const list = box.current;
    // Rows that come before what is read must not move it.
    if (list && props.followTop === false && added > 0 && list.scrollTop > 0) list.scrollTop += added * rowHeight;
  }, [total]);
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 20, PageUp: -20 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || total === 0) return;
    event.preventDefault();
    const from = selected ?? (step > 0 ? -1 : total);
    props.onSelect?.(Math.min(total - 1, Math.max(0, from + step)));
  };
  const rows = [];
  for (let index = seen.first; index < seen.end; index += 1) {
    const style = { top: `${index * rowHeight}px`, height: `${rowHeight}px` };
    rows.push(
      <div
        key={index}
        class="virtual-row"
        role="row"
        aria-rowindex={index + 1}
        aria-selected={index === selected}
        style={style}
        onClick={() => props.onSelect?.(index)}
      >
        {props.render(index)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      class="virtual"
      role="grid"
      aria-label={props.label}
      aria-rowcount={total}
      tabIndex={0}
      style={{ height: `${height}px` }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKey}
    >
      <div class="runway" role="rowgroup" style={{ height: `${total * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}
