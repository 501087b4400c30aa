//! Use cases as plain data, the same for every front door.
