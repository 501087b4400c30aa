//! Pipelines, commands and operands.

use crate::base::gotemplate::lexer::{Kind, Token};
use crate::base::gotemplate::node::{Command, Expr, ExprKind, Pipe};
use crate::base::gotemplate::parser::{Parsed, Parser};
use crate::base::unquote::unquote;

impl Parser<'_> {
    /// Reads a pipeline up to and with its `end`.
    pub(super) fn pipeline_within(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        self.skip_space();
        let position = self.peek().position;
        let (variables, assigns) = self.variables(context)?;
        let mut pipe = Pipe { position, variables, assigns, commands: Vec::new() };
        loop {
            self.skip_space();
            let token = self.peek().clone();
            if token.kind == end {
                self.next();
                self.check_pipeline(&pipe, context)?;
                return Ok(pipe);
            }
            match token.kind {
                Kind::Bool
                | Kind::Char
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => pipe.commands.push(self.command()?),
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// Reads `$x :=`, `$x =` and, in a range, `$i, $x :=`.
    fn variables(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let start = self.at;
        let mut names: Vec<String> = Vec::new();
        while self.peek().kind == Kind::Variable {
            let name = self.next().text.to_owned();
            self.skip_space();
            match self.peek().kind {
                kind @ (Kind::Assign | Kind::Declare) => {
                    self.next();
                    names.push(name);
                    let assigns = kind == Kind::Assign;
                    if assigns && let Some(unknown) = names.iter().find(|name| !self.knows(name)) {
                        return self.fail(format!("undefined variable {unknown:?}"));
                    }
                    self.variables.extend(names.iter().cloned());
                    return Ok((names, assigns));
                }
                Kind::Comma => {
                    self.next();
                    names.push(name);
                    if context != "range" || names.len() > 1 {
                        return self.fail(format!("too many declarations in {context}"));
                    }
                    self.skip_space();
                    if self.peek().kind != Kind::Variable {
                        return self.fail("range can only initialize variables");
                    }
                }
                _ => break,
            }
        }
        if names.is_empty() {
            self.at = start;
            return Ok((names, false));
        }
        let token = self.peek().clone();
        self.unexpected(&token, context)
    }

    fn knows(&self, name: &str) -> bool {
        self.variables.iter().any(|known| known == name)
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let value_only = matches!(
                command.words[0].kind,
                ExprKind::Bool(_)
                    | ExprKind::Dot
                    | ExprKind::Nil
                    | ExprKind::Int { .. }
                    | ExprKind::Float { .. }
                    | ExprKind::String { .. }
            );
            if value_only {
                let stage = index + 1;
                return self.fail(format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let position = self.peek().position;
        let mut words = Vec::new();
        loop {
            self.skip_space();
            words.extend(self.operand()?);
            let token = self.peek().clone();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => break,
                Kind::Pipe => {
                    self.next();
                    self.skip_space();
                    if matches!(self.peek().kind, Kind::RightDelim | Kind::RightParen | Kind::Pipe)
                    {
                        return self.fail("missing value for command");
                    }
                    break;
                }
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if words.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { position, words })
    }

    /// Reads a term with the fields behind it; `None` where none begins.
    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        match &mut term.kind {
            ExprKind::Field(own) => own.append(&mut fields),
            ExprKind::Variable { fields: own, .. } => own.append(&mut fields),
            ExprKind::Identifier(_) | ExprKind::Chain { .. } | ExprKind::Pipe(_) => {
                let position = term.position;
                let kind = ExprKind::Chain { of: Box::new(term), fields };
                return Ok(Some(Expr { position, kind }));
            }
            ExprKind::Dot
            | ExprKind::Nil
            | ExprKind::Bool(_)
            | ExprKind::Int { .. }
            | ExprKind::Float { .. }
            | ExprKind::String { .. } => {
                return self.fail(format!("unexpected . after term {:?}", term.to_string()));
            }
        }
        Ok(Some(term))
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        let token = self.peek().clone();
        let kind = match token.kind {
            Kind::Identifier => {
                if !self.knows_function(token.text) {
                    let why = format!("function {:?} not defined", token.text);
                    return Err((token.position, why));
                }
                ExprKind::Identifier(token.text.to_owned())
            }
            Kind::Dot => ExprKind::Dot,
            Kind::Nil => ExprKind::Nil,
            Kind::Variable => {
                if !self.knows(token.text) {
                    return Err((token.position, format!("undefined variable {:?}", token.text)));
                }
                ExprKind::Variable { name: token.text.to_owned(), fields: Vec::new() }
            }
            Kind::Field => ExprKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => ExprKind::Bool(token.text == "true"),
            Kind::Char | Kind::Number => number(&token)?,
            Kind::String | Kind::RawString => {
                ExprKind::String { value: text(&token)?, quoted: token.text.to_owned() }
            }
            Kind::LeftParen => {
                self.next();
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                let kind = ExprKind::Pipe(Box::new(pipe));
                return Ok(Some(Expr { position: token.position, kind }));
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(Expr { position: token.position, kind }))
    }
}

/// Takes the quotes off a text.
pub(super) fn text(token: &Token<'_>) -> Parsed<String> {
    unquote(token.text).ok_or_else(|| (token.position, "invalid syntax".to_owned()))
}

fn number(token: &Token<'_>) -> Parsed<ExprKind> {
    let text = token.text.to_owned();
    let wrong = || (token.position, format!("illegal number syntax: {:?}", token.text));
    if token.kind == Kind::Char {
        let inner = unquote(token.text).ok_or_else(wrong)?;
        let mut chars = inner.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            return Err((token.position, format!("malformed character constant: {text}")));
        };
        return Ok(ExprKind::Int { value: i64::from(u32::from(c)), text });
    }
    if let Some(value) = integer(token.text) {
        return Ok(ExprKind::Int { value, text });
    }
    let value: f64 = token.text.replace('_', "").parse().map_err(|_| wrong())?;
    let is_number = token.text.contains(|c: char| c.is_ascii_digit());
    if !is_number || !token.text.contains(['.', 'e', 'E']) || value.is_infinite() {
        return Err((token.position, format!("integer overflow: {:?}", token.text)));
    }
    Ok(ExprKind::Float { value, text })
}

/// Reads an integer as Go writes it: decimal, `0x`, `0o`, `0`, `0b`, with `_` between digits.
fn integer(text: &str) -> Option<i64> {
    let clean = text.replace('_', "").to_ascii_lowercase();
    let (negative, digits) = match clean.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, base).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}
