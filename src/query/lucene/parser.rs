//! Builds the filter tree from the tokens of a Lucene query text.

use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter, words};
use crate::model::time::TimestampNs;
use crate::query::lucene::LuceneOptions;
use crate::query::lucene::lexer::{Placed, Token, tokens};

const MAX_DEPTH: usize = 50;
const MAX_TOKENS: usize = 10_000;

/// Reads tokens one after the other.
pub(crate) struct Parser<'a> {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    options: LuceneOptions<'a>,
}

/// How a clause takes part in its list.
#[derive(Clone, Copy, PartialEq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

impl<'a> Parser<'a> {
    /// Splits the text.
    ///
    /// # Errors
    /// Those of the lexer, or more than 10,000 tokens.
    pub(crate) fn new(text: &str, options: LuceneOptions<'a>) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if tokens.len() > MAX_TOKENS {
            return Err(format!("the query has more than {MAX_TOKENS} parts"));
        }
        Ok(Parser { tokens, at: 0, depth: 0, options })
    }

    /// Reads the whole text.
    ///
    /// # Errors
    /// A text that says what is wrong and at which character.
    pub(crate) fn parse(mut self) -> Result<LogFilter, String> {
        if self.tokens.is_empty() {
            return Ok(LogFilter::All);
        }
        let filter = self.list(None)?;
        match self.tokens.get(self.at) {
            None => Ok(filter),
            Some((place, _)) => Err(format!("unexpected ) at character {}", place + 1)),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn wrong<T>(&self, expected: &str) -> Result<T, String> {
        Err(match self.tokens.get(self.at) {
            Some((place, _)) => format!("expected {expected} at character {}", place + 1),
            None => format!("expected {expected} at the end"),
        })
    }

    /// A list of clauses up to `)` or the end, within the field of a group `field:(…)`.
    fn list(&mut self, field: Option<&str>) -> Result<LogFilter, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the query nests deeper than {MAX_DEPTH} parentheses"));
        }
        let mut clauses: Vec<(Occur, LogFilter)> = Vec::new();
        while !matches!(self.peek(), None | Some(Token::Close)) {
            let occur = self.occurrence(&mut clauses);
            let clause = self.clause(field)?;
            clauses.push((occur, clause));
        }
        self.depth -= 1;
        Ok(combine(clauses))
    }

    /// Reads the operators before a clause. AND makes both of its neighbours a must, as Lucene's
    /// classic parser does; OR leaves them alternatives.
    fn occurrence(&mut self, before: &mut [(Occur, LogFilter)]) -> Occur {
        let default = if self.options.default_and { Occur::Must } else { Occur::Should };
        let mut occur = match (self.peek(), before.last_mut()) {
            (Some(Token::And), Some((last, _))) => {
                if *last == Occur::Should {
                    *last = Occur::Must;
                }
                self.at += 1;
                Occur::Must
            }
            (Some(Token::Or), Some((last, _))) => {
                if *last == Occur::Must && self.options.default_and {
                    *last = Occur::Should;
                }
                self.at += 1;
                Occur::Should
            }
            _ => default,
        };
        while let Some(sign @ (Token::Not | Token::Minus | Token::Plus)) = self.peek() {
            occur = match (sign, occur) {
                (Token::Plus, _) | (_, Occur::MustNot) => Occur::Must,
                _ => Occur::MustNot,
            };
            self.at += 1;
        }
        occur
    }

    fn clause(&mut self, field: Option<&str>) -> Result<LogFilter, String> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Open) => self.group(field),
            Some(Token::Word(name)) if self.peek() == Some(&Token::Colon) && field.is_none() => {
                self.at += 1;
                self.field_clause(&name)
            }
            Some(Token::Word(word)) => Ok(self.word(field, &word)),
            Some(Token::Quoted(text)) => Ok(self.quoted(field, &text)),
            Some(Token::Regex(pattern)) => Ok(self.regex(field, pattern)),
            _ => {
                self.at -= 1;
                self.wrong("a word, a quoted text, a field or (")
            }
        }
    }

    fn group(&mut self, field: Option<&str>) -> Result<LogFilter, String> {
        let inner = self.list(field)?;
        if self.peek() != Some(&Token::Close) {
            return self.wrong(")");
        }
        self.at += 1;
        Ok(inner)
    }

    fn field_clause(&mut self, name: &str) -> Result<LogFilter, String> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Word(field) | Token::Quoted(field)) if name == "_exists_" => {
                Ok(LogFilter::Exists((self.options.resolve)(&field)))
            }
            Some(Token::Open) => self.group(Some(name)),
            Some(Token::RangeOpen(included)) => self.range(name, included),
            Some(Token::Compare(operator)) => self.comparison(name, operator),
            Some(Token::Quoted(text)) => Ok(self.quoted(Some(name), &text)),
            Some(Token::Regex(pattern)) => Ok(self.regex(Some(name), pattern)),
            Some(Token::Word(word)) => Ok(self.word(Some(name), &word)),
            // A negative number is the only value that may begin with a sign.
            Some(Token::Minus) => match self.peek().cloned() {
                Some(Token::Word(word)) => {
                    self.at += 1;
                    Ok(self.word(Some(name), &format!("-{word}")))
                }
                _ => self.wrong("a value"),
            },
            _ => {
                self.at -= 1;
                self.wrong("a value")
            }
        }
    }

    fn value_text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        if self.peek() == Some(&Token::Minus) {
            self.at += 1;
            text.push('-');
        }
        match self.peek() {
            Some(Token::Word(value) | Token::Quoted(value)) => text.push_str(value),
            _ => return self.wrong("a value"),
        }
        self.at += 1;
        // A time such as 2026-11-23T10:00:00Z holds colons, which are tokens of their own.
        while self.peek() == Some(&Token::Colon) {
            self.at += 1;
            if let Some(Token::Word(more)) = self.peek() {
                text.push(':');
                text.push_str(more);
                self.at += 1;
            }
        }
        Ok(text)
    }

    fn range(&mut self, name: &str, low_included: bool) -> Result<LogFilter, String> {
        let field = (self.options.resolve)(name);
        let low = self.value_text()?;
        if !matches!(self.peek(), Some(Token::Word(to)) if to == "TO") {
            return self.wrong("TO");
        }
        self.at += 1;
        let high = self.value_text()?;
        let Some(Token::RangeClose(high_included)) = self.peek().cloned() else {
            return self.wrong("] or }");
        };
        self.at += 1;
        let low = bound(&field, &low, low_included)?;
        let high = bound(&field, &high, high_included)?;
        Ok(LogFilter::Range(field, low, high))
    }

    fn comparison(&mut self, name: &str, operator: &str) -> Result<LogFilter, String> {
        let field = (self.options.resolve)(name);
        let text = self.value_text()?;
        let end = bound(&field, &text, operator.ends_with('='))?;
        Ok(match operator.starts_with('>') {
            true => LogFilter::Range(field, end, Bound::Unbounded),
            false => LogFilter::Range(field, Bound::Unbounded, end),
        })
    }

    fn word(&self, field: Option<&str>, word: &str) -> LogFilter {
        let wild = has_wildcard(word);
        let plain = word.replace('\\', "");
        let Some(name) = field else {
            return match word {
                "*" => LogFilter::All,
                _ if wild => LogFilter::Wildcard(LogField::Body, plain),
                _ => LogFilter::AnyWords(words(&plain).collect()),
            };
        };
        let target = (self.options.resolve)(name);
        match word {
            "*" if name == "*" => LogFilter::All,
            "*" => LogFilter::Exists(target),
            _ if wild => LogFilter::Wildcard(target, plain),
            _ => whole_or_phrase(target, &plain),
        }
    }

    fn quoted(&self, field: Option<&str>, text: &str) -> LogFilter {
        match field {
            Some(name) => whole_or_phrase((self.options.resolve)(name), text),
            None => {
                let phrase: Vec<String> = words(text).collect();
                match phrase.len() {
                    1 => LogFilter::AnyWords(phrase),
                    _ => LogFilter::Phrase(LogField::Body, phrase),
                }
            }
        }
    }

    fn regex(&self, field: Option<&str>, pattern: String) -> LogFilter {
        let target = field.map_or(LogField::Body, |name| (self.options.resolve)(name));
        LogFilter::Regex(target, pattern)
    }
}

