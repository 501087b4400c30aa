//! Template text to tokens.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// Byte offset of the piece.
    pub(crate) position: usize,
    /// The piece as written; for [`Kind::Text`] after trimming.
    pub(crate) text: &'a str,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    LeftDelim,
    RightDelim,
    LeftParen,
    RightParen,
    Pipe,
    Comma,
    Assign,
    Declare,
    Space,
    Bool,
    Char,
    Number,
    String,
    RawString,
    Identifier,
    Field,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
    Eof,
}

impl Kind {
    /// Whether the piece is a word that governs the flow.
    pub(crate) fn is_keyword(self) -> bool {
        use Kind::{
            Block, Break, Continue, Define, Dot, Else, End, If, Nil, Range, Template, With,
        };
        matches!(
            self,
            Block
                | Break
                | Continue
                | Define
                | Dot
                | Else
                | End
                | If
                | Nil
                | Range
                | Template
                | With
        )
    }
}

/// A text that cannot be cut into pieces: where and why.
pub(crate) type Fault = (usize, String);

/// Cuts a template into its pieces, the last of which is [`Kind::Eof`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut lexer = Lexer { text, position: 0, parens: 0, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
    parens: usize,
    tokens: Vec<Token<'a>>,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), Fault> {
        let mut trim = false;
        loop {
            let rest = &self.text[self.position..];
            let open = rest.find("{{");
            let end = open.unwrap_or(rest.len());
            let mut piece = &rest[..end];
            let mut start = self.position;
            if trim {
                start += piece.len() - piece.trim_start_matches(SPACES).len();
                piece = piece.trim_start_matches(SPACES);
            }
            if open.is_some() && trims_left(&rest[end + 2..]) {
                piece = piece.trim_end_matches(SPACES);
            }
            if !piece.is_empty() {
                self.tokens.push(Token { kind: Kind::Text, position: start, text: piece });
            }
            self.position += end;
            if open.is_none() {
                self.push(Kind::Eof, 0);
                return Ok(());
            }
            trim = self.action()?;
        }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = &self.text[self.position..self.position + length];
        self.tokens.push(Token { kind, position: self.position, text });
        self.position += length;
    }

    /// Reads from `{{` to `}}`; returns whether the text behind loses its leading spaces.
    fn action(&mut self) -> Result<bool, Fault> {
        let mut inside = &self.text[self.position + 2..];
        let skipped = if trims_left(inside) { 2 } else { 0 };
        inside = &inside[skipped..];
        if inside.starts_with("/*") {
            return self.comment(2 + skipped);
        }
        self.push(Kind::LeftDelim, 2);
        self.position += skipped;
        self.parens = 0;
        loop {
            let rest = &self.text[self.position..];
            if let Some((skip, trim)) = closes(rest) {
                if self.parens > 0 {
                    return Err((self.position, "unclosed left paren".to_owned()));
                }
                self.position += skip;
                self.push(Kind::RightDelim, 2);
                return Ok(trim);
            }
            self.piece(rest)?;
        }
    }

    fn comment(&mut self, skip: usize) -> Result<bool, Fault> {
        let body = &self.text[self.position + skip..];
        let unclosed = || (self.position, "unclosed comment".to_owned());
        let end = body.find("*/").ok_or_else(unclosed)? + 2;
        let Some((dash, trim)) = closes(&body[end..]) else {
            let why = "comment ends before closing delimiter".to_owned();
            return Err((self.position, why));
        };
        self.position += skip + end + dash + 2;
        Ok(trim)
    }

    fn piece(&mut self, rest: &'a str) -> Result<(), Fault> {
        let Some(first) = rest.chars().next() else {
            return Err((self.position, "unclosed action".to_owned()));
        };
        match first {
            c if SPACES.contains(&c) => {
                let mut length = rest.len() - rest.trim_start_matches(SPACES).len();
                // The space before a trim marker belongs to the marker.
                if rest[length..].starts_with("-}}") {
                    length -= 1;
                }
                if length > 0 {
                    self.push(Kind::Space, length);
                }
            }
            ':' if rest.starts_with(":=") => self.push(Kind::Declare, 2),
            ':' => return Err((self.position, "expected :=".to_owned())),
            '=' => self.push(Kind::Assign, 1),
            '|' => self.push(Kind::Pipe, 1),
            ',' => self.push(Kind::Comma, 1),
            '(' => {
                self.parens += 1;
                self.push(Kind::LeftParen, 1);
            }
            ')' => {
                if self.parens == 0 {
                    return Err((self.position, "unexpected right paren".to_owned()));
                }
                self.parens -= 1;
                self.push(Kind::RightParen, 1);
            }
            '"' => return self.quoted(rest, Kind::String, '"', "unterminated quoted string"),
            '\'' => return self.quoted(rest, Kind::Char, '\'', "unterminated character constant"),
            '`' => match rest[1..].find('`') {
                Some(end) => self.push(Kind::RawString, end + 2),
                None => return Err((self.position, "unterminated raw quoted string".to_owned())),
            },
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                return self.word(rest, Kind::Field);
            }
            '$' => return self.word(rest, Kind::Variable),
            '+' | '-' | '.' | '0'..='9' => return self.number(rest),
            c if is_word(c) => return self.identifier(rest),
            c => {
                let code = u32::from(c);
                let why = format!("unrecognized character in action: U+{code:04X} '{c}'");
                return Err((self.position, why));
            }
        }
        Ok(())
    }

    fn quoted(&mut self, rest: &str, kind: Kind, quote: char, unended: &str) -> Result<(), Fault> {
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    self.push(kind, at + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err((self.position, unended.to_owned()))
    }

    /// Reads a field or variable, of which the first character is its mark.
    fn word(&mut self, rest: &str, kind: Kind) -> Result<(), Fault> {
        let length = 1 + word_length(&rest[1..]);
        self.check_end(rest, length)?;
        let kind = if kind == Kind::Field && length == 1 { Kind::Dot } else { kind };
        self.push(kind, length);
        Ok(())
    }

    fn identifier(&mut self, rest: &str) -> Result<(), Fault> {
        let length = word_length(rest);
        self.check_end(rest, length)?;
        let kind = match &rest[..length] {
            "true" | "false" => Kind::Bool,
            "nil" => Kind::Nil,
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "template" => Kind::Template,
            "with" => Kind::With,
            _ => Kind::Identifier,
        };
        self.push(kind, length);
        Ok(())
    }

    fn number(&mut self, rest: &str) -> Result<(), Fault> {
        let sign = usize::from(rest.starts_with(['+', '-']));
        let digits = &rest[sign..];
        let hex = digits.starts_with("0x") || digits.starts_with("0X");
        let mut length = sign;
        let mut last = ' ';
        for c in digits.chars() {
            let exponent = if hex { matches!(last, 'p' | 'P') } else { matches!(last, 'e' | 'E') };
            if !(c.is_ascii_alphanumeric()
                || c == '.'
                || c == '_'
                || (exponent && "+-".contains(c)))
            {
                break;
            }
            length += 1;
            last = c;
        }
        if length == sign || !ends_word(&rest[length..]) {
            let shown: String = rest.chars().take(length + 1).collect();
            return Err((self.position, format!("bad number syntax: {shown:?}")));
        }
        self.push(Kind::Number, length);
        Ok(())
    }

    fn check_end(&self, rest: &str, length: usize) -> Result<(), Fault> {
        if ends_word(&rest[length..]) {
            return Ok(());
        }
        let c = rest[length..].chars().next().unwrap_or(' ');
        Err((self.position + length, format!("bad character U+{:04X} '{c}'", u32::from(c))))
    }
}

fn trims_left(inside: &str) -> bool {
    inside.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

/// When `rest` closes an action: how much stands before `}}`, and whether it trims.
fn closes(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with("}}") {
        return Some((0, false));
    }
    let trims = rest.starts_with(SPACES) && rest[1..].starts_with("-}}");
    trims.then_some((2, true))
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word_length(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}

fn ends_word(rest: &str) -> bool {
    rest.is_empty()
        || rest.starts_with(SPACES)
        || rest.starts_with(['.', ',', '|', ':', '=', ')', '('])
        || rest.starts_with("}}")
}
