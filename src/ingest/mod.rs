//! The one door in: every batch passes here before it reaches a store.
