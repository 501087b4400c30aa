//! Who may do what: tokens, users, scopes.
//!
//! In: the credentials of a request, the checked `auth` section. Out: a [`Caller`] with scopes, or
//! a refusal. Tokens are kept as SHA-256 digests and compared in constant time; passwords as
//! argon2id hashes whose verification is remembered. Deliberately absent: HTTP (`http::auth` reads
//! the headers), what a scope opens (each use case says which scope it needs).

mod scope;
mod caller;
mod credentials;
mod token;
mod password;
mod authenticator;

pub use authenticator::{AccessRules, Anonymous, Authenticator};
pub use caller::Caller;
pub use credentials::Credentials;
pub use password::{PasswordHash, User};
pub use scope::{Role, Scope, Scopes};
pub use token::{Token, TokenDigest};
