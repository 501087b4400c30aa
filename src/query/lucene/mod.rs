//! Lucene's query text, as people type it into a log search, becomes a filter tree.
//!
//! In: `level:error AND "quota exceeded" -host:web*`. Out: a [`LogFilter`].
//! Deliberately absent: scoring (boosts are read and dropped) and fuzziness (refused by name).

mod lexer;
mod parser;

use crate::model::log_filter::{LogField, LogFilter};

/// How a query text is read.
#[derive(Clone, Copy)]
pub struct LuceneOptions<'a> {
    /// Whether clauses without an operator between them must all hold.
    pub default_and: bool,
    /// Maps a field's name, as the caller's door spells it, to the field.
    pub resolve: &'a dyn Fn(&str) -> LogField,
}

/// Reads a query text; blank text and `*` mean every record.
///
/// # Errors
/// A text that says what is wrong and at which character.
pub fn parse(text: &str, options: LuceneOptions<'_>) -> Result<LogFilter, String> {
    parser::Parser::new(text, options)?.parse()
}
