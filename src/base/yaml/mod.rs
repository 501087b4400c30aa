//! YAML files that people write: read strictly, every fault at once, each with its line and full key.
//!
//! In: a file's text and what `${NAME}` may refer to. Out: [`node::Node`]s that know their line, and
//! [`reader::Section`], which hands out typed values, remembers which keys were asked for, and calls
//! the rest unknown. Deliberately absent: any knowledge of what the keys mean.

pub mod fault;
pub mod node;
pub mod reader;
