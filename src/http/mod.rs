//! The server kit: what every front door needs around its routes.
//!
//! In: a bound listener and an `axum::Router`. Out: the same routes behind limits, guards,
//! authentication and counters; bodies within caps; plain-text errors. Requests pass, from the
//! outside in: connection limits ([`listener`]), duplicate slashes ([`path`]), counting
//! ([`observe`]), gzip for answers, panics ([`panic`]), Host and Origin ([`guard`]), credentials ([`auth`]), and
//! then the door. Deliberately absent: routes, protocols' own error forms, who may do what
//! (`access`).

pub mod front;
pub mod listener;
mod activity;
pub mod path;
pub mod observe;
mod compress;
pub mod panic;
pub mod guard;
pub mod auth;
pub mod body;
pub mod error;
