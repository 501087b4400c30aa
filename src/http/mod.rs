//! The server kit: listeners, bodies, guards, errors.
