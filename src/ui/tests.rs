//! The pages over memory stores, as a browser without scripts sees them.

mod pages;
mod traces;
