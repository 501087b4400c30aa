//! Wiring and lifecycle.
