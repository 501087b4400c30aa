//! Decides who a request comes from.

use std::sync::Arc;

use crate::access::caller::Caller;
use crate::access::credentials::Credentials;
use crate::access::password::{Passwords, User};
use crate::access::scope::{Scope, Scopes};
use crate::access::token::{self, Token};
use crate::base::error::{Error, ErrorKind, Result};

/// What somebody without credentials may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// No `auth` is configured: everything but changing and running scenarios and deletion.
    /// Credentials nobody asked for are ignored.
    Open,
    /// `auth.anonymous: read`.
    Read,
    /// `auth.anonymous: none`.
    Nothing,
}

impl Anonymous {
    /// Returns what is open. (Deletion is held back by [`Caller::require_deletion`].)
    pub fn scopes(self) -> Scopes {
        match self {
            Anonymous::Open => Scopes::all().without(Scope::MakeWrite).without(Scope::MakeRun),
            Anonymous::Read => Scopes::of(&[Scope::Read]),
            Anonymous::Nothing => Scopes::none(),
        }
    }
}

/// The checked `auth` section.
#[derive(Debug, Clone)]
pub struct AccessRules {
    /// Tokens that are let in, the local one of `endpoint.json` among them.
    pub tokens: Vec<Token>,
    /// Users that are let in.
    pub users: Vec<User>,
    /// What is open without either.
    pub anonymous: Anonymous,
}

impl AccessRules {
    /// Returns the rules without an `auth` section, for loopback only.
    pub fn open() -> Self {
        AccessRules { tokens: Vec::new(), users: Vec::new(), anonymous: Anonymous::Open }
    }
}

/// Turns credentials into callers. Cloning is cheap.
#[derive(Clone)]
pub struct Authenticator(Arc<Gatekeeper>);

struct Gatekeeper {
    tokens: Vec<Token>,
    passwords: Passwords,
    anonymous: Anonymous,
}

impl Authenticator {
    /// Enforces `rules`.
    pub fn new(rules: AccessRules) -> Self {
        let AccessRules { tokens, users, anonymous } = rules;
        Authenticator(Arc::new(Gatekeeper { tokens, passwords: Passwords::new(users), anonymous }))
    }

    /// Returns who shows these credentials.
    ///
    /// # Errors
    /// `Unauthenticated` for wrong credentials (ignored where everything is open), `RateLimited`
    /// when too many passwords wait to be verified.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Caller> {
        let known = match credentials {
            Credentials::None => return Ok(self.anonymous()),
            Credentials::Token(token, second) => self
                .by_token(token.expose())
                .or_else(|| second.as_ref().and_then(|second| self.by_token(second.expose()))),
            Credentials::Basic(name, password) => self.by_password(name, password.expose()).await?,
        };
        match known {
            Some(caller) => Ok(caller),
            None if self.ignores_credentials() => Ok(self.anonymous()),
            None => Err(Error::new(ErrorKind::Unauthenticated, "the credentials are not valid")),
        }
    }

    /// Returns the caller who shows nothing.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(self.0.anonymous.scopes())
    }

    /// Returns whether credentials that nobody knows count as none.
    pub fn ignores_credentials(&self) -> bool {
        self.0.anonymous == Anonymous::Open
    }

    fn by_token(&self, presented: &str) -> Option<Caller> {
        let token = token::find(&self.0.tokens, presented)?;
        Some(Caller::new(token.name.clone(), token.scopes))
    }

    async fn by_password(&self, name: &str, password: &str) -> Result<Option<Caller>> {
        if let Some(caller) = self.by_token(password) {
            return Ok(Some(caller));
        }
        if self.0.passwords.is_empty() {
            return Ok(None);
        }
        let user = self.0.passwords.find(name, password).await?;
        Ok(user.map(|user| Caller::new(user.name.clone(), user.role.scopes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::password::PasswordHash;
    use crate::access::scope::Role;
    use crate::access::token::TokenDigest;
    use crate::base::secret::Secret;

    fn rules(anonymous: Anonymous) -> AccessRules {
        let digest = TokenDigest::of("t0ken");
        let scopes = Scopes::of(&[Scope::Ingest]);
        let hash = PasswordHash::of("lace").unwrap();
        AccessRules {
            tokens: vec![Token { name: "agent".to_owned(), digest, scopes }],
            users: vec![User { name: "ada".to_owned(), hash, role: Role::Viewer }],
            anonymous,
        }
    }

    fn token(text: &str) -> Credentials {
        Credentials::Token(Secret::new(text), None)
    }

    #[tokio::test]
    async fn a_token_is_taken_as_bearer_as_api_key_and_as_basic_password() {
        let authenticator = Authenticator::new(rules(Anonymous::Nothing));
        let ways = [
            token("t0ken"),
            Credentials::Token(Secret::new("x"), Some(Secret::new("t0ken"))),
            Credentials::Basic("anybody".to_owned(), Secret::new("t0ken")),
        ];
        for way in ways {
            let caller = authenticator.authenticate(&way).await.unwrap();
            assert_eq!(caller, Caller::new("agent", Scopes::of(&[Scope::Ingest])));
        }
        let ada = Credentials::Basic("ada".to_owned(), Secret::new("lace"));
        assert_eq!(authenticator.authenticate(&ada).await.unwrap().name, "ada");
    }

    #[tokio::test]
    async fn wrong_credentials_are_refused_even_where_anonymous_may_read() {
        let authenticator = Authenticator::new(rules(Anonymous::Read));
        let error = authenticator.authenticate(&token("guess")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        let nobody = authenticator.authenticate(&Credentials::None).await.unwrap();
        assert!(nobody.is_anonymous() && nobody.require(Scope::Read).is_ok());
        assert!(nobody.require(Scope::Ingest).is_err());
    }

    #[tokio::test]
    async fn without_auth_all_is_open_but_make_changes_and_deletion() {
        let authenticator = Authenticator::new(AccessRules::open());
        for way in [Credentials::None, token("grafana sends one anyway")] {
            let caller = authenticator.authenticate(&way).await.unwrap();
            for scope in Scope::ALL {
                let held_back = matches!(scope, Scope::MakeWrite | Scope::MakeRun);
                assert_eq!(caller.require(scope).is_err(), held_back, "{scope:?}");
            }
            assert!(caller.require_deletion().is_err());
        }
    }
}
