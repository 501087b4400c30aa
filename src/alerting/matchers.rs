//! Matchers as Alertmanager writes them: `severity="critical"`, `{job=~"a|b", "größe"!="x"}`.
//!
//! Both of its syntaxes are read: in the old one values may stand without quotes and unknown escapes
//! are kept, in the new one names may be any text, quoted where needed.

use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};

/// The most matchers of one list.
const MAX_MATCHERS: usize = 100;

/// Reads a list of matchers, with or without braces.
///
/// # Errors
/// A text for people that shows the list.
pub fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let wrong = |why: &str| format!("bad matcher format: {text}: {why}");
    let trimmed = text.trim();
    let inner = match (trimmed.strip_prefix('{'), trimmed.ends_with('}')) {
        (Some(inner), true) => &inner[..inner.len() - 1],
        (Some(_), false) => return Err(wrong("expected close brace")),
        (None, _) => trimmed,
    };
    let mut matchers = Vec::new();
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        let (matcher, tail) = one(rest).map_err(|why| wrong(&why))?;
        matchers.push(matcher);
        if matchers.len() > MAX_MATCHERS {
            return Err(wrong("too many matchers"));
        }
        rest = match tail.trim_start() {
            "" => "",
            tail => tail.strip_prefix(',').ok_or_else(|| wrong("expected a comma"))?.trim_start(),
        };
    }
    if matchers.is_empty() && !trimmed.starts_with('{') {
        return Err(wrong("no matcher"));
    }
    Ok(matchers)
}

/// Reads one matcher and returns what follows it.
fn one(text: &str) -> Result<(Matcher, &str), String> {
    let (name, rest) = if text.starts_with('"') { quoted(text)? } else { name(text) };
    if name.is_empty() {
        return Err("expected a label name".to_owned());
    }
    let rest = rest.trim_start();
    const OPERATORS: [(&str, MatchOp); 4] = [
        ("=~", MatchOp::Regex),
        ("!~", MatchOp::NotRegex),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ];
    let operator = OPERATORS.iter().find(|(text, _)| rest.starts_with(text));
    let (operator, op) = operator.ok_or("expected an operator such as '=', '!=', '=~' or '!~'")?;
    let rest = rest[operator.len()..].trim_start();
    let (value, rest) = if rest.starts_with('"') { quoted(rest)? } else { bare_value(rest)? };
    // The last line of a pattern's error says what is wrong; those before draw a picture.
    let wrong = |why: &str| why.lines().last().unwrap_or_default().to_owned();
    let matcher = Matcher::new(*op, name, value).map_err(|error| wrong(error.message()))?;
    Ok((matcher, rest))
}

fn name(text: &str) -> (String, &str) {
    let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
    let end = text.find(reserved).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

fn bare_value(text: &str) -> Result<(String, &str), String> {
    let (value, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
    if value.contains('"') {
        return Err("a quote within a value; put the whole value in quotes".to_owned());
    }
    Ok((value.trim_end().to_owned(), rest))
}

/// Reads a text in double quotes. Escapes other than `\"`, `\\` and `\n` keep their backslash, so
/// that patterns need not double it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// Returns whether `labels` fulfil all `matchers`.
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches_labels(labels))
}

/// Writes matchers as Alertmanager's keys of routes do: `{a="b",c=~"d"}`, sorted.
pub fn key(matchers: &[Matcher]) -> String {
    let mut texts: Vec<String> = matchers.iter().map(text).collect();
    texts.sort();
    format!("{{{}}}", texts.join(","))
}

/// Writes one matcher so that [`parse`] reads it back.
pub fn text(matcher: &Matcher) -> String {
    let plain = name(&matcher.name).0 == matcher.name;
    let name = if plain { matcher.name.clone() } else { quote(&matcher.name) };
    format!("{name}{}{}", matcher.op.as_str(), quote(&matcher.value))
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        parse(text).map(|matchers| key(&matchers))
    }

    #[test]
    fn both_syntaxes_are_read() {
        for (given, expected) in [
            (r#"a="b""#, r#"{a="b"}"#),
            ("a=b", r#"{a="b"}"#),
            ("a =~ b|c , d!=e", r#"{a=~"b|c",d!="e"}"#),
            (r#"{a="b",c!~"d.*",}"#, r#"{a="b",c!~"d.*"}"#),
            (r#"{"größe"="x", 🙂=y}"#, r#"{größe="x",🙂="y"}"#),
            (r#"a=~"\d+\"\\.\n""#, "{a=~\"\\\\d+\\\"\\\\.\\n\"}"),
            ("{}", "{}"),
            (r#""a b"=c"#, r#"{"a b"="c"}"#),
        ] {
            assert_eq!(shown(given), Ok(expected.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for given in [r#"a="x\\y\"z""#, "\"a b\"=~\"c.*\"", "a!=\"\""] {
            let first = parse(given).unwrap();
            let again = parse(&text(&first[0])).unwrap();
            assert_eq!(first, again);
        }
    }

    #[test]
    fn broken_lists_are_refused_with_the_text() {
        for given in ["", "a", "=b", "{a=b", r#"a="b"#, "a=~(", r#"a="b" c="d""#, r#"a=b"c"#, "a*b"]
        {
            let why = shown(given).unwrap_err();
            assert!(why.contains("bad matcher format"), "{given}: {why}");
        }
    }
}
