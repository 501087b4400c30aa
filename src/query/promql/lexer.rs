//! Query text to tokens. Which characters are allowed depends on the brackets around them.

use crate::query::promql::ast::BinaryOp;
use crate::query::promql::position::Span;
use crate::query::promql::token::{Token, TokenKind, duration_word, go_quote, word_kind};

/// All tokens of a text; the last is the end, or the error that stopped the lexer.
pub(super) struct Tokens<'a> {
    pub tokens: Vec<Token<'a>>,
    pub error: Option<(Span, String)>,
}

/// Cuts `text` into tokens; comments and spaces vanish.
pub(super) fn tokenize(text: &str) -> Tokens<'_> {
    let mut lexer = Lexer {
        text,
        at: 0,
        start: 0,
        parens: 0,
        in_braces: false,
        bracket: None,
        tokens: Vec::new(),
    };
    let error = loop {
        match lexer.step() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(message) => {
                lexer.start = lexer.start.min(lexer.at);
                let span = Span::new(lexer.start, text.len());
                lexer.at = text.len();
                lexer.push(TokenKind::Error);
                break Some((span, message));
            }
        }
    };
    Tokens { tokens: lexer.tokens, error }
}

/// What was seen since a `[` was opened.
#[derive(Clone, Copy, Default)]
struct Bracket {
    duration: bool,
    colon: bool,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    start: usize,
    parens: usize,
    in_braces: bool,
    bracket: Option<Bracket>,
    tokens: Vec<Token<'a>>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn eat_any(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|next| set.contains(next));
        if found {
            self.at += 1;
        }
        found
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&accept) {
            self.next();
        }
    }

    fn push(&mut self, kind: TokenKind) {
        let text = self.text.get(self.start..self.at).unwrap_or("");
        self.tokens.push(Token { kind, start: self.start, text });
        self.start = self.at;
    }

    /// Lexes one token or skips blanks; `false` after the end.
    fn step(&mut self) -> Result<bool, String> {
        self.eat_while(is_space);
        self.start = self.at;
        if self.peek() == Some('#') && self.bracket.is_none() {
            self.eat_while(|next| next != '\n' && next != '\r');
            return Ok(true);
        }
        if self.in_braces {
            self.inside_braces()?;
            return Ok(true);
        }
        if self.bracket.is_some() {
            self.inside_brackets()?;
            return Ok(true);
        }
        self.statement()
    }

    fn statement(&mut self) -> Result<bool, String> {
        let Some(first) = self.next() else {
            if self.parens != 0 {
                return Err("unclosed left parenthesis".to_owned());
            }
            self.push(TokenKind::End);
            return Ok(false);
        };
        match first {
            ',' => self.push(TokenKind::Comma),
            '@' => self.push(TokenKind::At),
            '=' => self.equals()?,
            '!' => match self.next() {
                Some('=') => self.push(TokenKind::Operator(BinaryOp::NotEqual)),
                other => return Err(format!("unexpected character after '!': {}", quote(other))),
            },
            '<' | '>' => self.angle(first),
            '"' | '\'' => self.quoted(first)?,
            '`' => self.raw()?,
            '(' | ')' => self.paren(first)?,
            '{' => {
                self.push(TokenKind::LeftBrace);
                self.in_braces = true;
            }
            '[' => {
                self.push(TokenKind::LeftBracket);
                self.bracket = Some(Bracket::default());
            }
            ']' => return Err("unexpected right bracket ']'".to_owned()),
            _ if arithmetic(first).is_some() => {
                self.push(arithmetic(first).unwrap_or(TokenKind::End));
            }
            _ if starts_number(first, self.peek()) => {
                self.at -= 1;
                self.number_or_duration()?;
            }
            _ if is_alpha(first) || first == ':' => self.word(),
            other => return Err(format!("unexpected character: {}", quote(Some(other)))),
        }
        Ok(true)
    }

    fn equals(&mut self) -> Result<(), String> {
        match self.peek() {
            Some('=') => {
                self.at += 1;
                self.push(TokenKind::Operator(BinaryOp::Equal));
            }
            Some('~') => return Err("unexpected character after '=': '~'".to_owned()),
            _ => self.push(TokenKind::Equal),
        }
        Ok(())
    }

    fn angle(&mut self, first: char) {
        let less = first == '<';
        let op = match (self.peek(), less) {
            (Some('='), true) => BinaryOp::LessOrEqual,
            (Some('='), false) => BinaryOp::GreaterOrEqual,
            (Some('/'), true) => BinaryOp::TrimUpper,
            (Some('/'), false) => BinaryOp::TrimLower,
            (_, true) => BinaryOp::Less,
            (_, false) => BinaryOp::Greater,
        };
        if !matches!(op, BinaryOp::Less | BinaryOp::Greater) {
            self.at += 1;
        }
        self.push(TokenKind::Operator(op));
    }

    fn paren(&mut self, paren: char) -> Result<(), String> {
        if paren == '(' {
            self.parens += 1;
            self.push(TokenKind::LeftParen);
            return Ok(());
        }
        if self.parens == 0 {
            return Err("unexpected right parenthesis ')'".to_owned());
        }
        self.parens -= 1;
        self.push(TokenKind::RightParen);
        Ok(())
    }

    fn word(&mut self) {
        self.eat_while(|next| is_alphanumeric(next) || next == ':');
        let word = self.text.get(self.start..self.at).unwrap_or("");
        let is_fill =
            ["fill", "fill_left", "fill_right"].iter().any(|name| name.eq_ignore_ascii_case(word));
        let rest = self.text.get(self.at..).unwrap_or("").trim_start_matches(is_space);
        let kind = match word_kind(word) {
            Some(_) if is_fill && !rest.starts_with('(') => TokenKind::Identifier,
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        };
        self.push(kind);
    }

    fn inside_braces(&mut self) -> Result<(), String> {
        let Some(first) = self.next() else {
            return Err("unexpected end of input inside braces".to_owned());
        };
        match first {
            ',' => self.push(TokenKind::Comma),
            '"' | '\'' => self.quoted(first)?,
            '`' => self.raw()?,
            '=' => {
                let regex = self.eat('~');
                self.push(if regex { TokenKind::EqualRegex } else { TokenKind::Equal });
            }
            '!' => match self.next() {
                Some('~') => self.push(TokenKind::NotEqualRegex),
                Some('=') => self.push(TokenKind::Operator(BinaryOp::NotEqual)),
                other => {
                    let found = quote(other);
                    return Err(format!("unexpected character after '!' inside braces: {found}"));
                }
            },
            '{' => return Err("unexpected left brace '{'".to_owned()),
            '}' => {
                self.push(TokenKind::RightBrace);
                self.in_braces = false;
            }
            _ if is_alpha(first) => {
                self.eat_while(is_alphanumeric);
                self.push(TokenKind::Identifier);
            }
            other => {
                return Err(format!("unexpected character inside braces: {}", quote(Some(other))));
            }
        }
        Ok(())
    }

    fn inside_brackets(&mut self) -> Result<(), String> {
        let Some(first) = self.next() else {
            return Err("unexpected end of input in duration expression".to_owned());
        };
        let mut bracket = self.bracket.unwrap_or_default();
        match first {
            ']' => {
                self.push(TokenKind::RightBracket);
                self.bracket = None;
                return Ok(());
            }
            ':' => {
                if !bracket.duration {
                    let message = "unexpected colon before duration in duration expression";
                    return Err(message.to_owned());
                }
                if bracket.colon {
                    return Err("unexpected repeated colon in duration expression".to_owned());
                }
                self.push(TokenKind::Colon);
                bracket.colon = true;
            }
            '(' | ')' => self.paren(first)?,
            ',' => self.push(TokenKind::Comma),
            _ if arithmetic(first).is_some() => {
                self.push(arithmetic(first).unwrap_or(TokenKind::End));
            }
            _ if starts_number(first, self.peek()) => {
                self.at -= 1;
                bracket.duration = true;
                self.number_or_duration()?;
            }
            _ => {
                self.eat_while(is_alpha);
                let word = self.text.get(self.start..self.at).unwrap_or("").to_ascii_lowercase();
                let Some(kind) = duration_word(&word) else {
                    let found = quote(Some(first));
                    return Err(format!("unexpected character in duration expression: {found}"));
                };
                bracket.duration = true;
                self.push(kind);
            }
        }
        self.bracket = Some(bracket);
        Ok(())
    }

    fn number_or_duration(&mut self) -> Result<(), String> {
        if self.scan_number() {
            self.push(TokenKind::Number);
            return Ok(());
        }
        if self.scan_rest_of_duration() {
            self.push(TokenKind::Duration);
            return Ok(());
        }
        let seen = go_quote(self.text.get(self.start..self.at).unwrap_or(""));
        Err(format!("bad number or duration syntax: {seen}"))
    }

    /// Scans as far as a number goes; `false` when what follows makes it something else.
    fn scan_number(&mut self) -> bool {
        let mut digits = "0123456789";
        if self.eat('0') && self.eat_any("xX") {
            self.eat('_');
            digits = "0123456789abcdefABCDEF";
        }
        let hex = digits.len() > 10;
        let (mut dotted, mut exponent) = (false, false);
        loop {
            if self.eat('.') {
                if dotted || hex || self.eat_any("_.") {
                    return false;
                }
                dotted = true;
            } else if !hex && self.eat_any("eE") {
                if exponent {
                    return false;
                }
                exponent = true;
                self.eat_any("+-");
                if self.eat_any("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if self.eat('_') {
                if self.eat_any("._eE") || self.peek().is_none() {
                    return false;
                }
            } else if !self.eat_any(digits) {
                break;
            }
        }
        self.at > self.start && !self.peek().is_some_and(is_alphanumeric)
    }

    fn scan_rest_of_duration(&mut self) -> bool {
        if !self.eat_any("smhdwy") {
            return false;
        }
        self.eat('s');
        while self.eat_any("0123456789") {
            self.eat_while(|next| next.is_ascii_digit());
            if !self.eat_any("smhdw") {
                return false;
            }
            self.eat('s');
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    fn quoted(&mut self, quote: char) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') => self.escape(quote)?,
                None | Some('\n') => return Err("unterminated quoted string".to_owned()),
                Some(found) if found == quote => break,
                Some(_) => {}
            }
        }
        self.push(TokenKind::Text);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), String> {
        loop {
            match self.next() {
                Some('`') => break,
                None => return Err("unterminated raw string".to_owned()),
                Some(_) => {}
            }
        }
        self.push(TokenKind::Text);
        Ok(())
    }

    fn escape(&mut self, open: char) -> Result<(), String> {
        let unfinished = || "escape sequence not terminated".to_owned();
        let first = self.next().ok_or_else(unfinished)?;
        let (digits, base) = match first {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if first == open => return Ok(()),
            '0'..='7' => (2, 8),
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            other => return Err(format!("unknown escape sequence {}", unicode(other))),
        };
        let mut code = first.to_digit(8).filter(|_| base == 8).unwrap_or(0);
        for _ in 0..digits {
            let next = self.next().ok_or_else(unfinished)?;
            let digit = next
                .to_digit(base)
                .ok_or_else(|| format!("illegal character {} in escape sequence", unicode(next)))?;
            code = code.saturating_mul(base).saturating_add(digit);
        }
        let byte_only = base == 8 || first == 'x';
        if (byte_only && code > 255) || (!byte_only && char::from_u32(code).is_none()) {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}

fn arithmetic(character: char) -> Option<TokenKind> {
    let op = match character {
        '+' => BinaryOp::Add,
        '-' => BinaryOp::Sub,
        '*' => BinaryOp::Mul,
        '/' => BinaryOp::Div,
        '%' => BinaryOp::Mod,
        '^' => BinaryOp::Pow,
        _ => return None,
    };
    Some(TokenKind::Operator(op))
}

fn starts_number(first: char, second: Option<char>) -> bool {
    let digit = |character: char| character.is_ascii_digit();
    digit(first) || (first == '.' && second.is_some_and(digit))
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(character: char) -> bool {
    character == '_' || character.is_ascii_alphabetic()
}

fn is_alphanumeric(character: char) -> bool {
    is_alpha(character) || character.is_ascii_digit()
}

/// Writes a character as Go's `%q` does; `None` is the end of the text.
fn quote(character: Option<char>) -> String {
    match character {
        Some('\'') => r"'\''".to_owned(),
        Some('\n') => r"'\n'".to_owned(),
        Some('\t') => r"'\t'".to_owned(),
        Some('\r') => r"'\r'".to_owned(),
        Some('\\') => r"'\\'".to_owned(),
        Some(other) => format!("'{other}'"),
        None => "'\u{fffd}'".to_owned(),
    }
}

fn unicode(character: char) -> String {
    format!("U+{:04X} '{character}'", character as u32)
}
