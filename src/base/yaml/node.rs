//! YAML as a tree that knows its lines. Scalars stay text: what they mean, their key decides.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A value and the line it starts on.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The line, counted from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, number or truth value; `plain` when it was not quoted.
    Scalar {
        /// As written.
        text: String,
        /// Whether it stood without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The line, counted from 1.
    pub line: usize,
    /// The name.
    pub name: String,
}

/// Why a text is not the YAML we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxFault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// How deep a file may nest.
const MAX_DEPTH: usize = 32;

type Events<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

/// Reads one document; an empty text is an empty mapping.
///
/// # Errors
/// The first syntax fault; anchors, aliases, tags and further documents are refused by name.
pub fn parse(text: &str) -> Result<Node, SyntaxFault> {
    let mut events = Parser::new_from_str(text);
    let mut document = None;
    loop {
        let (event, line) = next(&mut events)?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            Event::DocumentStart(_) if document.is_none() => {
                let (event, line) = next(&mut events)?;
                document = Some(node(&mut events, event, line, 0)?);
            }
            _ => return Err(fault(line, "only one YAML document is read")),
        }
    }
    Ok(document.unwrap_or(Node { line: 1, value: Value::Map(Vec::new()) }))
}

fn next<'a>(events: &mut Events<'a>) -> Result<(Event<'a>, usize), SyntaxFault> {
    match events.next_event() {
        Some(Ok((event, span))) => Ok((event, span.start.line())),
        Some(Err(error)) => Err(fault(error.marker().line(), error.info())),
        None => Ok((Event::StreamEnd, 0)),
    }
}

fn node<'a>(
    events: &mut Events<'a>,
    event: Event<'a>,
    line: usize,
    depth: usize,
) -> Result<Node, SyntaxFault> {
    if depth > MAX_DEPTH {
        return Err(fault(line, "nested too deeply"));
    }
    let value = match event {
        Event::Scalar(_, _, _, Some(_))
        | Event::SequenceStart(_, Some(_))
        | Event::MappingStart(_, Some(_)) => return Err(fault(line, "YAML tags are not read")),
        Event::Scalar(text, style, 0, None) => scalar(text.into_owned(), style),
        Event::SequenceStart(0, None) => list(events, depth)?,
        Event::MappingStart(0, None) => map(events, depth)?,
        _ => return Err(fault(line, "YAML anchors and aliases are not read; write it out")),
    };
    Ok(Node { line, value })
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text, plain }
}

fn list(events: &mut Events<'_>, depth: usize) -> Result<Value, SyntaxFault> {
    let mut items = Vec::new();
    loop {
        let (event, line) = next(events)?;
        if event == Event::SequenceEnd {
            return Ok(Value::List(items));
        }
        items.push(node(events, event, line, depth + 1)?);
    }
}

fn map(events: &mut Events<'_>, depth: usize) -> Result<Value, SyntaxFault> {
    let mut entries: Vec<(Key, Node)> = Vec::new();
    loop {
        let (event, line) = next(events)?;
        let name = match event {
            Event::MappingEnd => return Ok(Value::Map(entries)),
            Event::Scalar(name, _, 0, None) => name.into_owned(),
            _ => return Err(fault(line, "a key must be a plain word")),
        };
        if let Some((first, _)) = entries.iter().find(|(key, _)| key.name == name) {
            return Err(fault(line, &format!("{name:?} stands already on line {}", first.line)));
        }
        let (event, value_line) = next(events)?;
        entries.push((Key { line, name }, node(events, event, value_line, depth + 1)?));
    }
}

fn fault(line: usize, message: &str) -> SyntaxFault {
    SyntaxFault { line, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_line_and_scalars_stay_text() {
        let node = parse("a: 1\nb:\n  - x\n  - 'null'\nc:\n").unwrap();
        let Value::Map(entries) = node.value else { panic!("not a mapping") };
        let lines: Vec<_> = entries.iter().map(|(key, _)| (key.name.as_str(), key.line)).collect();
        assert_eq!(lines, [("a", 1), ("b", 2), ("c", 5)]);
        assert_eq!(entries[0].1.value, Value::Scalar { text: "1".to_owned(), plain: true });
        let Value::List(items) = &entries[1].1.value else { panic!("not a list") };
        assert_eq!(items[1].line, 4);
        assert_eq!(items[1].value, Value::Scalar { text: "null".to_owned(), plain: false });
        assert_eq!(entries[2].1.value, Value::Null);
    }

    #[test]
    fn a_key_that_stands_twice_a_broken_line_and_an_alias_are_named_by_line() {
        assert_eq!(parse("a: 1\nb: 2\na: 3\n").unwrap_err().line, 3);
        assert_eq!(parse("a: 1\nb: [1\n").unwrap_err().line, 3);
        let alias = parse("a: &x 1\nb: *x\n").unwrap_err();
        assert!(alias.message.contains("aliases"), "{}", alias.message);
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        assert_eq!(parse("# nothing\n").unwrap().value, Value::Map(Vec::new()));
    }
}
