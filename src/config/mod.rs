//! From `belvedere.yaml` to the checked configuration of every room.
