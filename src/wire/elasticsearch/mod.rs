//! Elasticsearch's JSON, bytes to model and back.
//!
//! In: bulk bodies, documents, search bodies. Out: log records, filter trees, aggregations, and
//! `_source` documents. Deliberately absent: routes and status codes (`protocols::elasticsearch`),
//! scripts, scoring: what cannot be told exactly is an error that names it.

pub mod fields;
pub mod document;
pub mod source;
pub mod bulk;
pub mod dsl;
pub mod aggs;
pub mod search;
