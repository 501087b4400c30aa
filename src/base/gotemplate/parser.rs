//! Tokens to trees, with the checks and the words of Go's `text/template/parse`.

mod operand;

use std::sync::Arc;

use crate::base::gotemplate::builtins;
use crate::base::gotemplate::error::TemplateError;
use crate::base::gotemplate::exec::Functions;
use crate::base::gotemplate::lexer::{Kind, Token, tokens};
use crate::base::gotemplate::node::{Branch, Node, Pipe, Tree};

/// The deepest nesting of blocks and parentheses.
const MAX_DEPTH: usize = 60;

/// Parses `text`; returns the template of that name first, then those it defines.
pub(crate) fn parse(
    name: &str,
    text: &str,
    functions: &dyn Functions,
) -> Result<Vec<(String, Tree)>, TemplateError> {
    let fault = |(position, why): (usize, String)| TemplateError::parse(name, text, position, &why);
    let tokens = tokens(text).map_err(fault)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        functions,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        defined: Vec::new(),
    };
    let nodes = parser.whole().map_err(fault)?;
    let (parsed_as, text): (Arc<str>, Arc<str>) = (Arc::from(name), Arc::from(text));
    let tree = |nodes| Tree { parsed_as: Arc::clone(&parsed_as), text: Arc::clone(&text), nodes };
    let defined = parser.defined.into_iter().map(|(name, nodes)| (name, tree(nodes)));
    Ok([(name.to_owned(), tree(nodes))].into_iter().chain(defined).collect())
}

type Parsed<T> = Result<T, (usize, String)>;

