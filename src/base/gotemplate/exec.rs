//! Renders trees.

mod eval;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::gotemplate::error::{Place, TemplateError};
use crate::base::gotemplate::html::HtmlWriter;
use crate::base::gotemplate::node::{Branch, Node, Pipe, Tree};
use crate::base::gotemplate::value::Value;

/// Functions that templates may call, besides Go's own.
pub trait Functions {
    /// Returns whether there is a function of this name; templates that name others do not parse.
    fn knows(&self, name: &str) -> bool;

    /// Calls a function.
    ///
    /// # Errors
    /// A text for people; rendering ends with it.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String>;
}

/// No functions but Go's own.
pub struct NoFunctions;

impl Functions for NoFunctions {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Err(format!("{name:?} is not a defined function"))
    }
}

/// How texts that are put in are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escape {
    /// They are written as they are.
    #[default]
    Text,
    /// The template is HTML: they are escaped for where they stand.
    Html,
}

/// What one rendering may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderLimits {
    /// Bytes of the output and of every text on the way.
    pub output_bytes: usize,
    /// Actions that are run and items that are walked.
    pub steps: usize,
    /// Blocks, parentheses and templates that are open at one time.
    pub depth: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        RenderLimits { output_bytes: 1 << 20, steps: 1_000_000, depth: 150 }
    }
}

/// What is rendered.
pub(crate) struct Job<'a> {
    pub(crate) trees: &'a BTreeMap<String, Arc<Tree>>,
    pub(crate) functions: &'a dyn Functions,
    pub(crate) escape: Escape,
    pub(crate) limits: RenderLimits,
}

/// Renders the template `name`.
pub(crate) fn render(job: &Job<'_>, name: &str, data: &Value) -> Result<String, TemplateError> {
    let Some(tree) = job.trees.get(name) else {
        let why = format!("template: no template {name:?} associated with this set");
        return Err(TemplateError::new(why));
    };
    let mut run = Run {
        job,
        name,
        tree,
        variables: vec![("$".to_owned(), data.clone())],
        out: Output { text: String::new(), html: HtmlWriter::default() },
        steps: 0,
        depth: 0,
    };
    run.list(&tree.nodes, data)?;
    Ok(run.out.text)
}

type Done<T> = Result<T, TemplateError>;

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Output {
    text: String,
    html: HtmlWriter,
}

/// One rendering.
struct Run<'a> {
    job: &'a Job<'a>,
    /// The template that is running, and its tree.
    name: &'a str,
    tree: &'a Tree,
    variables: Vec<(String, Value)>,
    out: Output,
    steps: usize,
    depth: usize,
}

impl<'a> Run<'a> {
    /// Builds Go's error of the node at `position` that reads `node`.
    fn fail(&self, position: usize, node: &dyn std::fmt::Display, why: &str) -> TemplateError {
        let Place { line, column } = Place::of(&self.tree.text, position);
        let (parsed_as, name) = (&self.tree.parsed_as, self.name);
        TemplateError::new(format!(
            "template: {parsed_as}:{line}:{column}: executing {name:?} at <{node}>: {why}"
        ))
    }

    fn step(&mut self) -> Done<()> {
        self.steps += 1;
        if self.steps > self.job.limits.steps {
            let why = format!("more than {} steps", self.job.limits.steps);
            return Err(TemplateError::new(format!("template: {}: {why}", self.name)));
        }
        Ok(())
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.depth >= self.job.limits.depth {
            let why = format!("exceeded maximum template depth ({})", self.job.limits.depth);
            return Err(TemplateError::new(format!("template: {}: {why}", self.name)));
        }
        self.depth += 1;
        let done = run(self);
        self.depth -= 1;
        done
    }

