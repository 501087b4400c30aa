//! What the appliance says of itself: the names of its metrics and the way its events are written.
//!
//! In: calls from every room. Out: OpenTelemetry instruments, `tracing` events.
//! Deliberately absent: where they are stored (`collect::own` brings them to the stores).
