//! Filters; see `model::log_filter`.

pub use crate::model::log_filter::*;
