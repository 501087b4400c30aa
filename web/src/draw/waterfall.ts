// The bars of a trace: what is drawn beside the names of its spans, and the map of the whole.
import { hash, slotColour, SLOTS, token } from "../lib/colour";
import { durationNs } from "../lib/format";
import { Canvas } from "./canvas";

export interface Bar {
  /** Nanoseconds since the trace began. */
  start: number;
  length: number;
  depth: number;
  service: string;
  failed: boolean;
  /** The colour; that of the service's name where the caller does not know its neighbours. */
  slot?: number;
  /** On the path that decides how long the whole took. */
  critical?: boolean;
}

export interface Stretch {
  start: number;
  end: number;
}

/** Where a bar stands in a box of `width` that shows `seen`; at least a hair wide. */
export function place(bar: Pick<Bar, "start" | "length">, seen: Stretch, width: number): { x: number; w: number } {
  const scale = width / Math.max(1, seen.end - seen.start);
  const x = (bar.start - seen.start) * scale;
  return { x, w: Math.max(1.5, bar.length * scale) };
}

/** Round numbers of nanoseconds for an axis of about `wanted` steps. */
export function ticks(seen: Stretch, wanted: number): number[] {
  const rough = (seen.end - seen.start) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const found: number[] = [];
  for (let at = Math.ceil(seen.start / step) * step; at <= seen.end; at += step) found.push(at);
  return found;
}

/** The colour of a service, the same in every trace. */
export function serviceColour(service: string): string {
  return slotColour((hash(service) % SLOTS) + 1);
}

function colourOf(bar: Bar): string {
  return bar.slot === undefined ? serviceColour(bar.service) : slotColour(bar.slot);
}

/** Draws the bar of one row into `context`; the row is `height` high at `y`. */
export function paintBar(
  context: CanvasRenderingContext2D,
  bar: Bar,
  seen: Stretch,
  width: number,
  y: number,
  height: number,
): void {
  const { x, w } = place(bar, seen, width);
  if (x > width || x + w < 0) return;
  const top = y + height * 0.28;
  const thick = height * 0.44;
  context.fillStyle = colourOf(bar);
  context.fillRect(x, top, w, thick);
  if (bar.critical) {
    context.fillStyle = token("text");
    context.fillRect(x, top + thick, w, 1.5);
  }
  if (bar.failed) {
    context.fillStyle = token("error");
    context.fillRect(x, top - 2.5, w, 2.5);
  }
  context.fillStyle = token("text-2");
  context.font = `11px ${token("sans")}`;
  context.textBaseline = "middle";
  const words = durationNs(bar.length);
  const room = context.measureText(words).width + 8;
  if (x + w + room < width) context.fillText(words, x + w + 5, y + height / 2);
  else if (x > room) context.fillText(words, x - room + 3, y + height / 2);
}

/** The whole trace in little; dragging chooses the stretch that the rows show. */
export class Minimap {
  private readonly canvas: Canvas;
  private from: number | undefined;
  private seen: Stretch;

  constructor(
    private readonly box: HTMLElement,
    private bars: readonly Bar[],
    private readonly whole: Stretch,
    private readonly onSelect: (seen: Stretch) => void,
  ) {
    this.seen = whole;
    this.canvas = new Canvas(box, 56, (context, width, height) => this.paint(context, width, height));
    const element = this.canvas.element;
    element.setAttribute("aria-label", `${bars.length} spans in ${durationNs(whole.end - whole.start)}`);
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      this.from = event.offsetX;
    });
    element.addEventListener("pointermove", (event) => {
      if (this.from !== undefined) this.choose(this.from, event.offsetX);
    });
    element.addEventListener("pointerup", () => {
      this.from = undefined;
    });
    element.addEventListener("dblclick", () => this.show(whole, true));
  }

  /** Marks the stretch that is shown. */
  show(seen: Stretch, tell = false): void {
    this.seen = seen;
    this.canvas.redraw();
    if (tell) this.onSelect(seen);
  }

  update(bars: readonly Bar[]): void {
    this.bars = bars;
    this.canvas.redraw();
  }

  destroy(): void {
    this.canvas.destroy();
  }

  private choose(a: number, b: number): void {
    if (Math.abs(a - b) < 4) return;
    const width = this.box.clientWidth;
    const length = this.whole.end - this.whole.start;
    const at = (x: number) => this.whole.start + (Math.min(width, Math.max(0, x)) / width) * length;
    this.show({ start: at(Math.min(a, b)), end: at(Math.max(a, b)) }, true);
  }

  private paint(context: CanvasRenderingContext2D, width: number, height: number): void {
    const rows = Math.max(1, this.bars.length);
    const row = Math.min(4, (height - 14) / rows);
    this.bars.forEach((bar, index) => {
      const { x, w } = place(bar, this.whole, width);
      context.fillStyle = bar.failed ? token("error") : colourOf(bar);
      context.fillRect(x, 14 + index * row, w, Math.max(0.7, row - 0.5));
    });
    context.fillStyle = token("text-2");
    context.font = `11px ${token("sans")}`;
    for (const at of ticks(this.whole, width / 110)) {
      const { x } = place({ start: at, length: 0 }, this.whole, width);
      context.fillText(durationNs(at - this.whole.start), x + 2, 10);
    }
    const { x } = place({ start: this.seen.start, length: 0 }, this.whole, width);
    const end = place({ start: this.seen.end, length: 0 }, this.whole, width).x;
    context.globalAlpha = 0.12;
    context.fillStyle = token("text");
    context.fillRect(0, 0, x, height);
    context.fillRect(end, 0, width - end, height);
    context.globalAlpha = 1;
  }
}
