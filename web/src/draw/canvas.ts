// What every own drawing shares: a canvas as sharp as the screen, redrawn when the size or the
// theme changes.
import { onTheme } from "../lib/colour";
import { eachFrame } from "../lib/dom";

export type Painter = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** A canvas that fills the width of its box. */
export class Canvas {
  readonly element = document.createElement("canvas");
  readonly redraw: () => void;
  private readonly observer: ResizeObserver;
  private readonly endTheme: () => void;

  constructor(
    box: HTMLElement,
    private height: number,
    private readonly paint: Painter,
  ) {
    this.element.className = "drawn";
    this.element.setAttribute("role", "img");
    box.append(this.element);
    this.redraw = eachFrame(() => this.draw());
    this.observer = new ResizeObserver(this.redraw);
    this.observer.observe(box);
    this.endTheme = onTheme(this.redraw);
    this.redraw();
  }

  /** Changes the height and draws again. */
  resize(height: number): void {
    this.height = height;
    this.redraw();
  }

  destroy(): void {
    this.observer.disconnect();
    this.endTheme();
    this.element.remove();
  }

  private draw(): void {
    const width = this.element.parentElement?.clientWidth ?? 0;
    if (width === 0) return;
    const ratio = devicePixelRatio || 1;
    this.element.width = Math.round(width * ratio);
    this.element.height = Math.round(this.height * ratio);
    this.element.style.height = `${this.height}px`;
    const context = this.element.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    context.clearRect(0, 0, width, this.height);
    this.paint(context, width, this.height);
  }
}
