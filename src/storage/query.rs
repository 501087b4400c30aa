//! Cut lists; see `model::cut`.

pub use crate::model::cut::*;
