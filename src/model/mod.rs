//! The nouns of the house: time, labels, samples, resources, logs, spans and their batches.
//!
//! In: nothing but `base`. Out: plain values that every room above passes around.
//! Deliberately absent: bytes of any protocol, storage, evaluation.

pub mod batch;
pub mod exemplar;
pub mod histogram;
pub mod labels;
pub mod log;
pub mod matcher;
pub mod reject;
pub mod resource;
pub mod sample;
pub mod time;
pub mod trace;
