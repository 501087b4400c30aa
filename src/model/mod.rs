//! The nouns of the house: time, labels, samples, resources, logs, spans and their batches.
//!
//! In: nothing but `base`. Out: plain values that every room above passes around.
//! Deliberately absent: bytes of any protocol, storage, evaluation.

pub mod time;
pub mod labels;
pub mod pattern;
pub mod matcher;
pub mod sample;
pub mod stale;
pub mod histogram;
pub mod bounds;
pub mod exemplar;
pub mod alert;
pub mod delivery;
pub mod silence;
pub mod resource;
pub mod log;
pub mod trace;
pub mod batch;
pub mod reject;
pub mod receipt;
pub mod cut;
pub mod series;
pub mod store;
pub mod answer;
pub mod cost;
pub mod log_filter;
pub mod log_query;
pub mod trace_query;
pub mod aggregation;