    fn list(&mut self, nodes: &'a [Node], dot: &Value) -> Done<Flow> {
        for node in nodes {
            match self.node(node, dot)? {
                Flow::On => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Done<Flow> {
        self.step()?;
        match node {
            Node::Text(text) => {
                if self.job.escape == Escape::Html {
                    self.out.html.follow(text);
                }
                self.write(text)?;
            }
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(pipe, &value)?;
                }
            }
            Node::If(branch) => return self.scoped(|run| run.if_or_with(branch, dot, false)),
            Node::With(branch) => return self.scoped(|run| run.if_or_with(branch, dot, true)),
            Node::Range(branch) => return self.scoped(|run| run.range(branch, dot)),
            Node::Template { position, name, argument } => {
                self.template(*position, name, argument.as_ref(), dot)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    /// Runs with variables of its own, one level deeper.
    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        let known = self.variables.len();
        let done = self.deeper(run);
        self.variables.truncate(known);
        done
    }

    fn write(&mut self, text: &str) -> Done<()> {
        if self.out.text.len() + text.len() > self.job.limits.output_bytes {
            return Err(self.too_long());
        }
        self.out.text.push_str(text);
        Ok(())
    }

    fn too_long(&self) -> TemplateError {
        let limit = self.job.limits.output_bytes;
        TemplateError::new(format!("template: {}: more than {limit} bytes", self.name))
    }

    fn print(&mut self, pipe: &Pipe, value: &Value) -> Done<()> {
        let text = match value {
            Value::Nil => "<no value>".to_owned(),
            other => other.to_string(),
        };
        if self.job.escape == Escape::Text {
            return self.write(&text);
        }
        let is_html = matches!(value, Value::Html(_));
        let escaped = self.out.html.escape(&text, is_html);
        let escaped = escaped.map_err(|why| self.fail(pipe.position, pipe, &why))?;
        self.write(&escaped)
    }

    fn if_or_with(&mut self, branch: &'a Branch, dot: &Value, with: bool) -> Done<Flow> {
        let value = self.pipe(&branch.pipe, dot)?;
        if !value.truth() {
            return self.list(&branch.otherwise, dot);
        }
        self.list(&branch.then, if with { &value } else { dot })
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Done<Flow> {
        let known = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        // The loop sets its variables itself, one item after the other.
        if !branch.pipe.assigns {
            self.variables.truncate(known);
        }
        let mut walked = false;
        let mut index = 0_usize;
        let bare = value.bare();
        loop {
            let next = match &bare {
                Value::List(items) => {
                    items.get(index).map(|item| (Value::Int(index as i64), item.clone()))
                }
                Value::Map(entries) if index == 0 => return self.range_map(branch, entries, dot),
                Value::Int(end) if branch.pipe.variables.len() > 1 => {
                    let why = format!("can't use {end} to iterate over more than one variable");
                    return Err(self.fail(branch.pipe.position, &branch.pipe, &why));
                }
                Value::Int(end) => {
                    let item = index as i64;
                    (item < *end).then_some((Value::Int(item), Value::Int(item)))
                }
                Value::Nil => None,
                other => {
                    let why = format!("range can't iterate over {other}");
                    return Err(self.fail(branch.pipe.position, &branch.pipe, &why));
                }
            };
            let Some((key, item)) = next else { break };
            walked = true;
            index += 1;
            if self.iteration(branch, key, item)? == Flow::Break {
                break;
            }
        }
        if walked { Ok(Flow::On) } else { self.list(&branch.otherwise, dot) }
    }

    fn range_map(
        &mut self,
        branch: &'a Branch,
        entries: &BTreeMap<String, Value>,
        dot: &Value,
    ) -> Done<Flow> {
        if entries.is_empty() {
            return self.list(&branch.otherwise, dot);
        }
        for (key, item) in entries {
            if self.iteration(branch, Value::text(key), item.clone())? == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn iteration(&mut self, branch: &'a Branch, key: Value, item: Value) -> Done<Flow> {
        self.step()?;
        let known = self.variables.len();
        let values = match branch.pipe.variables.len() {
            0 => Vec::new(),
            1 => vec![item.clone()],
            _ => vec![key, item.clone()],
        };
        for (name, value) in branch.pipe.variables.iter().zip(values) {
            self.set_variable(name, value, branch.pipe.assigns);
        }
        let flow = self.list(&branch.then, &item)?;
        self.variables.truncate(known);
        Ok(flow)
    }

    fn set_variable(&mut self, name: &str, value: Value, assigns: bool) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| assigns && known == name);
        match known {
            Some((_, place)) => *place = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn template(
        &mut self,
        position: usize,
        name: &'a str,
        argument: Option<&'a Pipe>,
        dot: &Value,
    ) -> Done<()> {
        let Some(tree) = self.job.trees.get(name) else {
            let node = format!("{{{{template {name:?}}}}}");
            let why = format!("template {name:?} not defined");
            return Err(self.fail(position, &node, &why));
        };
        let data = match argument {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Nil,
        };
        let variables =
            std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let (outer_name, outer_tree) = (self.name, self.tree);
        (self.name, self.tree) = (name, tree);
        self.deeper(|run| run.list(&tree.nodes, &data))?;
        (self.name, self.tree) = (outer_name, outer_tree);
        self.variables = variables;
        Ok(())
    }
}
