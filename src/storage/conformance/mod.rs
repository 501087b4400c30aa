//! One suite a port. An implementation calls it from its own tests with a way to make an empty
//! store, and passes it whole.
