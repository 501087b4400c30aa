//! Computes pipelines, commands and operands.

use crate::base::gotemplate::builtins;
use crate::base::gotemplate::exec::{Done, Run};
use crate::base::gotemplate::node::{Command, Expr, ExprKind, Pipe};
use crate::base::gotemplate::time;
use crate::base::gotemplate::value::Value;

impl<'a> Run<'a> {
    /// Computes a pipeline and sets its variables, except those of a range, which sets them itself.
    pub(super) fn pipe(&mut self, pipe: &'a Pipe, dot: &Value) -> Done<Value> {
        self.step()?;
        self.deeper(|run| {
            let mut value = None;
            for command in &pipe.commands {
                value = Some(run.command(command, dot, value)?);
            }
            let value = value.unwrap_or_default();
            for name in &pipe.variables {
                run.set_variable(name, value.clone(), pipe.assigns);
            }
            Ok(value)
        })
    }

    fn command(&mut self, command: &'a Command, dot: &Value, last: Option<Value>) -> Done<Value> {
        let Some((first, arguments)) = command.words.split_first() else {
            return Ok(Value::Nil);
        };
        let call = Call { command, arguments, last };
        match &first.kind {
            ExprKind::Field(fields) => self.fields(dot.clone(), fields, first, dot, call),
            ExprKind::Variable { name, fields } if !fields.is_empty() => {
                let value = self.variable(name, first)?;
                self.fields(value, fields, first, dot, call)
            }
            ExprKind::Chain { of, fields } => {
                if matches!(of.kind, ExprKind::Nil) {
                    let why = format!("indirection through explicit nil in {first}");
                    return Err(self.fail(first.position, first, &why));
                }
                let value = self.operand(of, dot)?;
                self.fields(value, fields, first, dot, call)
            }
            ExprKind::Identifier(name) => self.function(name, dot, call),
            ExprKind::Nil => Err(self.fail(first.position, first, "nil is not a command")),
            ExprKind::Dot
            | ExprKind::Bool(_)
            | ExprKind::Int { .. }
            | ExprKind::Float { .. }
            | ExprKind::String { .. }
            | ExprKind::Variable { .. }
            | ExprKind::Pipe(_) => {
                if !arguments.is_empty() || call.last.is_some() {
                    let why = format!("can't give argument to non-function {first}");
                    return Err(self.fail(first.position, first, &why));
                }
                self.operand(first, dot)
            }
        }
    }

    /// Computes an operand that gets no arguments.
    fn operand(&mut self, word: &'a Expr, dot: &Value) -> Done<Value> {
        match &word.kind {
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Nil => Ok(Value::Nil),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::Int { value, .. } => Ok(Value::Int(*value)),
            ExprKind::Float { value, .. } => Ok(Value::Float(*value)),
            ExprKind::String { value, .. } => Ok(Value::text(value)),
            ExprKind::Field(fields) => self.plain_fields(dot.clone(), fields, word),
            ExprKind::Variable { name, fields } => {
                let value = self.variable(name, word)?;
                self.plain_fields(value, fields, word)
            }
            ExprKind::Chain { of, fields } => {
                let value = self.operand(of, dot)?;
                self.plain_fields(value, fields, word)
            }
            ExprKind::Pipe(pipe) => self.pipe(pipe, dot),
            ExprKind::Identifier(name) => {
                let words = vec![word.clone()];
                let command = Command { position: word.position, words };
                self.invoke(name, &[], &command)
            }
        }
    }

    fn variable(&self, name: &str, word: &Expr) -> Done<Value> {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        let undefined = || self.fail(word.position, word, &format!("undefined variable: {name}"));
        found.map(|(_, value)| value.clone()).ok_or_else(undefined)
    }

    fn plain_fields(&self, of: Value, fields: &[String], word: &Expr) -> Done<Value> {
        fields.iter().try_fold(of, |value, name| self.field(&value, name, &[], word))
    }

