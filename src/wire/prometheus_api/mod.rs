//! The texts of Prometheus' HTTP API: JSON of labels, points and histograms, numbers, instants and
//! lengths of time, forms, and the words for errors.

pub(crate) mod json;
pub(crate) mod number;
mod buckets;
pub(crate) mod text;
pub(crate) mod error_type;