/// What ended a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    End,
    Else,
    Eof,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    functions: &'a dyn Functions,
    variables: Vec<String>,
    /// How many `range` are open.
    ranges: usize,
    depth: usize,
    defined: Vec<(String, Vec<Node>)>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &Token<'a> {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.at += usize::from(token.kind != Kind::Eof);
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn next_word(&mut self) -> Token<'a> {
        self.skip_space();
        self.next()
    }

    fn fail<T>(&self, why: impl Into<String>) -> Parsed<T> {
        let position =
            self.tokens[self.at.min(self.tokens.len()) - usize::from(self.at > 0)].position;
        Err((position, why.into()))
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        let shown = match token.kind {
            Kind::Eof => "EOF".to_owned(),
            kind if kind.is_keyword() => format!("<{}>", token.text),
            _ if token.text.chars().count() > 10 => {
                let start: String = token.text.chars().take(10).collect();
                format!("{start:?}...")
            }
            _ => format!("{:?}", token.text),
        };
        Err((token.position, format!("unexpected {shown} in {context}")))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.fail("the template is nested too deeply");
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn whole(&mut self) -> Parsed<Vec<Node>> {
        let (nodes, stop) = self.list()?;
        match stop {
            Stop::Eof => Ok(nodes),
            Stop::End => self.fail("unexpected {{end}}"),
            Stop::Else => self.fail("unexpected {{else}}"),
        }
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Text => nodes.push(Node::Text(token.text.to_owned())),
                Kind::LeftDelim => match self.action()? {
                    Ok(node) => nodes.extend(node),
                    Err(stop) => return Ok((nodes, stop)),
                },
                Kind::Eof => return Ok((nodes, Stop::Eof)),
                _ => return self.unexpected(&token, "input"),
            }
        }
    }

    /// Reads an action behind its `{{`; a definition leaves no node.
    fn action(&mut self) -> Parsed<Result<Option<Node>, Stop>> {
        self.skip_space();
        let start = self.at;
        let token = self.next();
        let node = match token.kind {
            Kind::Block => self.block(token.position)?,
            Kind::Break | Kind::Continue => self.jump(&token)?,
            Kind::Define => {
                if self.depth > 0 {
                    return self.unexpected(&token, "command");
                }
                self.define()?;
                return Ok(Ok(None));
            }
            Kind::Else => {
                // `else if` and `else with` leave their word to the control they belong to.
                self.skip_space();
                if !matches!(self.peek().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(Stop::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(Stop::End));
            }
            Kind::If => Node::If(self.control("if", Some(Kind::If))?),
            Kind::With => Node::With(self.control("with", Some(Kind::With))?),
            Kind::Range => Node::Range(self.control("range", None)?),
            Kind::Template => self.template(token.position)?,
            _ => {
                self.at = start;
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Ok(Some(node)))
    }

    fn jump(&mut self, token: &Token<'_>) -> Parsed<Node> {
        let next = self.next_word();
        if next.kind != Kind::RightDelim {
            return self.unexpected(&next, &format!("{{{{{}}}}}", token.text));
        }
        if self.ranges == 0 {
            return Err((token.position, format!("{{{{{}}}}} outside {{{{range}}}}", token.text)));
        }
        Ok(if token.kind == Kind::Break { Node::Break } else { Node::Continue })
    }

    fn control(&mut self, context: &str, chained: Option<Kind>) -> Parsed<Branch> {
        let known = self.variables.len();
        let branch = self.deeper(|parser| {
            let pipe = parser.pipeline(context, Kind::RightDelim)?;
            let in_range = context == "range";
            parser.ranges += usize::from(in_range);
            let list = parser.list();
            parser.ranges -= usize::from(in_range);
            let (then, stop) = list?;
            let otherwise = match stop {
                Stop::End => Vec::new(),
                Stop::Else => parser.otherwise(context, chained)?,
                Stop::Eof => return parser.fail("unexpected EOF"),
            };
            Ok(Branch { pipe, then, otherwise })
        });
        self.variables.truncate(known);
        branch
    }

    fn otherwise(&mut self, context: &str, chained: Option<Kind>) -> Parsed<Vec<Node>> {
        let token = self.peek().clone();
        match token.kind {
            // `{{else if b}}` shares the `{{end}}` of the outer control.
            Kind::If | Kind::With if self.at > 0 && self.previous_is_else() => {
                if chained != Some(token.kind) {
                    return self.unexpected(&token, "else");
                }
                self.next();
                let branch = self.control(context, chained)?;
                Ok(vec![if token.kind == Kind::If { Node::If(branch) } else { Node::With(branch) }])
            }
            _ => match self.list()? {
                (nodes, Stop::End) => Ok(nodes),
                (_, Stop::Else) => self.fail("expected end; found {{else}}"),
                (_, Stop::Eof) => self.fail("unexpected EOF"),
            },
        }
    }

    fn previous_is_else(&self) -> bool {
        let before = self.tokens[..self.at].iter().rev().find(|token| token.kind != Kind::Space);
        before.is_some_and(|token| token.kind == Kind::Else)
    }

    fn name(&mut self, context: &str) -> Parsed<String> {
        let token = self.next_word();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(&token, context);
        }
        operand::text(&token)
    }

    fn template(&mut self, position: usize) -> Parsed<Node> {
        let name = self.name("template clause")?;
        self.skip_space();
        if self.peek().kind == Kind::RightDelim {
            self.next();
            return Ok(Node::Template { position, name, argument: None });
        }
        let argument = self.pipeline("template clause", Kind::RightDelim)?;
        Ok(Node::Template { position, name, argument: Some(argument) })
    }

    fn define(&mut self) -> Parsed<()> {
        let name = self.name("define clause")?;
        self.expect(Kind::RightDelim, "define clause")?;
        self.body(name, "define clause")
    }

    fn block(&mut self, position: usize) -> Parsed<Node> {
        let name = self.name("block clause")?;
        let argument = self.pipeline("block clause", Kind::RightDelim)?;
        self.body(name.clone(), "block clause")?;
        Ok(Node::Template { position, name, argument: Some(argument) })
    }

    /// Reads the body of a definition, which sees no variable and no loop around it.
    fn body(&mut self, name: String, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, stop) = self.deeper(Parser::list)?;
        (self.variables, self.ranges) = (variables, ranges);
        match stop {
            Stop::End => self.defined.push((name, nodes)),
            Stop::Else => return self.fail(format!("unexpected {{{{else}}}} in {context}")),
            Stop::Eof => return self.fail("unexpected EOF"),
        }
        Ok(())
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        self.deeper(|parser| parser.pipeline_within(context, end))
    }

    fn knows_function(&self, name: &str) -> bool {
        self.functions.knows(name) || builtins::is_builtin(name)
    }
}
