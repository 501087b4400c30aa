//! The ports: what the house needs from a store, as written contracts.
//!
//! In: batches and queries made of `model` values. Out: receipts, bounded cursors, rows.
//! Every port comes with an in-memory implementation (`memory`) and one suite (`conformance`)
//! that each implementation passes. Deliberately absent: files, query languages, protocols.
//!
//! Rules for every port:
//! * a write returns after it is durable *and* visible to the next query;
//! * partial acceptance is a [`receipt::Receipt`], not an error; an error means nothing was written
//!   (or that it is unknown whether it was, for [`crate::base::error::ErrorKind::Unavailable`]);
//! * dropping a future cancels a query at its next block; a dropped write may still happen;
//! * what a limit cut off is said in the answer ([`query::Cut`]).

pub mod changes;
pub mod conformance;
pub mod lifecycle;
pub mod log_eval;
pub mod log_fields;
pub mod log_filter;
pub mod log_store;
pub mod memory;
pub mod metric_store;
pub mod hours;
pub mod query;
pub mod receipt;
pub mod state_store;
pub mod trace_store;
pub mod trace_rows;
