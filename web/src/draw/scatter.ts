// Traces by when they began and how long they took: one dot each, on a logarithmic scale.
import { token } from "../lib/colour";
import { clock, durationNs } from "../lib/format";
import { Canvas } from "./canvas";

export interface Dot {
  /** Epoch milliseconds. */
  at: number;
  /** Nanoseconds. */
  length: number;
  spans: number;
  errors: number;
  name: string;
  href: string;
}

export interface Frame {
  start: number;
  end: number;
  low: number;
  high: number;
}

const LEFT = 62;
const BOTTOM = 20;
const TOP = 8;

/** What holds every dot, with powers of ten below and above; never empty. */
export function frameOf(dots: readonly Dot[], start: number, end: number): Frame {
  const lengths = dots.map((dot) => Math.max(1, dot.length));
  const low = 10 ** Math.floor(Math.log10(lengths.reduce((a, b) => Math.min(a, b), Infinity) || 1));
  const high = 10 ** Math.ceil(Math.log10(lengths.reduce((a, b) => Math.max(a, b), 10)));
  return { start, end: Math.max(end, start + 1), low: Number.isFinite(low) ? low : 1, high: Math.max(high, low * 10) };
}

/** Where a dot stands in a drawing of this size. */
export function spot(dot: Pick<Dot, "at" | "length">, frame: Frame, width: number, height: number): { x: number; y: number } {
  const across = (dot.at - frame.start) / (frame.end - frame.start);
  const up = Math.log10(Math.max(1, dot.length) / frame.low) / Math.log10(frame.high / frame.low);
  return { x: LEFT + across * (width - LEFT - 8), y: height - BOTTOM - up * (height - BOTTOM - TOP) };
}

/** How big a dot is: by its spans, but none hides its neighbours. */
export function radius(spans: number): number {
  return Math.min(9, 3 + Math.log2(Math.max(1, spans)) * 0.7);
}

export class Scatter {
  private readonly canvas: Canvas;
  private from: number | undefined;
  private to: number | undefined;

  constructor(
    private readonly box: HTMLElement,
    private readonly dots: readonly Dot[],
    private readonly frame: Frame,
    private readonly actions: { open: (dot: Dot) => void; select: (start: number, end: number) => void },
    private readonly height = 190,
  ) {
    this.canvas = new Canvas(box, height, (context, width, tall) => this.paint(context, width, tall));
    const element = this.canvas.element;
    const failed = dots.filter((dot) => dot.errors > 0).length;
    element.setAttribute("aria-label", `${dots.length} traces by time and duration, ${failed} with errors; the list below names them`);
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      this.from = this.to = event.offsetX;
    });
    element.addEventListener("pointermove", (event) => {
      if (this.from !== undefined) {
        this.to = event.offsetX;
        this.canvas.redraw();
      }
      const dot = this.near(event.offsetX, event.offsetY);
      element.style.cursor = dot ? "pointer" : "crosshair";
      element.title = dot ? `${dot.name}\n${durationNs(dot.length)}, ${dot.spans} spans, ${clock(dot.at, true)}` : "";
    });
    element.addEventListener("pointerup", (event) => this.release(event));
  }

  private release(event: PointerEvent): void {
    const { from, to } = this;
    this.from = this.to = undefined;
    this.canvas.redraw();
    if (from === undefined || to === undefined) return;
    if (Math.abs(to - from) < 4) {
      const dot = this.near(event.offsetX, event.offsetY);
      if (dot) this.actions.open(dot);
      return;
    }
    const { start, end } = this.frame;
    const width = this.box.clientWidth - LEFT - 8;
    const at = (x: number) => start + Math.min(1, Math.max(0, (x - LEFT) / width)) * (end - start);
    this.actions.select(Math.round(at(Math.min(from, to))), Math.round(at(Math.max(from, to))));
  }

  private near(x: number, y: number): Dot | undefined {
    let best: { dot: Dot; far: number } | undefined;
    for (const dot of this.dots) {
      const place = spot(dot, this.frame, this.box.clientWidth, this.height);
      const far = Math.hypot(place.x - x, place.y - y) - radius(dot.spans);
      if (far < 4 && (!best || far < best.far)) best = { dot, far };
    }
    return best?.dot;
  }

  private paint(context: CanvasRenderingContext2D, width: number, height: number): void {
    this.axes(context, width, height);
    for (const failed of [false, true]) {
      context.fillStyle = token(failed ? "error" : "c1");
      context.globalAlpha = 0.65;
      for (const dot of this.dots) {
        if (dot.errors > 0 !== failed) continue;
        const { x, y } = spot(dot, this.frame, width, height);
        context.beginPath();
        // A failed one is a diamond: colour is not all that tells.
        const size = radius(dot.spans);
        if (failed) {
          context.moveTo(x, y - size);
          context.lineTo(x + size, y);
          context.lineTo(x, y + size);
          context.lineTo(x - size, y);
        } else {
          context.arc(x, y, size, 0, 2 * Math.PI);
        }
        context.fill();
      }
    }
    if (this.from !== undefined && this.to !== undefined) {
      context.fillStyle = token("accent");
      context.globalAlpha = 0.18;
      context.fillRect(this.from, TOP, this.to - this.from, height - BOTTOM - TOP);
    }
    context.globalAlpha = 1;
  }

  private axes(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { start, end, low, high } = this.frame;
    context.font = `11px ${token("sans")}`;
    context.textAlign = "right";
    for (let level = low; level <= high * 1.001; level *= 10) {
      const { y } = spot({ at: start, length: level }, this.frame, width, height);
      context.fillStyle = token("line");
      context.fillRect(LEFT, Math.round(y), width - LEFT, 1);
      context.fillStyle = token("text-2");
      context.fillText(durationNs(level), LEFT - 8, y + 4);
    }
    context.textAlign = "center";
    const labels = Math.max(2, Math.floor((width - LEFT) / 110));
    for (let label = 0; label < labels; label += 1) {
      const at = start + ((label + 0.5) / labels) * (end - start);
      const { x } = spot({ at, length: low }, this.frame, width, height);
      context.fillText(clock(at).slice(0, end - start < 600_000 ? 8 : 5), x, height - 5);
    }
  }
}
