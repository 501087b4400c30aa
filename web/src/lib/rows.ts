// Which rows of a long list stand in the page: fixed heights, so it is a division.

export interface Window {
  first: number;
  /** Behind the last. */
  end: number;
}

/** Rows above and below what is seen. */
const SPARE = 6;

/** Returns the rows that a box of `height` shows at `top`. */
export function visible(top: number, height: number, row: number, total: number): Window {
  const first = Math.max(0, Math.floor(top / row) - SPARE);
  const end = Math.min(total, Math.ceil((top + height) / row) + SPARE);
  return { first: Math.min(first, Math.max(0, total - 1)), end: Math.max(end, 0) };
}

/** Returns the scroll position that shows `index` with the least movement. */
export function reveal(index: number, top: number, height: number, row: number): number {
  const begin = index * row;
  if (begin < top) return begin;
  return begin + row > top + height ? begin + row - height : top;
}
