// Counts over time and value: a grid of cells from pale to strong.
import { token } from "../lib/colour";
import { clock, count, durationNs } from "../lib/format";
import { Canvas } from "./canvas";

export interface Heat {
  /** Epoch milliseconds where columns begin, and the end of the last. */
  times: readonly number[];
  /** Values where rows begin, and the end of the last; rising. */
  levels: readonly number[];
  /** `counts[column][row]`. */
  counts: readonly (readonly number[])[];
  /** The same shape: how many of them failed. */
  failures?: readonly (readonly number[])[];
}

export interface HeatOptions {
  height?: number;
  format?: (value: number) => string;
  /** A rectangle was chosen: times and values. */
  onSelect?: (start: number, end: number, low: number, high: number) => void;
}

const LEFT = 62;
const BOTTOM = 20;

/** Cells of a grid that a stretch of `length` holds. */
export function cellAt(position: number, length: number, cells: number): number {
  return Math.min(cells - 1, Math.max(0, Math.floor((position / length) * cells)));
}

/** How strong a cell is drawn, 0 to 1: by rank of magnitude, so that single ones are seen. */
export function strength(value: number, most: number): number {
  if (value <= 0 || most <= 0) return 0;
  return 0.18 + 0.82 * (Math.log1p(value) / Math.log1p(most));
}

/** Draws a heat map that one can drag over. */
export class Heatmap {
  private readonly canvas: Canvas;
  private from: { x: number; y: number } | undefined;
  private to: { x: number; y: number } | undefined;

  constructor(
    private readonly box: HTMLElement,
    private heat: Heat,
    private readonly options: HeatOptions = {},
  ) {
    this.canvas = new Canvas(box, options.height ?? 180, (context, width, height) =>
      this.paint(context, width, height),
    );
    this.describe();
    const element = this.canvas.element;
    element.addEventListener("pointerdown", (event) => {
      if (!this.options.onSelect) return;
      element.setPointerCapture(event.pointerId);
      this.from = this.to = { x: event.offsetX, y: event.offsetY };
    });
    element.addEventListener("pointermove", (event) => {
      if (this.from) this.to = { x: event.offsetX, y: event.offsetY };
      element.title = this.words(event.offsetX, event.offsetY);
      if (this.from) this.canvas.redraw();
    });
    element.addEventListener("pointerup", () => this.select());
  }

  update(heat: Heat): void {
    this.heat = heat;
    this.describe();
    this.canvas.redraw();
  }

  destroy(): void {
    this.canvas.destroy();
  }

  private get columns(): number {
    return this.heat.counts.length;
  }

  private get rows(): number {
    return this.heat.levels.length - 1;
  }

  private paint(context: CanvasRenderingContext2D, width: number, height: number): void {
    const [w, h] = [(width - LEFT) / this.columns, (height - BOTTOM) / this.rows];
    const most = Math.max(1, ...this.heat.counts.flat());
    const [plain, failed] = [token("c1"), token("error")];
    this.heat.counts.forEach((column, x) => {
      column.forEach((value, y) => {
        if (value === 0) return;
        const bad = (this.heat.failures?.[x]?.[y] ?? 0) > 0;
        context.globalAlpha = strength(value, most);
        context.fillStyle = bad ? failed : plain;
        context.fillRect(LEFT + x * w + 0.5, (this.rows - 1 - y) * h + 0.5, Math.max(1, w - 1), Math.max(1, h - 1));
      });
    });
    context.globalAlpha = 1;
    this.axes(context, width, height, h);
    this.selection(context);
  }

  private axes(context: CanvasRenderingContext2D, width: number, height: number, rowHeight: number): void {
    const format = this.options.format ?? durationNs;
    context.fillStyle = token("text-2");
    context.font = `11px ${token("sans")}`;
    context.textAlign = "right";
    const every = Math.ceil(24 / rowHeight);
    for (let row = 0; row <= this.rows; row += every) {
      const y = height - BOTTOM - row * rowHeight;
      context.fillText(format(this.heat.levels[row] ?? 0), LEFT - 8, Math.max(9, y + 3));
    }
    context.textAlign = "center";
    const labels = Math.max(2, Math.floor((width - LEFT) / 110));
    for (let label = 0; label < labels; label += 1) {
      const at = Math.round((label / labels) * this.columns);
      const time = this.heat.times[at];
      const x = LEFT + (at / this.columns) * (width - LEFT);
      if (time !== undefined) context.fillText(clock(time).slice(0, 5), Math.max(x, LEFT + 16), height - 5);
    }
  }

  private selection(context: CanvasRenderingContext2D): void {
    if (!this.from || !this.to) return;
    context.fillStyle = token("accent");
    context.globalAlpha = 0.2;
    context.fillRect(this.from.x, this.from.y, this.to.x - this.from.x, this.to.y - this.from.y);
    context.globalAlpha = 1;
  }

  private cell(x: number, y: number): { column: number; row: number } {
    const width = this.box.clientWidth - LEFT;
    const height = (this.options.height ?? 180) - BOTTOM;
    const row = this.rows - 1 - cellAt(y, height, this.rows);
    return { column: cellAt(x - LEFT, width, this.columns), row };
  }

  private words(x: number, y: number): string {
    const { column, row } = this.cell(x, y);
    const format = this.options.format ?? durationNs;
    const value = this.heat.counts[column]?.[row] ?? 0;
    const [low, high] = [this.heat.levels[row] ?? 0, this.heat.levels[row + 1] ?? 0];
    return `${count(value)} at ${clock(this.heat.times[column] ?? 0)}, ${format(low)} to ${format(high)}`;
  }

  private select(): void {
    const { from, to } = this;
    this.from = this.to = undefined;
    this.canvas.redraw();
    if (!from || !to || Math.abs(to.x - from.x) < 4) return;
    const a = this.cell(Math.min(from.x, to.x), Math.max(from.y, to.y));
    const b = this.cell(Math.max(from.x, to.x), Math.min(from.y, to.y));
    const { times, levels } = this.heat;
    this.options.onSelect?.(times[a.column] ?? 0, times[b.column + 1] ?? 0, levels[a.row] ?? 0, levels[b.row + 1] ?? 0);
  }

  private describe(): void {
    const all = this.heat.counts.flat().reduce((sum, value) => sum + value, 0);
    const bad = (this.heat.failures ?? []).flat().reduce((sum, value) => sum + value, 0);
    this.canvas.element.setAttribute("aria-label", `${count(all)} in ${this.columns} columns of time, ${count(bad)} failed`);
  }
}
