//! Who may do what: tokens, scopes, users.
