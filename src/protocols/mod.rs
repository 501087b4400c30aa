//! The doors of foreign protocols, strangers to each other.
