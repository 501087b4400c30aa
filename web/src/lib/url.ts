// The page's state is its address: the twin of src/ui/address.rs. Keys are sorted on write.

export type Pairs = readonly (readonly [string, string])[];

/** Reads a query string; empty values are no state. */
export function decode(search: string): Pairs {
  return [...new URLSearchParams(search)].filter(([, value]) => value.trim() !== "");
}

/** Writes pairs with sorted keys; the order of one key's values is kept. */
export function encode(pairs: Pairs): string {
  const sorted = pairs
    .map((pair, index) => ({ pair, index }))
    .sort((a, b) => (a.pair[0] < b.pair[0] ? -1 : a.pair[0] > b.pair[0] ? 1 : a.index - b.index));
  const text = sorted.map(({ pair }) => `${escape(pair[0])}=${escape(pair[1])}`).join("&");
  return text ? `?${text}` : "";
}

function escape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%3A", ":");
}

/** Returns pairs with every value of `key` replaced by `values`. */
export function withValues(pairs: Pairs, key: string, values: readonly string[]): Pairs {
  const given = values.filter((value) => value.trim() !== "");
  return [...pairs.filter(([own]) => own !== key), ...given.map((value) => [key, value] as const)];
}

/** Returns the first value of `key`, or the empty text. */
export function first(pairs: Pairs, key: string): string {
  return pairs.find(([own]) => own === key)?.[1] ?? "";
}

/** Returns every value of `key`. */
export function all(pairs: Pairs, key: string): string[] {
  return pairs.filter(([own]) => own === key).map(([, value]) => value);
}

/** Returns the address of another page that keeps time and scope. */
export function jump(path: string, pairs: Pairs, more: Pairs = []): string {
  const kept = pairs.filter(([key]) => key === "from" || key === "to" || key === "scope");
  const replaced = new Set(more.map(([key]) => key));
  return path + encode([...kept.filter(([key]) => !replaced.has(key)), ...more]);
}
