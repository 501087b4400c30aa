//! Go's template language, which rules, notifications and their users' files are written in.
//!
//! In: texts with `{{actions}}`, values, functions. Out: text, plain or HTML, or Go's own words for
//! what is wrong and where. Everything is bounded: the size of texts, the steps, the depth.
//!
//! It is `text/template` as of Go 1.24 with `missingkey=zero` for maps of texts. [`Escape::Html`]
//! is simpler than `html/template`: see its file. Deliberately absent: the function `call`, complex
//! numbers, and channels and functions as values.

mod error;
mod lexer;
mod node;
mod parser;
mod value;
mod number;
mod time;
mod printf;
mod html;
mod builtins;
mod exec;
mod set;
mod strings;

pub use error::TemplateError;
pub use exec::{Escape, Functions, NoFunctions, RenderLimits};
pub use html::escape_html;
pub use number::format_float;
pub use printf::quote;
pub use set::{Set, Template};
pub use strings::{SHARED, as_float, call_shared, text_of, wrong_count};
pub use time::format_time;
pub use value::{Object, Record, Value};

#[cfg(test)]
mod tests;
