//! Languages over the ports.
