//! Holds the walls of the house: who may import whom, where an external crate may be named, how
//! long a file may be. The layer table is read from the map in `src/lib.rs`, so that map stays true.
//! Standard library only; runs in a second.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// External crates that belong to certain rooms (`a/b` names a room within a room).
const CRATE_ROOMS: [(&str, &[&str]); 12] = [
    ("redb", &["engines"]),
    ("tantivy", &["engines"]),
    ("axum", &["http", "protocols", "api", "mcp", "ui", "app", "demo"]),
    ("tonic", &["protocols", "export", "app"]),
    ("rmcp", &["mcp"]),
    ("askama", &["ui"]),
    ("rust_embed", &["ui"]),
    ("lettre", &["alerting/receivers"]),
    ("sysinfo", &["collect"]),
    ("reqwest", &["collect", "make", "cli", "demo", "export", "alerting/receivers"]),
    ("saphyr_parser", &["base"]),
    ("clap", &["cli"]),
];

const MAX_LINES: usize = 500;

#[test]
fn every_room_imports_only_what_the_map_allows() {
    let allowed = layer_table();
    let mut faults = Vec::new();
    for (file, text) in sources("src") {
        let Some(room) = room_of(&file) else { continue };
        let place = file.display();
        let Some(may_import) = allowed.get(&room) else {
            faults.push(format!("{place}: room `{room}` is not on the map in src/lib.rs"));
            continue;
        };
        for (line, target) in crate_paths(&text) {
            if target.is_empty() {
                faults.push(format!("{place}:{line}: write one `use crate::room::thing` a line"));
            } else if target != room && !may_import.contains(&target) {
                faults.push(format!("{place}:{line}: `{room}` may not import `{target}`"));
            }
        }
    }
    assert!(faults.is_empty(), "walls broken:\n{}", faults.join("\n"));
}

#[test]
fn every_room_on_the_map_stands_and_imports_only_rooms_above_it() {
    let rows = layer_rows();
    assert!(rows.len() > 5, "the map in src/lib.rs was not found");
    for (index, (room, imports)) in rows.iter().enumerate() {
        assert!(Path::new("src").join(room).join("mod.rs").exists(), "no room `{room}`");
        for import in imports {
            let above = rows[..index].iter().any(|(name, _)| name == import);
            assert!(above, "`{room}` imports `{import}`, which does not stand above it");
        }
    }
}

#[test]
fn external_crates_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for (file, text) in sources("src") {
        let place = file.strip_prefix("src").unwrap_or(&file).to_string_lossy().into_owned();
        for (line, code) in code_lines(&text) {
            for (name, rooms) in CRATE_ROOMS {
                let at_home = rooms.iter().any(|room| place.starts_with(&format!("{room}/")));
                if !at_home && names_crate(&code, name) {
                    faults.push(format!("src/{place}:{line}: `{name}` belongs to {rooms:?}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "crates outside their rooms:\n{}", faults.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches", "web"] {
        for (file, text) in sources(folder) {
            let lines = text.lines().count();
            if lines > MAX_LINES {
                faults.push(format!("{}: {lines} lines", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "split by responsibility:\n{}", faults.join("\n"));
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    let markers =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("dbg", "!(")];
    let mut faults = Vec::new();
    for (file, text) in sources("src") {
        for (number, line) in text.lines().enumerate() {
            if markers.iter().any(|marker| line.contains(marker)) {
                faults.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "finish or delete:\n{}", faults.join("\n"));
}

#[test]
fn the_scanner_sees_paths_and_skips_comments_and_texts() {
    let text =
        "use crate::base::a;\n// crate::http::x\nlet s = \"crate::ui::y\";\ncrate::wire::z();";
    let rooms: Vec<_> = crate_paths(text).into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["base", "wire"]);
    assert!(names_crate("use redb::Database;", "redb"));
    assert!(!names_crate("let x = predb::y", "redb"));
    assert!(!names_crate("use crate::redb::y", "redb"));
}

/// Room name → rooms it may import.
fn layer_table() -> BTreeMap<String, Vec<String>> {
    layer_rows().into_iter().collect()
}

/// The rows `//! room  what it is  <- imports` of the map, in order.
fn layer_rows() -> Vec<(String, Vec<String>)> {
    let map = fs::read_to_string("src/lib.rs").expect("src/lib.rs is readable");
    let table = map.lines().skip_while(|line| !line.contains("```text")).skip(1);
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for line in table.take_while(|line| !line.contains("```")) {
        let row = line.trim_start_matches("//!").trim();
        let Some(room) = row.split_whitespace().next() else { continue };
        let imports = row.split_once("<-").map_or("", |(_, imports)| imports).trim();
        let above: Vec<String> = rows.iter().map(|(name, _)| name.clone()).collect();
        let imports = match imports.strip_prefix("all above") {
            Some(but) => {
                let but: Vec<_> = but.split_whitespace().collect();
                above.into_iter().filter(|name| !but.contains(&name.as_str())).collect()
            }
            None => imports.split_whitespace().map(str::to_owned).collect(),
        };
        rows.push((room.to_owned(), imports));
    }
    rows
}

/// The room of a file below `src/`; `None` for `main.rs` and `lib.rs`.
fn room_of(file: &Path) -> Option<String> {
    let inside = file.strip_prefix("src").ok()?;
    let mut parts = inside.components();
    let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
    parts.next().map(|_| first)
}

/// Source files below `folder` with their text, sorted by path.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    const ENDINGS: [&str; 8] = [".rs", ".ts", ".tsx", ".css", ".html", ".mjs", ".py", ".js"];
    const FOREIGN: [&str; 4] = ["node_modules", "target", "golden", "fixtures"];
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !FOREIGN.contains(&name.as_str()) {
                    open.push(path);
                }
            } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// Lines with their number, without line comments and without the inside of texts.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut code = String::new();
        let mut in_text = false;
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if in_text => drop(characters.next()),
                '"' => in_text = !in_text,
                '/' if !in_text && characters.peek() == Some(&'/') => break,
                other if !in_text => code.push(other),
                _ => {}
            }
        }
        lines.push((index + 1, code));
    }
    lines
}

/// Every room that the text names by a `crate::room` path, with the line; an empty name stands for
/// a group `crate::{…}`, which would hide its members from this scan.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, code) in code_lines(text) {
        for (at, _) in code.match_indices("crate::") {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(is_word) {
                let tail = &code[at + "crate::".len()..];
                found.push((number, tail.chars().take_while(|c| is_word(*c)).collect()));
            }
        }
    }
    found
}

/// Whether the code names an external crate by a path that starts with it.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let starts = !before.is_some_and(|character| is_word(character) || character == ':');
        starts && code[at + name.len()..].starts_with("::")
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
