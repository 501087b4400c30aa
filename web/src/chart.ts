// The one place that knows uPlot: lines over time with a table as legend and text alternative.
import uPlot from "uplot";
import { onTheme, slotColour, strokes, token, type Stroke } from "./lib/colour";
import { clock, day, number } from "./lib/format";

export interface Line {
  /** The series in words; decides its colour. */
  name: string;
  /** One value a time; `null` is a gap. */
  values: readonly (number | null)[];
  /** Drawn dashed and pale: the window to compare with. */
  past?: boolean;
}

/** A single measurement. */
export interface Point {
  /** Epoch milliseconds. */
  time: number;
  value: number;
  words: string;
  /** Where a press leads. */
  href?: string;
}

export interface ChartData {
  /** Epoch milliseconds, rising. */
  times: readonly number[];
  lines: readonly Line[];
  /** Levels drawn across, such as an alert's threshold. */
  thresholds?: readonly { value: number; words: string }[];
  /** Single measurements, drawn as lozenges where they lie within the lines' values. */
  points?: readonly Point[];
  /** Times drawn upright, such as a deployment. */
  marks?: readonly { time: number; words: string }[];
}

export interface ChartOptions {
  height?: number;
  format?: (value: number | null) => string;
  logarithmic?: boolean;
  stacked?: boolean;
  /** The range of time to show, even where there is no data. */
  range?: { start: number; end: number };
  /** A stretch of time was chosen by dragging, or with Shift and the arrow keys. */
  onZoom?: (start: number, end: number) => void;
  /** The pointer or the arrow keys stand at a time. */
  onCursor?: (index: number | undefined) => void;
}

/** Lines that are drawn at once; the rest is said in words. */
export const MAX_LINES = 100;
/** Rows of the tip under the pointer. */
const TIP_ROWS = 12;
/** How near the pointer must be to a point, pixels. */
const NEAR = 9;

/** A chart in an element of the page. */
export class Chart {
  private plot: uPlot | undefined;
  private tip: HTMLElement;
  private stroke: Stroke[] = [];
  private hidden = new Set<number>();
  private readonly observer: ResizeObserver;
  private readonly endTheme: () => void;

  constructor(
    private readonly box: HTMLElement,
    private data: ChartData,
    private options: ChartOptions = {},
  ) {
    box.classList.add("chart");
    box.setAttribute("role", "img");
    box.tabIndex = 0;
    this.tip = document.createElement("div");
    this.tip.className = "chart-tip";
    this.tip.hidden = true;
    this.draw();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(box);
    this.endTheme = onTheme(() => this.draw());
    box.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("blur", () => this.moveTo(undefined));
  }

  /** Shows other data; the same lines keep what is hidden. */
  update(data: ChartData, options: ChartOptions = this.options): void {
    const same =
      data.lines.length === this.data.lines.length &&
      data.lines.every((line, index) => line.name === this.data.lines[index]?.name) &&
      options.logarithmic === this.options.logarithmic &&
      options.stacked === this.options.stacked;
    this.data = data;
    this.options = options;
    if (!same) this.hidden.clear();
    if (same && this.plot) {
      this.plot.setData(this.columns());
      this.describe();
    } else {
      this.draw();
    }
  }

  /** The colour and dash of each line, in order. */
  get swatches(): readonly Stroke[] {
    return this.stroke;
  }

  /** Hides a line or shows it again. */
  toggle(index: number): boolean {
    const hide = !this.hidden.has(index);
    if (hide) this.hidden.add(index);
    else this.hidden.delete(index);
    if (this.options.stacked) this.draw();
    else this.plot?.setSeries(index + 1, { show: !hide });
    return hide;
  }

  /** Draws one line strong and the others pale; `undefined` draws all alike. */
  focus(index: number | undefined): void {
    this.plot?.setSeries(index === undefined ? null : index + 1, { focus: true });
  }

