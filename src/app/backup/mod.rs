//! Backups of the whole appliance: all three signals and the state, while it runs.
//!
//! In: the open stores and an empty or earlier backup's directory. Out: that directory with one more
//! complete backup, and from it a data directory again. Every store copies what was acknowledged
//! when the backup began; what is written meanwhile may be in it or not. Deliberately absent: how a
//! store copies itself (`engines`).
//!
//! ```text
//! manifest.json       what the newest complete backup consists of; written last, replaced whole
//! objects/ab/abcd…    the files, named by their SHA-256
//! ```
//! A file that is there already is not copied again, so that a backup into the same directory costs
//! only what changed, one that was broken off goes on, and the backup before it stays whole until
//! the new one is.

mod manifest;
mod files;
mod write;
mod restore;
mod route;

pub(crate) use restore::UNFINISHED;
pub use restore::{RestoreStep, restore};
pub(crate) use route::routes;
pub(crate) use write::Backups;
