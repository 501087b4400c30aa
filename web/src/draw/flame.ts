// Frames as boxes below each other: as wide as the time spent in them and in what they called.
import { slotColour, token } from "../lib/colour";
import { durationNs } from "../lib/format";
import type { Cell, Frame } from "../lib/flame";
import { Canvas } from "./canvas";

export const FLAME_ROW = 20;

export interface FlameOptions {
  /** The colour slot of each service. */
  slots: readonly number[];
  words: (frame: Frame) => string;
  onChoose: (frame: Frame) => void;
}

/** The cell under a point, if there is one. */
export function cellAt(cells: readonly Cell[], x: number, y: number, width: number): Cell | undefined {
  const row = Math.floor(y / FLAME_ROW);
  const share = x / Math.max(1, width);
  return cells.find((cell) => cell.row === row && share >= cell.left && share < cell.left + cell.width);
}

/** Draws cells; a press on one chooses it. */
export class FlameGraph {
  private readonly canvas: Canvas;
  private cells: readonly Cell[] = [];
  private under: Cell | undefined;

  constructor(
    private readonly box: HTMLElement,
    private readonly options: FlameOptions,
  ) {
    this.canvas = new Canvas(box, FLAME_ROW, (context, width) => this.paint(context, width));
    const element = this.canvas.element;
    const find = (event: MouseEvent) => cellAt(this.cells, event.offsetX, event.offsetY, this.box.clientWidth);
    element.addEventListener("pointermove", (event) => {
      const cell = find(event);
      if (cell === this.under) return;
      this.under = cell;
      element.title = cell ? options.words(cell.frame) : "";
      element.style.cursor = cell ? "pointer" : "";
      this.canvas.redraw();
    });
    element.addEventListener("pointerleave", () => {
      this.under = undefined;
      this.canvas.redraw();
    });
    element.addEventListener("click", (event) => {
      const cell = find(event);
      if (cell) options.onChoose(cell.frame);
    });
  }

  /** Shows other cells; `label` says in words what is drawn. */
  update(cells: readonly Cell[], label: string): void {
    this.cells = cells;
    this.under = undefined;
    this.canvas.element.setAttribute("aria-label", label);
    this.canvas.resize(cells.reduce((rows, cell) => Math.max(rows, cell.row + 1), 1) * FLAME_ROW);
  }

  destroy(): void {
    this.canvas.destroy();
  }

  private paint(context: CanvasRenderingContext2D, width: number): void {
    context.font = `11px ${token("sans")}`;
    context.textBaseline = "middle";
    const colours = new Map<number, string>();
    const colour = (slot: number) => {
      const known = colours.get(slot) ?? slotColour(slot);
      colours.set(slot, known);
      return known;
    };
    const [text, raised, error] = [token("text"), token("raised"), token("error")];
    for (const cell of this.cells) {
      const x = cell.left * width;
      const y = cell.row * FLAME_ROW;
      const w = Math.max(0.5, cell.width * width - 1);
      context.fillStyle = raised;
      context.fillRect(x, y, w, FLAME_ROW - 1);
      // The service is a stripe: text on a full colour would not be readable in every one of them.
      context.globalAlpha = cell === this.under ? 0.45 : 0.25;
      context.fillStyle = colour(cell.frame.service < 0 ? 0 : (this.options.slots[cell.frame.service] ?? 0));
      context.fillRect(x, y, w, FLAME_ROW - 1);
      context.globalAlpha = 1;
      context.fillRect(x, y, Math.min(3, w), FLAME_ROW - 1);
      if (cell.frame.failed > 0) {
        context.fillStyle = error;
        context.fillRect(x, y + FLAME_ROW - 3, w, 2);
      }
      if (w > 40) {
        context.save();
        context.beginPath();
        context.rect(x + 6, y, w - 10, FLAME_ROW);
        context.clip();
        context.fillStyle = text;
        const name = cell.frame.name || "whole trace";
        context.fillText(`${name}  ${durationNs(cell.frame.total)}`, x + 7, y + FLAME_ROW / 2);
        context.restore();
      }
      if (cell === this.under) {
        context.strokeStyle = text;
        context.strokeRect(x + 0.5, y + 0.5, Math.max(0, w - 1), FLAME_ROW - 2);
      }
    }
  }
}