  destroy(): void {
    this.observer.disconnect();
    this.endTheme();
    this.plot?.destroy();
  }

  private columns(): uPlot.AlignedData {
    const times = this.data.times.map((time) => time / 1_000);
    const shown = this.data.lines.slice(0, MAX_LINES);
    if (!this.options.stacked) return [times, ...shown.map((line) => [...line.values])] as uPlot.AlignedData;
    const sums = new Array<number>(times.length).fill(0);
    const columns = shown.map((line, index) =>
      times.map((_, at) => {
        const value = this.hidden.has(index) ? null : (line.values[at] ?? null);
        if (value !== null) sums[at] = (sums[at] ?? 0) + value;
        return value === null ? null : (sums[at] ?? null);
      }),
    );
    return [times, ...columns] as uPlot.AlignedData;
  }

  private draw(): void {
    this.plot?.destroy();
    this.stroke = strokes(this.data.lines.map((line) => line.name));
    const series = this.data.lines.slice(0, MAX_LINES).map((line, index) => this.seriesOf(line, index));
    const text = token("text-2");
    const grid = { stroke: token("line"), width: 1, dash: [2, 4] };
    const axis = { stroke: text, grid, ticks: { show: false }, font: `11px ${token("sans")}`, gap: 6 };
    const format = this.options.format ?? number;
    const plotOptions: uPlot.Options = {
      width: Math.max(100, this.box.clientWidth),
      height: this.options.height ?? 240,
      series: [{}, ...series],
      scales: {
        x: this.options.range ? { range: [this.options.range.start / 1_000, this.options.range.end / 1_000] } : {},
        y: { distr: this.options.logarithmic ? 3 : 1, range: (_, low, high) => this.yRange(low, high) },
      },
      axes: [
        { ...axis, values: (_, splits, __, ___, step) => timeLabels(splits, step), space: 70 },
        { ...axis, values: (_, splits) => splits.map((value) => (value === null ? "" : format(value))), size: (_, values) => axisSize(values) },
      ],
      cursor: {
        drag: { x: Boolean(this.options.onZoom), y: false, setScale: false },
        points: { size: 7 },
        focus: { prox: 24 },
        bind: { dblclick: () => null },
      },
      focus: { alpha: 0.25 },
      legend: { show: false },
      hooks: {
        setCursor: [() => this.showTip()],
        setSelect: [(plot) => this.onSelect(plot)],
        draw: [(plot) => this.drawMarks(plot)],
      },
    };
    if (this.options.stacked) {
      plotOptions.bands = series.slice(1).map((_, index) => ({ series: [index + 2, index + 1] }));
    }
    this.plot = new uPlot(plotOptions, this.columns(), this.box);
    this.plot.over.append(this.tip);
    // A drag chooses a stretch of time; uPlot keeps its end from being a press.
    this.plot.over.addEventListener("click", () => {
      const href = this.pointNear()?.href;
      if (href) location.assign(href);
    });
    this.describe();
  }

  private seriesOf(line: Line, index: number): uPlot.Series {
    const { slot, dash } = this.stroke[index] ?? { slot: 0, dash: [] };
    const colour = line.past ? slotColour(0) : slotColour(slot);
    const series: uPlot.Series = {
      label: line.name,
      stroke: colour,
      width: 1.5,
      dash: line.past ? [4, 4] : [...dash],
      show: !this.hidden.has(index),
      spanGaps: false,
      points: { show: (_, at, from, to) => lonely(line.values, at, from, to), size: 4 },
    };
    const filled = this.options.stacked || this.data.lines.length === 1;
    if (filled) series.fill = colour + (this.options.stacked ? "40" : "1c");
    return series;
  }