    /// Computes a chain of fields whose last one gets the arguments.
    fn fields(
        &mut self,
        of: Value,
        fields: &'a [String],
        word: &'a Expr,
        dot: &Value,
        call: Call<'a>,
    ) -> Done<Value> {
        let Some((name, before)) = fields.split_last() else { return Ok(of) };
        let value = self.plain_fields(of, before, word)?;
        let arguments = self.arguments(call, dot)?;
        self.field(&value, name, &arguments, word)
    }

    fn field(&self, of: &Value, name: &str, arguments: &[Value], word: &Expr) -> Done<Value> {
        let fail = |why: String| self.fail(word.position, word, &why);
        match of {
            Value::Object(object) => {
                if let Some(member) = object.member(name, arguments) {
                    return member.map_err(|why| fail(format!("error calling {name}: {why}")));
                }
                match object.underlying() {
                    Value::Map(_) => self.field(&object.underlying(), name, arguments, word),
                    _ => Err(fail(no_field(of, name))),
                }
            }
            Value::Map(_) if !arguments.is_empty() => {
                Err(fail(format!("{name} is not a method but has arguments")))
            }
            // A missing key is the empty text, as with `missingkey=zero`.
            Value::Map(entries) => Ok(entries.get(name).cloned().unwrap_or_else(|| "".into())),
            Value::Time(at) => {
                let called = time::method(at, name, arguments);
                called.unwrap_or_else(|| Err(no_field(of, name))).map_err(fail)
            }
            Value::Duration(ns) => {
                let called = time::duration_method(*ns, name, arguments);
                called.unwrap_or_else(|| Err(no_field(of, name))).map_err(fail)
            }
            Value::Nil => Err(fail(format!("nil pointer evaluating interface {{}}.{name}"))),
            _ => Err(fail(no_field(of, name))),
        }
    }

    fn arguments(&mut self, call: Call<'a>, dot: &Value) -> Done<Vec<Value>> {
        let mut values = Vec::with_capacity(call.arguments.len() + 1);
        for word in call.arguments {
            values.push(self.operand(word, dot)?);
        }
        values.extend(call.last);
        Ok(values)
    }

    fn function(&mut self, name: &'a str, dot: &Value, call: Call<'a>) -> Done<Value> {
        let command = call.command;
        if matches!(name, "and" | "or") && !self.job.functions.knows(name) {
            return self.shortcut(name, dot, call);
        }
        let arguments = self.arguments(call, dot)?;
        self.invoke(name, &arguments, command)
    }

    /// Computes `and` and `or`, which stop at the argument that decides.
    fn shortcut(&mut self, name: &str, dot: &Value, call: Call<'a>) -> Done<Value> {
        let decides = name == "or";
        let mut value = None;
        for word in call.arguments {
            let next = self.operand(word, dot)?;
            if next.truth() == decides {
                return Ok(next);
            }
            value = Some(next);
        }
        let few = || {
            let why = format!("wrong number of args for {name}: want at least 1 got 0");
            self.fail(call.command.position, call.command, &why)
        };
        call.last.or(value).ok_or_else(few)
    }

    fn invoke(&self, name: &str, arguments: &[Value], command: &Command) -> Done<Value> {
        let limit = self.job.limits.output_bytes;
        let called = if self.job.functions.knows(name) {
            self.job.functions.call(name, arguments)
        } else {
            builtins::call(name, arguments, limit)
        };
        let value = called.map_err(|why| {
            let why = if why.starts_with(builtins::WRONG_COUNT) {
                why
            } else {
                format!("error calling {name}: {why}")
            };
            self.fail(command.position, command, &why)
        })?;
        if value.as_text().is_some_and(|text| text.len() > limit) {
            return Err(self.too_long());
        }
        Ok(value)
    }
}

/// A function or method call: the command, its arguments, and the value of the command before.
struct Call<'a> {
    command: &'a Command,
    arguments: &'a [Expr],
    last: Option<Value>,
}

fn no_field(of: &Value, name: &str) -> String {
    format!("can't evaluate field {name} in type {}", of.type_name())
}
