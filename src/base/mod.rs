//! What any server needs, with no word of observability in it.
//!
//! In: nothing. Out: time, tasks, errors, sizes, secrets, decompression, YAML, templates.
//! Deliberately absent: metrics, logs, traces, HTTP, configuration files.

pub mod backoff;
pub mod clock;
pub mod decompress;
pub mod duration;
pub mod error;
pub mod gate;
pub mod gotemplate;
pub mod hashed;
pub mod secret;
pub mod shutdown;
pub mod size;
pub mod task;
pub mod unquote;
pub mod yaml;
