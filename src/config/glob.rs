//! File patterns such as `rules/*.yml`.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

/// The most files that one pattern may name.
const MAX_FILES: usize = 10_000;

/// Returns the files that a pattern names, sorted; `None` when it names too many.
pub(crate) fn files(pattern: &Path) -> Option<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let Component::Normal(name) = component else {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let matcher = name.to_str().filter(|name| is_pattern(name)).and_then(compiled);
        match matcher {
            Some(matcher) => {
                found = found.iter().flat_map(|path| children(path, &matcher)).collect();
            }
            None => found.iter_mut().for_each(|path| path.push(name)),
        }
        if found.len() > MAX_FILES {
            return None;
        }
    }
    found.retain(|path| path.is_file());
    found.sort();
    Some(found)
}

/// Whether a text has a wildcard.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn children(folder: &Path, matcher: &Regex) -> Vec<PathBuf> {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let fitting = names.filter(|name| matcher.is_match(name));
    fitting.map(|name| folder.join(name)).collect()
}

/// Compiles one component; an unclosed bracket stands for itself.
fn compiled(component: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    let mut rest = component.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' if rest.as_str().contains(']') => {
                expression.push('[');
                for inner in rest.by_ref() {
                    match inner {
                        ']' => break,
                        '[' | '&' | '~' | '\\' => expression.extend(['\\', inner]),
                        other => expression.push(other),
                    }
                }
                expression.push(']');
            }
            other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_the_files_that_fit() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.yml", "b.yml", "c.yaml", "sub/d.yml", "other/d.yml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = files(&folder.path().join(pattern)).unwrap();
            let short =
                |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
            found.iter().map(short).collect()
        };
        assert_eq!(names("*.yml"), ["a.yml", "b.yml"]);
        assert_eq!(names("[bc].y*ml"), ["b.yml", "c.yaml"]);
        assert_eq!(names("?.yaml"), ["c.yaml"]);
        assert_eq!(names("*/d.yml"), ["other/d.yml", "sub/d.yml"]);
        assert_eq!(names("a.yml"), ["a.yml"]);
        assert_eq!(names("missing.yml"), Vec::<String>::new());
        assert_eq!(names("s*"), Vec::<String>::new());
    }
}
