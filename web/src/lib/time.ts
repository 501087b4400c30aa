// Points in time as people write them; the twin of src/ui/time_text.rs. Times without a zone are
// read in the zone that is passed in (minutes east of UTC).

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const DAY = 86_400_000;

/** Reads a duration in Prometheus' syntax, such as `1h30m`, in milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const whole = /^(?:\d+(?:ms|[smhdwy]))+$/.exec(text);
  if (!whole) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    total += Number(count) * (UNITS[unit ?? ""] ?? 0);
  }
  return total;
}

/** Writes milliseconds in the same syntax, in at most two units. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  let rest = Math.round(ms / 1_000) * 1_000;
  const parts: string[] = [];
  for (const unit of ["d", "h", "m", "s"]) {
    const size = UNITS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.join("");
}

/** Returns the instant in epoch milliseconds that `text` names, if it names one. */
export function parseTime(text: string, now: number, zoneMinutes = 0): number | undefined {
  const trimmed = text.trim();
  return (
    relative(trimmed, now) ??
    epoch(trimmed) ??
    withZone(trimmed) ??
    spoken(trimmed.toLowerCase(), now, zoneMinutes)
  );
}

function relative(text: string, now: number): number | undefined {
  const parts = /^now\s*(?:([+-])\s*(.+))?$/.exec(text);
  if (!parts) return undefined;
  if (!parts[1]) return now;
  const length = parseDuration(parts[2] ?? "");
  if (length === undefined) return undefined;
  return parts[1] === "-" ? now - length : now + length;
}

function epoch(text: string): number | undefined {
  if (!/^\d[\d.]{8,}$/.test(text)) return undefined;
  const number = Number(text);
  if (number < 1e11) return Math.round(number * 1e3);
  if (number < 1e14) return Math.round(number);
  if (number < 1e17) return Math.round(number / 1e3);
  return number < 1e19 ? Math.round(number / 1e6) : undefined;
}

function withZone(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$/i.test(text)) return undefined;
  const at = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(at) ? undefined : at;
}

function spoken(text: string, now: number, zone: number): number | undefined {
  const parts = /^(today|yesterday|\d{4}-\d{2}-\d{2})?(?:[t ]\s*)?(.*)$/.exec(text);
  if (!parts || text === "") return undefined;
  const midnight = dayOf(parts[1] ?? "today", now, zone);
  const offset = parts[2] ? timeOfDay(parts[2]) : 0;
  return midnight === undefined || offset === undefined ? undefined : midnight + offset;
}

function dayOf(text: string, now: number, zone: number): number | undefined {
  const shift = zone * 60_000;
  const today = Math.floor((now + shift) / DAY) * DAY - shift;
  if (text === "today") return today;
  if (text === "yesterday") return today - DAY;
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text ? undefined : at - shift;
}

function timeOfDay(text: string): number | undefined {
  const parts = /^(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?\s*(am|pm)?$/.exec(text);
  if (!parts) return undefined;
  let hour = Number(parts[1]);
  const [minute, second, half] = [Number(parts[2] ?? 0), Number(parts[3] ?? 0), parts[4]];
  if (half && (hour < 1 || hour > 12)) return undefined;
  if (!half && parts[2] === undefined) return undefined;
  if (half) hour = (hour % 12) + (half === "pm" ? 12 : 0);
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return ((hour * 60 + minute) * 60 + second) * 1_000;
}
