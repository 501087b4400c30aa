//! PromQL of Prometheus 3.14: reading queries, and answering them from a [`MetricStore`].
//!
//! In: query text with an instant, or a range and a step. Out: an [`Answer`] with its warnings and
//! infos, each with the place it speaks of.
//!
//! It knows no protocol, no permission and no wall clock: evaluation times are parameters.
//!
//! [`MetricStore`]: crate::storage::metric_store::MetricStore
//! [`Answer`]: crate::model::answer::Answer

pub mod position;
mod token;
mod lexer;
pub mod value_type;
pub mod signature;
pub mod ast;
mod parser;
mod types;
mod counts;
mod invariant;
mod printer;
mod pretty;
mod tree;
mod histogram;
mod engine;
mod results;

pub use crate::query::promql::ast::Expr;
pub use crate::query::promql::engine::{Engine, EngineOptions, QueryRoom};
pub use crate::query::promql::parser::{parse, parse_selector};
pub use crate::query::promql::position::ParseError;
pub use crate::query::promql::results::{RangeResults, ResultOptions};
