//! Belvedere: an MCP server for Make.com and the observability stack around it, in one process.
//!
//! # Rooms, in layer order
//! Each may import only the rooms named on its line; `tests/tidy.rs` holds the walls.
//! ```text
//! base        what any server needs, no observability word
//! telemetry   what the appliance says of itself                     <- base
//! model       the nouns                                             <- base
//! wire        pure codecs, bytes to model and back                  <- base model
//! storage     ports, memory stores, conformance suites              <- base telemetry model
//! engines     the ports' implementations: metrics logs traces state <- base telemetry model storage wire
//! query       languages over the ports                              <- base telemetry model storage
//! ingest      the one door in                                       <- base telemetry model storage
//! collect     scrape, host, own                                     <- base telemetry model wire ingest
//! demo        a simulated shop and its Make.com account             <- base telemetry model ingest
//! rules       recording and alerting rules                          <- base telemetry model storage query ingest
//! make        the Make.com client                                   <- base telemetry model
//! access      tokens and scopes                                     <- base telemetry storage
//! alerting    from alert to message                                 <- base telemetry model storage
//! service     use cases as plain data                               <- all above but engines and wire
//! http        server kit                                            <- base telemetry access
//! protocols   doors of foreign protocols                            <- base telemetry model wire ingest access service http
//! mcp         MCP tools                                             <- base telemetry model access service http
//! api         our own JSON API                                          <- base telemetry model wire access service http
//! ui          pages, embedded browser files                         <- base telemetry model access service http
//! config      raw -> checked configuration                          <- all above
//! app         wiring and lifecycle                                  <- all above
//! cli         the subcommands                                       <- base model wire service http config app
//! ```
//!
//! # The way in
//! bytes → `http::body` (cap, inflate) → `protocols/x` → `wire/x` (bytes → batch and rejects) →
//! `ingest` (admit, normalise) → store port → `Receipt`, after the commit → `protocols/x` answer.
//!
//! # The way out
//! request → `protocols | api | mcp | ui | cli` → `service` (permission, limits) → `query` → store port →
//! model values → `wire/x` or the door's own encoder.
//!
//! # Invariants
//! * Only the log acknowledges. Engines' files are derived state with a stored LSN.
//! * A write is acknowledged when it is durable *and* visible.
//! * Time is passed in; tasks are spawned only through [`base::task::TaskGroup`].
//! * Adapters know neither each other nor storage.

pub mod base;
pub mod telemetry;
pub mod model;
pub mod wire;
pub mod storage;
pub mod engines;
pub mod query;
pub mod ingest;
pub mod collect;
pub mod demo;
pub mod rules;
pub mod make;
pub mod access;
pub mod alerting;
pub mod service;
pub mod http;
pub mod protocols;
pub mod mcp;
pub mod api;
pub mod ui;
pub mod config;
pub mod app;
pub mod cli;