/// Must clauses all hold; alternatives count only where there is no must, because without scores
/// they would change nothing else.
fn combine(clauses: Vec<(Occur, LogFilter)>) -> LogFilter {
    let (mut all, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
    for (occur, clause) in clauses {
        match occur {
            Occur::Must => all.push(clause),
            Occur::Should => should.push(clause),
            Occur::MustNot => must_not.push(LogFilter::Not(Box::new(clause))),
        }
    }
    if all.is_empty() && !should.is_empty() {
        all.push(if should.len() == 1 { should.remove(0) } else { LogFilter::Or(should) });
    }
    all.extend(must_not);
    if all.len() == 1 { all.remove(0) } else { LogFilter::And(all) }
}

fn has_wildcard(word: &str) -> bool {
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '*' | '?' => return true,
            _ => {}
        }
    }
    false
}

/// The whole value, or in text fields these words one after the other.
fn whole_or_phrase(field: LogField, text: &str) -> LogFilter {
    let phrase: Vec<String> = words(text).collect();
    let full_text =
        matches!(field, LogField::Body | LogField::Attribute(_) | LogField::Resource(_));
    let whole = LogFilter::Equals(field.clone(), value_of(&field, text));
    if full_text && !phrase.is_empty() {
        return LogFilter::Or(vec![whole, LogFilter::Phrase(field, phrase)]);
    }
    whole
}

