//! Named templates that know each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::gotemplate::error::TemplateError;
use crate::base::gotemplate::exec::{self, Escape, Functions, Job, RenderLimits};
use crate::base::gotemplate::node::Tree;
use crate::base::gotemplate::parser;
use crate::base::gotemplate::value::Value;

/// The longest text of a template, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// Templates that may use each other by name. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Set {
    trees: BTreeMap<String, Arc<Tree>>,
    limits: RenderLimits,
}

impl Set {
    /// Creates a set without templates.
    pub fn new() -> Self {
        Set::default()
    }

    /// Bounds what one rendering may use up.
    #[must_use]
    pub fn with_limits(mut self, limits: RenderLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds the template `name` and those that `text` defines. They replace what had their names,
    /// unless they are blank.
    ///
    /// # Errors
    /// Go's words for a text that does not parse or calls a function that neither Go nor
    /// `functions` has; nothing was added then.
    pub fn parse(
        &mut self,
        name: &str,
        text: &str,
        functions: &dyn Functions,
    ) -> Result<(), TemplateError> {
        if text.len() > MAX_TEXT {
            let why = format!("template: {name}:1: longer than {MAX_TEXT} bytes");
            return Err(TemplateError::new(why));
        }
        for (name, tree) in parser::parse(name, text, functions)? {
            if !tree.is_blank() || !self.trees.contains_key(&name) {
                self.trees.insert(name, Arc::new(tree));
            }
        }
        Ok(())
    }

    /// Returns whether there is a template of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.trees.contains_key(name)
    }

    /// Renders the template `name`.
    ///
    /// # Errors
    /// Go's words with the place: what is missing or of a wrong type, what a function refused,
    /// and what passed a limit.
    pub fn render(
        &self,
        name: &str,
        data: &Value,
        functions: &dyn Functions,
        escape: Escape,
    ) -> Result<String, TemplateError> {
        let job = Job { trees: &self.trees, functions, escape, limits: self.limits };
        exec::render(&job, name, data)
    }

    /// Renders a text that may use the templates of this set, under the name `name`.
    ///
    /// # Errors
    /// Those of [`Set::parse`] and [`Set::render`].
    pub fn render_text(
        &self,
        name: &str,
        text: &str,
        data: &Value,
        functions: &dyn Functions,
        escape: Escape,
    ) -> Result<String, TemplateError> {
        let mut set = self.clone();
        set.trees.remove(name);
        set.parse(name, text, functions)?;
        set.render(name, data, functions, escape)
    }
}

/// One template with those it defines itself.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    set: Set,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Those of [`Set::parse`].
    pub fn parse(name: &str, text: &str, functions: &dyn Functions) -> Result<Self, TemplateError> {
        let mut set = Set::new();
        set.parse(name, text, functions)?;
        Ok(Template { name: name.to_owned(), set })
    }

    /// Renders the template as plain text.
    ///
    /// # Errors
    /// Those of [`Set::render`].
    pub fn render(&self, data: &Value, functions: &dyn Functions) -> Result<String, TemplateError> {
        self.set.render(&self.name, data, functions, Escape::Text)
    }
}
