//! What the page of logs asks.

pub(crate) mod fields;
pub(crate) mod histogram;
pub(crate) mod row;
pub(crate) mod search;
pub(crate) mod tail;