/// Numbers and truth values of attributes compare by their value, so the text is read as such.
fn value_of(field: &LogField, text: &str) -> FilterValue {
    if !matches!(field, LogField::Attribute(_) | LogField::Resource(_)) {
        return FilterValue::Str(text.to_owned());
    }
    match (text.parse::<i64>(), text.parse::<f64>(), text.parse::<bool>()) {
        (Ok(whole), ..) => FilterValue::Int(whole),
        (_, Ok(number), _) if number.is_finite() => FilterValue::Number(number),
        (_, _, Ok(flag)) => FilterValue::Bool(flag),
        _ => FilterValue::Str(text.to_owned()),
    }
}

fn bound(field: &LogField, text: &str, included: bool) -> Result<Bound, String> {
    if text == "*" {
        return Ok(Bound::Unbounded);
    }
    let value = match (field, text.parse::<i64>(), text.parse::<f64>()) {
        (LogField::Timestamp, Ok(ms), _) => FilterValue::Int(ms.saturating_mul(1_000_000)),
        (LogField::Timestamp, ..) => FilterValue::Int(instant(text)?.0),
        (_, Ok(whole), _) => FilterValue::Int(whole),
        (_, _, Ok(number)) => FilterValue::Number(number),
        _ => FilterValue::Str(text.to_owned()),
    };
    Ok(if included { Bound::Included(value) } else { Bound::Excluded(value) })
}

fn instant(text: &str) -> Result<TimestampNs, String> {
    let at = text.parse::<jiff::Timestamp>().map(|at| at.as_nanosecond()).or_else(|_| {
        let date = text.parse::<jiff::civil::Date>()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp().as_nanosecond())
    });
    at.ok().and_then(|ns| i64::try_from(ns).ok()).map(TimestampNs).ok_or_else(|| {
        format!("{text:?} is no time; write 2026-11-23, RFC 3339 or epoch milliseconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lucene::parse;

    fn read(text: &str) -> Result<LogFilter, String> {
        let resolve = |name: &str| match name {
            "level" => LogField::Severity,
            "@timestamp" => LogField::Timestamp,
            other => LogField::Attribute(other.to_owned()),
        };
        parse(text, LuceneOptions { default_and: false, resolve: &resolve })
    }

    fn any(word: &str) -> LogFilter {
        LogFilter::AnyWords(vec![word.to_owned()])
    }

    fn n() -> LogField {
        LogField::Attribute("n".into())
    }

    #[test]
    fn and_binds_neighbours_and_bare_words_are_alternatives() {
        assert_eq!(read("a b"), Ok(LogFilter::Or(vec![any("a"), any("b")])));
        assert_eq!(read("a AND b"), Ok(LogFilter::And(vec![any("a"), any("b")])));
        let inner = LogFilter::And(vec![any("b"), any("c")]);
        assert_eq!(read("a OR (b AND c)"), Ok(LogFilter::Or(vec![any("a"), inner])));
        assert_eq!(read(" "), Ok(LogFilter::All));
        assert_eq!(read("*"), Ok(LogFilter::All));
        assert_eq!(read("*:*"), Ok(LogFilter::All));
    }

    #[test]
    fn grafanas_buttons_are_understood() {
        let error = LogFilter::Equals(LogField::Severity, FilterValue::Str("error".into()));
        assert_eq!(read("level:\"error\""), Ok(error.clone()));
        assert_eq!(read("-level:\"error\""), Ok(LogFilter::Not(Box::new(error))));
        let above = LogFilter::Range(n(), Bound::Excluded(FilterValue::Int(5)), Bound::Unbounded);
        assert_eq!(read("n:>5"), Ok(above));
        assert_eq!(read("n:/web-.*/"), Ok(LogFilter::Regex(n(), "web-.*".into())));
    }

    #[test]
    fn ranges_groups_and_exists_are_understood() {
        let one = Bound::Included(FilterValue::Int(1));
        let three = Bound::Excluded(FilterValue::Int(3));
        assert_eq!(read("n:[1 TO 3}"), Ok(LogFilter::Range(n(), one, three)));
        let at = Bound::Included(FilterValue::Int(1_795_428_000_000_000_000));
        let since = LogFilter::Range(LogField::Timestamp, at, Bound::Unbounded);
        assert_eq!(read("@timestamp:[2026-11-23T10:00:00Z TO *]"), Ok(since));
        assert_eq!(read("_exists_:n"), Ok(LogFilter::Exists(n())));
        assert!(matches!(read("n:(1 OR 2)"), Ok(LogFilter::Or(parts)) if parts.len() == 2));
    }

    #[test]
    fn broken_text_says_where() {
        let broken = [
            ("a)", "character 2"),
            ("(a", "expected )"),
            ("a AND", "at the end"),
            ("n:[1 3]", "TO"),
        ];
        for (text, part) in broken {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(read(&"(".repeat(1000)).unwrap_err().contains("deeper"));
    }
}
