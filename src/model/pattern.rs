//! What a pattern demands of a text: often a comparison does, and tells where to look.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use crate::base::error::{Error, Result};

/// The largest compiled size of one regular expression.
const REGEX_SIZE_LIMIT: usize = 4 << 20;

/// A pattern with at most this many texts is a set of texts.
const MAX_TEXTS: usize = 1_000;

/// The most bytes of such a set.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// What a pattern demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One of these texts, which are sorted; perhaps none.
    Texts(Vec<String>),
    /// Nothing.
    Anything,
    /// At least one character.
    NonEmpty,
    /// This text, then anything.
    StartsWith(String),
    /// Anything, then this text.
    EndsWith(String),
    /// This text, and anything around it.
    Contains(String),
    /// What only the expression can tell.
    Regex {
        /// Every match starts so; perhaps empty.
        prefix: String,
    },
}

/// A regular expression that a whole text must match, `.` matching newlines too.
#[derive(Debug, Clone)]
pub struct Pattern {
    shape: Shape,
    /// There when the shape does not tell all.
    regex: Option<Regex>,
}

impl Pattern {
    /// Reads a pattern and compiles it if it must be.
    ///
    /// # Errors
    /// `InvalidInput` when it is none or is too large.
    pub fn new(text: &str) -> Result<Self> {
        let parsed =
            regex_syntax::ParserBuilder::new().dot_matches_new_line(true).build().parse(text);
        let shape = match &parsed {
            Ok(hir) => shape(hir),
            Err(_) => Shape::Regex { prefix: String::new() },
        };
        let invalid = |error: &dyn std::fmt::Display| {
            Error::invalid(format!("invalid regular expression {text:?}: {error}"))
        };
        let regex = match shape {
            Shape::Regex { .. } => Some(compile(text).map_err(|error| invalid(&error))?),
            _ => None,
        };
        // Brackets that only close those around the pattern would pass the compiler.
        parsed.map_err(|error| invalid(&error))?;
        Ok(Pattern { shape, regex })
    }

    /// Returns what the pattern demands.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Texts(texts) => texts.binary_search_by(|own| own.as_str().cmp(text)).is_ok(),
            Shape::Anything => true,
            Shape::NonEmpty => !text.is_empty(),
            Shape::StartsWith(start) => text.starts_with(start.as_str()),
            Shape::EndsWith(end) => text.ends_with(end.as_str()),
            Shape::Contains(middle) => text.contains(middle.as_str()),
            Shape::Regex { prefix } => {
                text.starts_with(prefix.as_str())
                    && self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
            }
        }
    }
}

/// Anchors a pattern the way every matcher does.
pub fn anchored(text: &str) -> String {
    format!("^(?s:{text})$")
}

fn compile(text: &str) -> std::result::Result<Regex, regex::Error> {
    regex::RegexBuilder::new(&anchored(text)).size_limit(REGEX_SIZE_LIMIT).build()
}

fn shape(hir: &Hir) -> Shape {
    if let Some(mut texts) = texts(hir, Edges { start: true, end: true }) {
        texts.sort_unstable();
        texts.dedup();
        return Shape::Texts(texts);
    }
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    if parts.first().is_some_and(|part| is_look(part, Look::Start)) {
        parts.remove(0);
    }
    if parts.last().is_some_and(|part| is_look(part, Look::End)) {
        parts.pop();
    }
    let count = parts.iter().take_while(|part| one_text(part).is_some()).count();
    let prefix: String = parts[..count].iter().filter_map(|part| one_text(part)).collect();
    let anything = |part: &&Hir| repeats_any(part) == Some(0);
    match (prefix.as_str(), &parts[count..]) {
        ("", [only]) if repeats_any(only) == Some(0) => Shape::Anything,
        ("", [only]) if repeats_any(only) == Some(1) => Shape::NonEmpty,
        (_, rest) if !prefix.is_empty() && rest.iter().all(anything) => Shape::StartsWith(prefix),
        ("", [first, rest @ ..]) if anything(first) => around(rest),
        _ => Shape::Regex { prefix },
    }
}

/// Returns the shape of what begins with anything and goes on with `rest`.
fn around(rest: &[&Hir]) -> Shape {
    let count = rest.iter().take_while(|part| one_text(part).is_some()).count();
    let text: String = rest[..count].iter().filter_map(|part| one_text(part)).collect();
    match &rest[count..] {
        [] => Shape::EndsWith(text),
        [last] if repeats_any(last) == Some(0) => Shape::Contains(text),
        _ => Shape::Regex { prefix: String::new() },
    }
}

/// Collects the parts of a sequence, groups opened.
fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(inner) => inner.iter().for_each(|part| flatten(part, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        _ => parts.push(hir),
    }
}

fn is_look(hir: &Hir, wanted: Look) -> bool {
    matches!(hir.kind(), HirKind::Look(look) if *look == wanted)
}

/// Returns the least number of characters of "any characters"; `None` for anything else.
fn repeats_any(hir: &Hir) -> Option<u32> {
    let HirKind::Repetition(repetition) = hir.kind() else { return None };
    if repetition.max.is_some() {
        return None;
    }
    let mut inner = &*repetition.sub;
    while let HirKind::Capture(capture) = inner.kind() {
        inner = &capture.sub;
    }
    let HirKind::Class(Class::Unicode(class)) = inner.kind() else { return None };
    let [range] = class.ranges() else { return None };
    (range.start() == '\0' && range.end() == char::MAX).then_some(repetition.min)
}

