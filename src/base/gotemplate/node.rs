//! The tree of a parsed template, and its text as Go writes it in errors.

use std::fmt;
use std::sync::Arc;

/// A named template.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// The name of the text that was parsed, for errors.
    pub(crate) parsed_as: Arc<str>,
    /// The text that was parsed, for the places of errors.
    pub(crate) text: Arc<str>,
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    /// Whether it consists of spaces only: such a definition does not replace another.
    pub(crate) fn is_blank(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template { position: usize, name: String, argument: Option<Pipe> },
    Break,
    Continue,
}

/// What `if`, `range` and `with` have.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each of which gets the value of the one before as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    /// Names of variables that get the value, `$` included.
    pub(crate) variables: Vec<String>,
    /// Whether the variables exist already.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// An operand, or a function or method with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) words: Vec<Expr>,
}

/// An operand.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) position: usize,
    pub(crate) kind: ExprKind,
}

/// What an operand is.
#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Int {
        value: i64,
        text: String,
    },
    Float {
        value: f64,
        text: String,
    },
    String {
        value: String,
        quoted: String,
    },
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A.B`
    Variable {
        name: String,
        fields: Vec<String>,
    },
    /// A function.
    Identifier(String),
    /// `(…).A.B`
    Chain {
        of: Box<Expr>,
        fields: Vec<String>,
    },
    Pipe(Box<Pipe>),
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Dot => f.write_str("."),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(value) => write!(f, "{value}"),
            ExprKind::Int { text, .. } | ExprKind::Float { text, .. } => f.write_str(text),
            ExprKind::String { quoted, .. } => f.write_str(quoted),
            ExprKind::Field(fields) => write_fields(f, fields),
            ExprKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            ExprKind::Identifier(name) => f.write_str(name),
            ExprKind::Chain { of, fields } => {
                write!(f, "{of}")?;
                write_fields(f, fields)
            }
            ExprKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{word}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            let bar = if index == 0 { "" } else { " | " };
            write!(f, "{bar}{command}")?;
        }
        Ok(())
    }
}