  private yRange(low: number | null, high: number | null): [number, number] {
    const levels = (this.data.thresholds ?? []).map((level) => level.value);
    const least = Math.min(low ?? 0, ...levels);
    const most = Math.max(high ?? 1, ...levels);
    if (this.options.logarithmic) return [least > 0 ? least / 1.5 : 0.001, most * 1.5];
    // A level line stands on its ground; lines far from zero are shown close.
    const from = least > 0 && (least < most * 0.6 || least === most) ? 0 : least;
    const room = (most - from || Math.abs(most) || 1) * 0.06;
    return [least < 0 || from === 0 ? from - (least < 0 ? room : 0) : from - room, most + room];
  }

  private resize(): void {
    const width = this.box.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) {
      this.plot.setSize({ width, height: this.options.height ?? 240 });
    }
  }

  private drawMarks(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px ${token("sans")}`;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    for (const { value, words } of this.data.thresholds ?? []) {
      const y = plot.valToPos(value, "y", true);
      line(ctx, token("error"), bbox.left, y, bbox.left + bbox.width, y);
      ctx.fillText(words, bbox.left + 6 * ratio, y - 4 * ratio);
    }
    for (const { time, words } of this.data.marks ?? []) {
      const x = plot.valToPos(time / 1_000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      line(ctx, token("text-2"), x, bbox.top, x, bbox.top + bbox.height);
      ctx.fillText(words, x + 4 * ratio, bbox.top + 12 * ratio);
    }
    ctx.restore();
    for (const point of this.data.points ?? []) {
      const [x, y] = [plot.valToPos(point.time / 1_000, "x", true), plot.valToPos(point.value, "y", true)];
      if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top || y > bbox.top + bbox.height) continue;
      lozenge(ctx, x, y, 4 * ratio, token("text"), token("panel"));
    }
  }

  /** The point under the pointer. */
  private pointNear(): Point | undefined {
    const { plot } = this;
    const { left = -1, top = -1 } = plot?.cursor ?? {};
    if (!plot || left < 0) return undefined;
    let nearest: Point | undefined;
    let least = NEAR;
    for (const point of this.data.points ?? []) {
      const far = Math.hypot(plot.valToPos(point.time / 1_000, "x") - left, plot.valToPos(point.value, "y") - top);
      if (far <= least) [nearest, least] = [point, far];
    }
    return nearest;
  }

  private onSelect(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [start, end] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.options.onZoom?.(Math.round(start * 1_000), Math.round(end * 1_000));
  }

  private moveTo(index: number | undefined): void {
    const time = index === undefined ? undefined : this.data.times[index];
    const left = time === undefined ? -10 : (this.plot?.valToPos(time / 1_000, "x") ?? -10);
    this.plot?.setCursor({ left, top: left < 0 ? -10 : 20 });
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    const last = this.data.times.length - 1;
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || last < 0) return;
    event.preventDefault();
    const now = this.plot?.cursor.idx ?? (step > 0 ? -1 : last + 1);
    this.moveTo(Math.min(last, Math.max(0, now + step)));
  }

  private showTip(): void {
    const plot = this.plot;
    const index = plot?.cursor.idx;
    const left = plot?.cursor.left ?? -1;
    const inside = plot && index !== undefined && index !== null && left >= 0;
    this.options.onCursor?.(inside ? index : undefined);
    this.tip.hidden = !inside;
    if (!inside) return;
    const time = this.data.times[index] ?? 0;
    const rows = this.data.lines
      .slice(0, MAX_LINES)
      .map((line, at) => ({ line, at, value: line.values[index] ?? null }))
      .filter(({ at, value }) => value !== null && !this.hidden.has(at))
      .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
    const near = this.pointNear();
    plot.over.style.cursor = near?.href ? "pointer" : "";
    if (near) this.tip.replaceChildren(...this.pointTip(near));
    else this.tip.replaceChildren(...this.lineTip(time, rows));
    const room = plot.over.clientWidth;
    const right = left > room / 2;
    this.tip.style.left = right ? "" : `${left + 16}px`;
    this.tip.style.right = right ? `${room - left + 16}px` : "";
    this.tip.style.top = "8px";
  }

  private lineTip(time: number, rows: readonly { line: Line; at: number; value: number | null }[]): (HTMLElement | string)[] {
    const shown = rows.slice(0, TIP_ROWS).map(({ line, at, value }) => this.tipRow(line.name, at, value));
    return [strong(`${day(time)} ${clock(time)}`), ...shown, ...(rows.length > TIP_ROWS ? [`and ${rows.length - TIP_ROWS} more`] : [])];
  }

  private pointTip({ time, value, words, href }: Point): HTMLElement[] {
    const label = document.createElement("div");
    label.className = "words mono";
    label.textContent = words;
    const hint = document.createElement("div");
    hint.textContent = href ? "Press to open its trace" : "It names no trace";
    return [strong(`Exemplar ${(this.options.format ?? number)(value)} · ${day(time)} ${clock(time, true)}`), label, hint];
  }

  private tipRow(name: string, at: number, value: number | null): HTMLElement {
    const row = document.createElement("div");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = slotColour(this.stroke[at]?.slot ?? 0);
    const label = document.createElement("span");
    label.className = "label mono";
    label.textContent = name;
    const amount = document.createElement("span");
    amount.className = "value";
    amount.textContent = (this.options.format ?? number)(value);
    row.append(swatch, label, amount);
    return row;
  }

  /** The chart in one sentence, for those who do not see it. */
  private describe(): void {
    this.box.setAttribute("aria-label", summary(this.data, this.options.format ?? number));
  }
}

/** A point between two gaps would be an invisible line. */
function lonely(values: readonly (number | null)[], _: number, from: number, to: number): boolean {
  let alone = true;
  for (let at = from; at < to && alone; at += 1) {
    alone = values[at] === null || values[at + 1] === null;
  }
  return alone;
}

function line(ctx: CanvasRenderingContext2D, colour: string, x0: number, y0: number, x1: number, y1: number): void {
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function strong(text: string): HTMLElement {
  const head = document.createElement("b");
  head.textContent = text;
  return head;
}

function lozenge(ctx: CanvasRenderingContext2D, x: number, y: number, size: number, colour: string, edge: string): void {
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.fillStyle = colour;
  ctx.strokeStyle = edge;
  ctx.lineWidth = devicePixelRatio;
  ctx.fill();
  ctx.stroke();
}

/** Labels of the time axis in 24 hours; the day stands where it changes. */
export function timeLabels(seconds: readonly number[], step: number): string[] {
  let before = "";
  return seconds.map((at) => {
    const ms = at * 1_000;
    const today = day(ms).slice(5);
    const changed = before !== "" && before !== today;
    before = today;
    if (step >= 86_400) return today;
    const time = clock(ms).slice(0, step < 60 ? 8 : 5);
    return changed ? `${today} ${time}` : time;
  });
}

function axisSize(values: readonly string[] | null): number {
  const longest = Math.max(3, ...(values ?? []).map((value) => value.length));
  return longest * 6.6 + 14;
}

/** Says in one sentence what lines show. */
export function summary(data: ChartData, format: (value: number | null) => string): string {
  const lasts: number[] = [];
  let most = { value: -Infinity, time: 0, name: "" };
  for (const { name, values } of data.lines) {
    let last: number | null = null;
    values.forEach((value, at) => {
      if (value === null) return;
      last = value;
      if (value > most.value) most = { value, time: data.times[at] ?? 0, name };
    });
    if (last !== null) lasts.push(last);
  }
  if (lasts.length === 0) return "No data in this time range";
  const low = format(Math.min(...lasts));
  const high = format(Math.max(...lasts));
  const latest = low === high ? low : `${low} to ${high}`;
  const plural = data.lines.length === 1 ? "1 series" : `${data.lines.length} series`;
  return `${plural}, latest ${latest}, highest ${format(most.value)} at ${clock(most.time)} on ${most.name}`;
}
