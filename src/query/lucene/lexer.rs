//! Splits a Lucene query text into tokens.

/// A piece of a query text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A bare word; escaped wildcards keep their backslash.
    Word(String),
    /// A text in double quotes, unescaped.
    Quoted(String),
    /// A pattern between slashes.
    Regex(String),
    /// `:`
    Colon,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[` or `{` of a range, whether the end is included.
    RangeOpen(bool),
    /// `]` or `}`, whether the end is included.
    RangeClose(bool),
    /// `>`, `>=`, `<`, `<=` before a value.
    Compare(&'static str),
    /// `AND` or `&&`
    And,
    /// `OR` or `||`
    Or,
    /// `NOT` or `!`
    Not,
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// A token with the character it begins at.
pub(crate) type Placed = (usize, Token);

/// Splits `text`.
///
/// # Errors
/// A text that says what is wrong and at which character.
pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, String> {
    let characters: Vec<char> = text.chars().collect();
    let mut found: Vec<Placed> = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = token_at(&characters, at)?;
        found.push((at, token));
        at += length;
        at += boost_length(characters.get(at..).unwrap_or_default());
        if characters.get(at) == Some(&'~') {
            let place = at + 1;
            return Err(format!(
                "fuzzy and proximity search (~ at character {place}) is not supported; use a wildcard such as qui*"
            ));
        }
    }
    Ok(found)
}

fn token_at(characters: &[char], at: usize) -> Result<(Token, usize), String> {
    let token = match (characters[at], characters.get(at + 1)) {
        ('(', _) => (Token::Open, 1),
        (')', _) => (Token::Close, 1),
        (':', _) => (Token::Colon, 1),
        ('[', _) => (Token::RangeOpen(true), 1),
        ('{', _) => (Token::RangeOpen(false), 1),
        (']', _) => (Token::RangeClose(true), 1),
        ('}', _) => (Token::RangeClose(false), 1),
        ('>', Some('=')) => (Token::Compare(">="), 2),
        ('<', Some('=')) => (Token::Compare("<="), 2),
        ('>', _) => (Token::Compare(">"), 1),
        ('<', _) => (Token::Compare("<"), 1),
        ('&', Some('&')) => (Token::And, 2),
        ('|', Some('|')) => (Token::Or, 2),
        ('!', _) => (Token::Not, 1),
        ('+', _) => (Token::Plus, 1),
        ('-', _) => (Token::Minus, 1),
        ('"', _) => {
            let (text, length) = delimited(characters, at, '"')?;
            (Token::Quoted(text), length)
        }
        ('/', _) => {
            let (text, length) = delimited(characters, at, '/')?;
            (Token::Regex(text), length)
        }
        _ => word(characters, at),
    };
    Ok(token)
}

/// A boost `^2.5` changes scores only, and there are none.
fn boost_length(rest: &[char]) -> usize {
    if rest.first() != Some(&'^') {
        return 0;
    }
    1 + rest[1..].iter().take_while(|digit| digit.is_ascii_digit() || **digit == '.').count()
}

fn delimited(characters: &[char], start: usize, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match characters.get(at) {
            None => return Err(format!("the {quote} at character {} is never closed", start + 1)),
            Some('\\') if quote == '"' || characters.get(at + 1) == Some(&quote) => {
                text.extend(characters.get(at + 1));
                at += 2;
            }
            Some(end) if *end == quote => return Ok((text, at + 1 - start)),
            Some(character) => {
                text.push(*character);
                at += 1;
            }
        }
    }
}

fn word(characters: &[char], start: usize) -> (Token, usize) {
    let mut text = String::new();
    let mut at = start;
    while let Some(&character) = characters.get(at) {
        match character {
            // An escaped wildcard keeps its backslash, so that it is not taken for one.
            '\\' => {
                match characters.get(at + 1) {
                    Some(wild @ ('*' | '?' | '\\')) => text.extend(['\\', *wild]),
                    other => text.extend(other),
                }
                at += 2;
            }
            end if end.is_whitespace() || "():[]{}\"^~".contains(end) => break,
            plain => {
                text.push(plain);
                at += 1;
            }
        }
    }
    let token = match text.as_str() {
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Word(text),
    };
    (token, (at - start).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(_, token)| token).collect()
    }

    #[test]
    fn words_quotes_patterns_and_operators_are_told_apart() {
        let word = |text: &str| Token::Word(text.into());
        let expected = [
            word("a"),
            Token::Colon,
            Token::Quoted("b c".into()),
            Token::And,
            Token::Minus,
            word("d"),
            Token::Colon,
            Token::Regex("e/f".into()),
        ];
        assert_eq!(kinds(r#"a:"b c" AND -d:/e\/f/"#), expected);
        assert_eq!(kinds("a-b x^2.5"), [word("a-b"), word("x")]);
    }

    #[test]
    fn open_quotes_and_fuzziness_are_refused_with_their_place() {
        assert!(tokens("abc \"d").unwrap_err().contains("character 5"));
        assert!(tokens("roam~1").unwrap_err().contains("not supported"));
        assert_eq!(tokens("\\").unwrap().len(), 1);
    }
}
