//! Reads a section key by key, notes every fault and goes on; what nobody asked for is unknown.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use crate::base::duration::parse_duration;
use crate::base::secret::Secret;
use crate::base::size::ByteSize;
use crate::base::yaml::fault::Fault;
use crate::base::yaml::node::{Key, Node, Value};

/// Looks up an environment variable.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What all sections of one file share.
pub struct Context<'a> {
    /// The file as it is named in faults.
    pub place: String,
    /// The folder that relative `*_file` paths start from.
    pub folder: &'a Path,
    /// The environment, for `${NAME}`.
    pub environment: &'a Environment<'a>,
    /// What was found wrong so far.
    pub faults: RefCell<Vec<Fault>>,
}

impl Context<'_> {
    /// Notes a fault of the file.
    pub fn fault(&self, line: usize, key: &str, message: impl Into<String>) {
        self.faults.borrow_mut().push(Fault {
            place: self.place.clone(),
            line: Some(line),
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// Replaces `${UPPER_CASE}`; `$$` is a dollar sign, any other dollar sign stands for itself.
    fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(tail) = rest.strip_prefix('$') {
                expanded.push('$');
                rest = tail;
                continue;
            }
            let name = rest.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            match name.filter(|(name, _)| is_upper_case(name)) {
                Some((name, tail)) => {
                    let value = (self.environment)(name);
                    let unset = || format!("the environment variable {name} is not set");
                    expanded.push_str(&value.ok_or_else(unset)?);
                    rest = tail;
                }
                None => expanded.push('$'),
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

fn is_upper_case(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    starts && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// A mapping that is being read.
pub struct Section<'a> {
    context: &'a Context<'a>,
    path: String,
    line: usize,
    entries: &'a [(Key, Node)],
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// Starts to read `node`; one that is no mapping is a fault and reads as empty.
    pub fn new(context: &'a Context<'a>, path: String, node: &'a Node) -> Self {
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other => {
                let found = kind(other);
                context.fault(node.line, &path, format!("expected keys with values, not {found}"));
                &[]
            }
        };
        Section { context, path, line: node.line, entries, known: RefCell::default() }
    }

    /// Returns the full name of a key of this section.
    pub fn full(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// Notes a fault of `key`.
    pub fn fault(&self, key: &str, message: impl Into<String>) {
        let entry = self.entries.iter().find(|(own, _)| own.name == key);
        let line = entry.map_or(self.line, |(own, _)| own.line);
        self.context.fault(line, &self.full(key), message);
    }

    /// Notes a fault on a line of `key`, such as one item of a list.
    pub fn fault_at(&self, line: usize, key: &str, message: impl Into<String>) {
        self.context.fault(line, &self.full(key), message);
    }

    /// Returns whether `key` was written, even with nothing behind it.
    pub fn is_written(&self, key: &'static str) -> bool {
        self.known.borrow_mut().push(key);
        self.entries.iter().any(|(own, _)| own.name == key)
    }

    /// Returns the value of `key`, unless there is none.
    pub fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        let (_, node) = self.entries.iter().find(|(own, _)| own.name == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Iterates over all keys, for sections whose keys are the user's own.
    pub fn free_entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        self.entries.iter().map(|(key, node)| (key.name.as_str(), node))
    }

    /// Returns a scalar with its `${NAME}` replaced.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        self.scalar(&self.full(key), node, true)
    }

    /// Returns a scalar as written, for relabelling.
    pub fn raw_text(&self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        self.scalar(&self.full(key), node, false)
    }

    /// Returns the text of a scalar node.
    pub fn scalar(&self, full: &str, node: &Node, expand: bool) -> Option<String> {
        let Value::Scalar { text, .. } = &node.value else {
            let found = kind(&node.value);
            self.context.fault(node.line, full, format!("expected a single value, not {found}"));
            return None;
        };
        if !expand {
            return Some(text.clone());
        }
        match self.context.expand(text) {
            Ok(text) => Some(text),
            Err(why) => {
                self.context.fault(node.line, full, why);
                None
            }
        }
    }

    /// Returns a scalar that `parse` understands.
    pub fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(&text).map_err(|why| self.fault(key, why)).ok()
    }

    /// Returns a duration in Prometheus' syntax.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, parse_duration)
    }

    /// Returns a duration longer than nothing.
    pub fn period(&self, key: &'static str) -> Option<Duration> {
        self.parsed(key, |text| match parse_duration(text)? {
            Duration::ZERO => Err("must be longer than 0".to_owned()),
            period => Ok(period),
        })
    }

    /// Returns a size such as `512MiB`.
    pub fn size(&self, key: &'static str) -> Option<ByteSize> {
        self.parsed(key, ByteSize::parse)
    }

    /// Returns a whole number that is not negative.
    pub fn number(&self, key: &'static str) -> Option<u64> {
        self.parsed(key, |text| {
            text.parse().map_err(|_| format!("expected a whole number, not {text:?}"))
        })
    }

    /// Returns `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.parsed(key, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("expected true or false, not {other:?}")),
        })
    }

    /// Returns a list of scalars, each with its line.
    pub fn texts(&self, key: &'static str) -> Vec<(usize, String)> {
        self.list(key, true)
    }

    /// Returns a list of scalars as written, for relabelling.
    pub fn raw_texts(&self, key: &'static str) -> Vec<String> {
        self.list(key, false).into_iter().map(|(_, text)| text).collect()
    }

    fn list(&self, key: &'static str, expand: bool) -> Vec<(usize, String)> {
        let mut texts = Vec::new();
        for (full, node) in self.items(key) {
            if let Some(text) = self.scalar(&full, node, expand) {
                texts.push((node.line, text));
            }
        }
        texts
    }

    /// Returns the items of a list with their full keys.
    pub fn items(&self, key: &'static str) -> Vec<(String, &'a Node)> {
        self.node(key).map_or_else(Vec::new, |node| self.items_of(key, node))
    }

    /// Returns the items of a list under a key of the user's own.
    pub fn items_of(&self, key: &str, node: &'a Node) -> Vec<(String, &'a Node)> {
        let full = self.full(key);
        let Value::List(items) = &node.value else {
            let found = kind(&node.value);
            self.context.fault(node.line, &full, format!("expected a list, not {found}"));
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, item)| (format!("{full}[{index}]"), item)).collect()
    }

    /// Returns a section below this one.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        Some(Section::new(self.context, self.full(key), node))
    }

    /// Returns the sections of a list.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let items = self.items(key).into_iter();
        items.map(|(full, node)| Section::new(self.context, full, node)).collect()
    }

    /// Returns a secret that is written in place or, better, in a file of its own.
    pub fn secret(&self, key: &'static str, file_key: &'static str) -> Option<Secret> {
        let here = self.text(key).map(Secret::new);
        let Some(path) = self.text(file_key) else { return here };
        if here.is_some() {
            self.fault(file_key, format!("write either {key} or {file_key}, not both"));
        }
        let path = self.context.folder.join(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                self.fault(file_key, format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    /// Refuses a key that a later version understands, unless it is off or empty.
    pub fn later(&self, key: &'static str) {
        let Some(node) = self.node(key) else { return };
        let off = match &node.value {
            Value::Null => true,
            Value::Scalar { text, .. } => matches!(text.as_str(), "false" | "off" | "none"),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        };
        if !off {
            self.fault(key, "is not supported by this version yet; remove it");
        }
    }

    /// Refuses a key that a later version understands, unless it says what this version does.
    pub fn later_unless(&self, key: &'static str, only: &str) {
        let Some(node) = self.node(key) else { return };
        let text = match &node.value {
            Value::Scalar { text, .. } => text.as_str(),
            Value::Null | Value::List(_) | Value::Map(_) => "",
        };
        if text != only {
            self.fault(key, format!("this version supports only {only:?} here"));
        }
    }

    /// Ends the section: what nobody asked for is a fault, with the nearest known key.
    pub fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let near = known.iter().map(|name| (distance(&key.name, name), *name)).min();
            let hint = match near {
                Some((distance, name)) if distance <= 2.max(name.len() / 4) => {
                    format!("unknown key; did you mean {name:?}?")
                }
                _ => "unknown key".to_owned(),
            };
            self.context.fault(key.line, &self.full(&key.name), hint);
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "keys with values",
    }
}

/// Counts the single-character edits between two words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replace = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context<'a>(environment: &'a Environment<'a>) -> Context<'a> {
        let folder = Path::new(".");
        Context { place: "t".to_owned(), folder, environment, faults: RefCell::default() }
    }

    #[test]
    fn only_upper_case_names_are_replaced_and_two_dollars_are_one() {
        let environment = |name: &str| (name == "HOME_9").then(|| "x".to_owned());
        let context = context(&environment);
        assert_eq!(context.expand("a${HOME_9}b$$c${lower}$1"), Ok("axb$c${lower}$1".to_owned()));
        assert!(context.expand("${UNSET}").unwrap_err().contains("UNSET"));
    }

    #[test]
    fn edit_distance_counts_single_edits() {
        assert_eq!(distance("lisen", "listen"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
