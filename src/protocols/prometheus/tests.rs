//! The door as its clients see it, in front of stores in memory.

mod door;
mod api;
mod write;
mod rules;
mod federate;
mod read;
mod admin;
