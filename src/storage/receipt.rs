//! Receipts; see `model::receipt`.

pub use crate::model::receipt::*;
pub use crate::model::reject::RejectReason;
