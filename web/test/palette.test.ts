// The colours of tokens.css keep the contrast and the distance that the design promises.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

type Rgb = [number, number, number];
const css = readFileSync("src/style/tokens.css", "utf8");

function theme(selector: string): Map<string, Rgb> {
  const body = css.slice(css.indexOf(selector)).split("}")[0] ?? "";
  const found = [...body.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)];
  return new Map(found.map(([, name = "", hex = ""]) => [name, [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as Rgb]));
}

const themes = { light: theme(":root {"), dark: theme(':root[data-theme="dark"] {') };
const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]: Rgb) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

function contrast(a: Rgb, b: Rgb): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

/** Distance in OKLab, times 100. */
function distance(a: Rgb, b: Rgb): number {
  const lab = (rgb: Rgb) => {
    const [r, g, bl] = rgb.map(linear) as Rgb;
    const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * bl);
    const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * bl);
    const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * bl);
    return [
      0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    ];
  };
  const [x, y] = [lab(a), lab(b)];
  return 100 * Math.hypot(...x.map((value, at) => value - (y[at] ?? 0)));
}

/** How eyes without green cones see a colour (Machado 2009, full strength). */
function deutan(rgb: Rgb): Rgb {
  const [r, g, b] = rgb.map(linear) as Rgb;
  const seen = [0.367322 * r + 0.860646 * g - 0.227968 * b, 0.280085 * r + 0.672501 * g + 0.047413 * b, -0.01182 * r + 0.04294 * g + 0.968881 * b];
  return seen.map((c) => Math.min(1, Math.max(0, c))).map((c) => (c <= 0.0031308 ? c * 12.92 : 1.055 * c ** (1 / 2.4) - 0.055)) as Rgb;
}

for (const [name, colours] of Object.entries(themes)) {
  const colour = (key: string): Rgb => {
    const found = colours.get(key);
    assert.ok(found, `${name} has no --${key}`);
    return found;
  };
  test(`text is readable on every ground, ${name}`, () => {
    for (const ground of ["bg", "panel", "raised"]) {
      for (const text of ["text", "text-2", "error", "warning", "ok", "neutral"]) {
        const ratio = contrast(colour(text), colour(ground));
        assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
      }
    }
    for (const kind of ["error", "warning", "ok", "accent"]) {
      const ratio = contrast(colour(kind), colour(`${kind}-tint`));
      assert.ok(ratio >= 4.5, `${kind} on its tint: ${ratio.toFixed(2)}`);
    }
    assert.ok(contrast(colour("on-accent"), colour("accent")) >= 4.5);
    assert.ok(contrast(colour("on-mark"), colour("mark")) >= 4.5);
    assert.ok(contrast(colour("control"), colour("panel")) >= 3);
  });
  test(`series are told apart, also without green cones, ${name}`, () => {
    const series = Array.from({ length: 8 }, (_, index) => colour(`c${index + 1}`));
    for (const [at, one] of series.entries()) {
      assert.ok(contrast(one, colour("panel")) >= 3, `c${at + 1} on the panel`);
      for (const other of series.slice(at + 1)) {
        assert.ok(distance(one, other) >= 10);
        assert.ok(distance(deutan(one), deutan(other)) >= 10);
      }
    }
  });
}

test("both ways to dark hold the same colours", () => {
  const system = css.slice(css.indexOf("@media (prefers-color-scheme: dark)"));
  for (const [name, rgb] of themes.dark) {
    const hex = rgb.map((c) => Math.round(c * 255).toString(16).padStart(2, "0")).join("");
    assert.ok(system.split("}")[0]?.includes(`--${name}: #${hex};`), name);
  }
});
