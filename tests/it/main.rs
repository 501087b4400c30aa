//! Tests that need more than one room, in one binary so that they link once.

mod promql;
