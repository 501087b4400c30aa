//! Builds the browser files of `web/` into `OUT_DIR/web`, where the room `ui` embeds them.
//!
//! Node.js 20 or newer found: `npm ci` when the lock file changed, then `web/build.mjs`; an error of
//! the bundler is fatal. Without Node or its packages: the own style sheets alone, a warning, and
//! pages without scripts. `BELVEDERE_WEB=required` forbids that, `=fallback` asks for it;
//! `BELVEDERE_WEB_DIST=DIR` takes files that were built before.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the bundle is made of, below `web/`. Templates are not: askama watches them itself.
const INPUTS: [&str; 5] =
    ["src", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"];

/// The files built are these bytes' function; raise it when this script's own work changes.
const VERSION: u64 = 1;

fn main() {
    for path in INPUTS {
        println!("cargo::rerun-if-changed=web/{path}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["BELVEDERE_WEB", "BELVEDERE_WEB_DIST"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if let Err(problem) = build() {
        println!("cargo::error=the browser files cannot be built: {problem}");
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|_| "OUT_DIR is not set")?);
    let files = out.join("web");
    write_embed(&out, &files)?;
    let kind = build_files(&out, &files)?;
    println!("cargo::rustc-env=BELVEDERE_WEB_BUILT={kind}");
    Ok(())
}

/// Builds the files, if they are not there yet, and returns whether they are a `bundle` or the
/// `fallback`.
fn build_files(out: &Path, files: &Path) -> Result<&'static str, String> {
    if let Some(dist) = env::var_os("BELVEDERE_WEB_DIST") {
        copy(Path::new(&dist), files).map_err(|error| format!("{dist:?}: {error}"))?;
        return Ok("bundle");
    }
    let stamp = out.join("web.stamp");
    let wanted = env::var("BELVEDERE_WEB").unwrap_or_default();
    let content = format!("{wanted} {:x}", hash_of_inputs().map_err(|error| error.to_string())?);
    if fs::read_to_string(&stamp).is_ok_and(|built| built == content) {
        return Ok(if wanted == "fallback" { "fallback" } else { "bundle" });
    }
    // A failed attempt must not look like the last good one.
    fs::remove_file(&stamp).or_else(absent_is_fine).map_err(|error| error.to_string())?;
    let ready = if wanted == "fallback" { Err("asked for".to_owned()) } else { packages() };
    let Err(why) = ready else {
        bundle(files)?;
        fs::write(stamp, content).map_err(|error| error.to_string())?;
        return Ok("bundle");
    };
    if wanted == "required" {
        return Err(why);
    }
    fallback(files).map_err(|error| error.to_string())?;
    if wanted == "fallback" {
        fs::write(stamp, content).map_err(|error| error.to_string())?;
    } else {
        // Without a stamp the next run tries again.
        println!(
            "cargo::warning=pages are built without scripts ({why}); install Node.js 20 or newer with npm and build again"
        );
    }
    Ok("fallback")
}

/// Writes the declaration that the room `ui` includes; only here the directory's name is known.
fn write_embed(out: &Path, files: &Path) -> Result<(), String> {
    let text = format!(
        "/// The files that `build.rs` built.\n#[derive(rust_embed::RustEmbed)]\n#[folder = {:?}]\npub(crate) struct Embedded;\n",
        files.display().to_string()
    );
    let path = out.join("embedded.rs");
    if fs::read_to_string(&path).is_ok_and(|written| written == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| error.to_string())
}

/// Makes sure that the packages of the lock file are installed.
fn packages() -> Result<(), String> {
    let version = run(Command::new("node").arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().is_ok_and(|major| major < 20) {
        return Err(format!("Node.js {} is older than 20", version.trim()));
    }
    // Two builds with different target directories share `web/node_modules`.
    let lock = File::create("web/.build.lock").map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let wanted = fs::read("web/package-lock.json").map_err(|error| error.to_string())?;
    // A copy of the lock file tells what is installed; tests/run leaves one, too.
    let installed = Path::new("web/node_modules/.lock");
    if fs::read(installed).is_ok_and(|lock| lock == wanted) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let arguments = ["ci", "--ignore-scripts", "--prefer-offline", "--omit=dev", "--no-progress"];
    run(Command::new(npm).args(arguments).current_dir("web"))?;
    fs::write(installed, wanted).map_err(|error| error.to_string())
}

fn bundle(files: &Path) -> Result<(), String> {
    run(Command::new("node").args(["web/build.mjs", "--out"]).arg(files)).map(drop)
}

/// Runs a command to its end and returns what it printed.
fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    for line in text.lines() {
        println!("cargo::warning={line}");
    }
    Err(format!("{name} ended with {}", output.status))
}

/// The own style sheets in the order of `style.css`, and the icons: all that needs no bundler.
fn fallback(files: &Path) -> io::Result<()> {
    fs::remove_dir_all(files).or_else(absent_is_fine)?;
    fs::create_dir_all(files)?;
    let order = fs::read_to_string("web/src/style/style.css")?;
    let mut style = String::new();
    for line in order.lines() {
        let own = line.strip_prefix("@import \"./").and_then(|rest| rest.strip_suffix("\";"));
        if let Some(name) = own {
            style.push_str(&fs::read_to_string(Path::new("web/src/style").join(name))?);
        }
    }
    let style_name = format!("style-{:08x}.css", fnv(VERSION, style.as_bytes()) as u32);
    fs::write(files.join(&style_name), style)?;
    let icons = fs::read("web/src/icons.svg")?;
    let icons_name = format!("icons-{:08x}.svg", fnv(VERSION, &icons) as u32);
    fs::write(files.join(&icons_name), icons)?;
    let manifest = format!(
        "{{\"entries\":{{}},\"style\":\"{style_name}\",\"icons\":\"{icons_name}\",\"licences\":\"\",\"fallback\":true}}\n"
    );
    fs::write(files.join("manifest.json"), manifest)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", from.display());
    fs::remove_dir_all(to).or_else(absent_is_fine)?;
    fs::create_dir_all(to)?;
    fs::metadata(from.join("manifest.json"))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Hashes names and bytes of all inputs, so that a mere touch rebuilds nothing.
fn hash_of_inputs() -> io::Result<u64> {
    let mut hash = VERSION;
    let mut open: Vec<PathBuf> = INPUTS.iter().map(|path| Path::new("web").join(path)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    for file in files {
        hash = fnv(hash, file.to_string_lossy().as_bytes());
        hash = fnv(hash, &fs::read(file)?);
    }
    Ok(hash)
}

/// FNV-1a, continued from `hash`.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let start = hash ^ 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
