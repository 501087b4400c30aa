//! Who makes a request.

use crate::access::scope::{Scope, Scopes};
use crate::base::error::{Error, ErrorKind, Result};

/// The maker of a request and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token or user, `anonymous` for nobody, for audit records and logs.
    pub name: String,
    /// What the caller may do.
    pub scopes: Scopes,
    /// Whether credentials proved the name.
    known: bool,
}

impl Caller {
    /// Builds a caller whose name was proved.
    pub fn new(name: impl Into<String>, scopes: Scopes) -> Self {
        Caller { name: name.into(), scopes, known: true }
    }

    /// Builds the caller who showed no credentials.
    pub fn anonymous(scopes: Scopes) -> Self {
        Caller { name: "anonymous".to_owned(), scopes, known: false }
    }

    /// Builds the appliance itself or the person at its terminal, who may do everything.
    pub fn local(name: impl Into<String>) -> Self {
        Caller::new(name, Scopes::all())
    }

    /// Returns whether no credentials were shown.
    pub fn is_anonymous(&self) -> bool {
        !self.known
    }

    /// Checks that the caller may do what `scope` opens.
    ///
    /// # Errors
    /// `Unauthenticated` when credentials could help, `Forbidden` when they are there already.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(scope) {
            return Ok(());
        }
        Err(self.refusal(scope))
    }

    /// Checks that the caller may delete data: the scope `admin`, proved by credentials even where
    /// everything else is open.
    ///
    /// # Errors
    /// Those of [`Caller::require`].
    pub fn require_deletion(&self) -> Result<()> {
        self.require(Scope::Admin)?;
        if self.known { Ok(()) } else { Err(self.refusal(Scope::Admin)) }
    }

    fn refusal(&self, scope: Scope) -> Error {
        let scope = scope.as_str();
        if self.known {
            let text = format!("{:?} lacks the scope {scope:?}", self.name);
            return Error::new(ErrorKind::Forbidden, text);
        }
        let text = format!(
            "this needs the scope {scope:?}; send a token as `Authorization: Bearer <token>`"
        );
        Error::new(ErrorKind::Unauthenticated, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scope_asks_strangers_for_credentials_and_refuses_the_known() {
        let stranger = Caller::anonymous(Scopes::none());
        assert_eq!(stranger.require(Scope::Read).unwrap_err().kind(), ErrorKind::Unauthenticated);
        let reader = Caller::new("grafana", Scopes::of(&[Scope::Read]));
        assert_eq!(reader.require(Scope::Read), Ok(()));
        assert_eq!(reader.require(Scope::Ingest).unwrap_err().kind(), ErrorKind::Forbidden);
    }

    #[test]
    fn nobody_deletes_without_credentials() {
        let open = Caller::anonymous(Scopes::of(&[Scope::Admin]));
        assert_eq!(open.require(Scope::Admin), Ok(()));
        assert!(open.require_deletion().is_err());
        assert_eq!(Caller::local("terminal").require_deletion(), Ok(()));
    }
}