fn one_text(hir: &Hir) -> Option<String> {
    let mut texts = texts(hir, Edges::default())?;
    if texts.len() == 1 { texts.pop() } else { None }
}

/// Whether a part stands at the ends of the whole pattern, where anchors say nothing new.
#[derive(Debug, Clone, Copy, Default)]
struct Edges {
    start: bool,
    end: bool,
}

/// Returns all texts that match; `None` when there are too many or anchors decide.
fn texts(hir: &Hir, edges: Edges) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![std::str::from_utf8(&literal.0).ok()?.to_owned()]),
        HirKind::Class(class) => characters(class),
        HirKind::Look(Look::Start) if edges.start => Some(vec![String::new()]),
        HirKind::Look(Look::End) if edges.end => Some(vec![String::new()]),
        HirKind::Look(_) => None,
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Capture(capture) => texts(&capture.sub, edges),
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for (place, part) in parts.iter().enumerate() {
                let edges = Edges {
                    start: edges.start && place == 0,
                    end: edges.end && place + 1 == parts.len(),
                };
                all = joined(&all, &texts(part, edges)?)?;
            }
            Some(all)
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(texts(part, edges)?);
                if !fits(&all) {
                    return None;
                }
            }
            Some(all)
        }
    }
}

fn characters(class: &Class) -> Option<Vec<String>> {
    let mut all = Vec::new();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                if range.len() > MAX_TEXTS - all.len() {
                    return None;
                }
                all.extend((range.start()..=range.end()).map(String::from));
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                if !range.end().is_ascii() {
                    return None;
                }
                all.extend((range.start()..=range.end()).map(|byte| char::from(byte).to_string()));
            }
        }
    }
    Some(all)
}

fn repeated(repetition: &Repetition) -> Option<Vec<String>> {
    let max = repetition.max?;
    let once = texts(&repetition.sub, Edges::default())?;
    let mut all = Vec::new();
    let mut current = vec![String::new()];
    for times in 0..=max {
        if times >= repetition.min {
            all.extend(current.iter().cloned());
        }
        if times < max {
            current = joined(&current, &once)?;
        }
        if !fits(&all) {
            return None;
        }
    }
    Some(all)
}

/// Returns every first text before every second one.
fn joined(first: &[String], second: &[String]) -> Option<Vec<String>> {
    if first.len() * second.len() > MAX_TEXTS {
        return None;
    }
    let all: Vec<_> =
        first.iter().flat_map(|one| second.iter().map(move |two| format!("{one}{two}"))).collect();
    fits(&all).then_some(all)
}

fn fits(texts: &[String]) -> bool {
    texts.len() <= MAX_TEXTS && texts.iter().map(String::len).sum::<usize>() <= MAX_TEXT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts_of(pattern: &str) -> Shape {
        Pattern::new(pattern).unwrap().shape
    }

    fn set(texts: &[&str]) -> Shape {
        Shape::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn simple_patterns_need_no_expression() {
        assert_eq!(texts_of("b|a|a"), set(&["a", "b"]));
        assert_eq!(texts_of("pod-(1|2)?"), set(&["pod-", "pod-1", "pod-2"]));
        assert_eq!(texts_of("|x"), set(&["", "x"]));
        assert_eq!(texts_of("(?i)ab"), set(&["AB", "Ab", "aB", "ab"]));
        assert_eq!(texts_of("^a$|b"), set(&["a", "b"]));
        assert_eq!(texts_of("a\\.b"), set(&["a.b"]));
        assert_eq!(texts_of("[^\\s\\S]"), set(&[]));
        assert_eq!(texts_of(".*"), Shape::Anything);
        assert_eq!(texts_of("^(.+)$"), Shape::NonEmpty);
        assert_eq!(texts_of("pod-.*"), Shape::StartsWith("pod-".into()));
        assert_eq!(texts_of(".*-a(b)"), Shape::EndsWith("-ab".into()));
        assert_eq!(texts_of(".*ab.*"), Shape::Contains("ab".into()));
    }

    #[test]
    fn what_is_left_knows_how_it_starts() {
        let prefix = |text: &str| Shape::Regex { prefix: text.into() };
        assert_eq!(texts_of("pod-[0-9]+"), prefix("pod-"));
        assert_eq!(texts_of("pod-x?.+"), prefix("pod-"));
        assert_eq!(texts_of("(a|b).*"), prefix(""));
        assert_eq!(texts_of("a^b"), prefix("a"));
        assert_eq!(texts_of("(?m)^a"), prefix(""));
        assert_eq!(texts_of("(a{100}){100}.*|b"), prefix(""));
    }

    #[test]
    fn brackets_that_close_others_are_refused() {
        for wrong in ["a)|(b", "(", "a{2,1}", "((a{1000}){1000}){1000}"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_shape_agrees_with_the_expression(
            pattern in "(\\(\\?i\\)|)(\\^|)([abK]|\\.\\*|\\.\\+|\\[ab\\]|\\(a\\||\\(b\\|\\)|x\\{0,2\\}|ü|\\|){0,5}(\\$|)",
            texts in prop::collection::vec("[abAkKxü\n]{0,4}", 20),
        ) {
            let closes = pattern.matches('(').count().saturating_sub(pattern.matches(')').count());
            let pattern = format!("{pattern}{}", ")".repeat(closes));
            if let (Ok(quick), Ok(regex)) = (Pattern::new(&pattern), compile(&pattern)) {
                for text in &texts {
                    prop_assert_eq!(quick.matches(text), regex.is_match(text), "{} {:?}", pattern, text);
                }
            }
        }
    }
}
