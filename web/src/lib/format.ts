// Numbers, sizes and times as people read them; the twin of src/ui/format.rs.

export const MISSING = "—";

/** Writes a number with at most three significant digits and a metric suffix: `1.23 k`. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return MISSING;
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const suffixes: [number, string][] = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
  const [scale, suffix] = suffixes.find(([size]) => Math.abs(value) >= size) ?? [1, ""];
  const scaled = value / scale;
  if (suffix !== " T" && Math.abs(scaled) >= 999.5) return number(Math.sign(scaled) * scale * 1_000);
  return significant(scaled) + suffix;
}

function significant(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && magnitude < 0.001) return value.toExponential(2);
  let decimals = 0;
  if (magnitude > 0 && magnitude < 1) decimals = 2 - Math.floor(Math.log10(magnitude));
  else if (magnitude >= 1 && magnitude < 10) decimals = 2;
  else if (magnitude >= 10 && magnitude < 100) decimals = 1;
  const text = value.toFixed(Math.min(decimals, 100));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Writes a count in full with thin groups. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Writes bytes with a binary unit. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= 1_024 && unit + 1 < units.length) {
    rest /= 1_024;
    unit += 1;
  }
  return `${significant(rest)} ${units[unit]}`;
}

/** Writes a length of time given in nanoseconds: `1.2 ms`, `3 m 20 s`. */
export function durationNs(ns: number): string {
  const size = Math.abs(ns);
  if (size < 1e3) return `${Math.round(ns)} ns`;
  if (size < 1e6) return `${significant(ns / 1e3)} µs`;
  if (size < 1e9) return `${significant(ns / 1e6)} ms`;
  if (size < 6e10) return `${significant(ns / 1e9)} s`;
  const seconds = Math.floor(ns / 1e9);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  if (hours === 0) return `${minutes} m ${seconds % 60} s`;
  if (hours < 48) return `${hours} h ${minutes} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Writes the time of day in the browser's zone, with milliseconds if asked. */
export function clock(ms: number, withMs = false): string {
  const at = new Date(ms);
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMs ? `${text}.${String(at.getMilliseconds()).padStart(3, "0")}` : text;
}

/** Writes the day in the browser's zone: `2026-11-23`. */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Writes labels as Prometheus does: `name{a="b"}`. */
export function series(labels: Readonly<Record<string, string>>): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length > 0 || name === "" ? `${name}{${pairs.join(", ")}}` : name;
}
