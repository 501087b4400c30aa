//! The doors of foreign protocols, strangers to each other.
//!
//! In: HTTP and gRPC requests as real clients send them. Out: the answers those clients expect, in
//! their protocol's own form, errors included. Deliberately absent: decoding (`wire`), what may be
//! written (`ingest`), what may be asked (`service`), Host, Origin and credentials (`http`).
//!
//! Every room looks alike:
//! * `mod.rs`: `routes(state) -> axum::Router` at the protocol's native root paths, and the state:
//!   services, ingest, limits, all by value and cheap to clone;
//! * handlers take the [`crate::access::Caller`] as an argument; doors in start with
//!   `caller.require(Scope::Ingest)`, doors out pass the caller to a service, which asks for
//!   `Scope::Read`;
//! * bodies come through [`crate::http::body`] only, in the order cap, parse, check, use;
//! * `params.rs` reads parameters, `response.rs` writes answers;
//! * `error.rs` turns an `ErrorKind` into the protocol's status and form: the only such place.

pub mod otlp;
pub mod elasticsearch;
pub mod prometheus;
pub mod jaeger;
pub mod alertmanager;
