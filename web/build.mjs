// Bundles the browser source: `node build.mjs --out DIR [--watch]`.
// Out come hashed files, each beside its .br and .gz twin, the licence texts of every package that
// gave bytes, and manifest.json, which tells the server what a page needs.
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const flags = process.argv.slice(2);
const watch = flags.includes("--watch");
const out = resolve(root, flags[flags.indexOf("--out") + 1] ?? "dist");

/** One script a page, by file name; `app` is the shell's own. */
const pages = readdirSync(join(root, "src/pages"))
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join("src/pages", name));

const options = {
  absWorkingDir: root,
  entryPoints: [...pages, "src/style/style.css"],
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};

/** Writes a file of ours under a name that holds its content's hash. */
function place(name, extension, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  const file = `${name}-${hash}.${extension}`;
  writeFileSync(join(out, file), text);
  return file;
}

/** The directory of the package that holds `path`, such as `node_modules/@a/b`. */
function packageOf(path) {
  return path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
}

/** The licence texts of the packages that gave bytes to the bundle. */
function licences(metafile) {
  const found = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [path, input] of Object.entries(output.inputs)) {
      const directory = packageOf(path);
      if (directory && input.bytesInOutput > 0) found.add(directory);
    }
  }
  const texts = [...found].sort().map((directory) => {
    const about = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
    const files = readdirSync(join(root, directory)).filter((name) => /^(licen[cs]e|notice)/i.test(name));
    if (!about.license) throw new Error(`${about.name} names no licence`);
    const body = files.map((name) => readFileSync(join(root, directory, name), "utf8").trim());
    const head = `${about.name} ${about.version} (${about.license})`;
    return [head, "=".repeat(head.length), ...body].join("\n\n");
  });
  return `${texts.join("\n\n\n")}\n`;
}

/** Every script that `file` needs at once, itself not among them. */
function imports(metafile, file, seen = new Set()) {
  for (const { path, kind } of metafile.outputs[file].imports) {
    if (kind === "import-statement" && !seen.has(path)) {
      seen.add(path);
      imports(metafile, path, seen);
    }
  }
  return seen;
}

function manifest(metafile) {
  const about = { entries: {}, style: "", icons: "", licences: "", fallback: false };
  for (const [file, output] of Object.entries(metafile.outputs)) {
    if (!output.entryPoint || file.endsWith(".map")) continue;
    if (file.endsWith(".css")) {
      about.style = basename(file);
    } else if (output.entryPoint.startsWith("src/pages/")) {
      const name = basename(output.entryPoint).replace(/\.tsx?$/, "");
      const needed = [...imports(metafile, file)].map((path) => basename(path)).sort();
      about.entries[name] = { script: basename(file), imports: needed };
    }
  }
  about.icons = place("icons", "svg", readFileSync(join(root, "src/icons.svg")));
  about.licences = place("licences", "txt", licences(metafile));
  writeFileSync(join(out, "manifest.json"), `${JSON.stringify(about, null, 1)}\n`);
}

/** Puts compressed twins beside every file that is served. */
function compress() {
  for (const name of readdirSync(out)) {
    if (!/\.(js|css|svg|txt)$/.test(name)) continue;
    const bytes = readFileSync(join(out, name));
    const parameters = {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    };
    writeFileSync(join(out, `${name}.br`), brotliCompressSync(bytes, { params: parameters }));
    writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  }
}

if (existsSync(out)) rmSync(out, { recursive: true });
mkdirSync(out, { recursive: true });
if (watch) {
  const tell = {
    name: "tell",
    setup: (build) =>
      build.onEnd((result) => {
        if (result.errors.length === 0) manifest(result.metafile);
        console.log(`${result.errors.length} errors; run with BELVEDERE_WEB_DIR=${out}`);
      }),
  };
  await (await esbuild.context({ ...options, plugins: [tell] })).watch();
} else {
  const result = await esbuild.build(options).catch(() => process.exit(1));
  manifest(result.metafile);
  compress();
}
