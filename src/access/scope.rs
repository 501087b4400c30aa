//! What a caller may be allowed to do.

use std::fmt;

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `read`: query every signal.
    Read,
    /// `ingest`: write telemetry.
    Ingest,
    /// `alerts:write`: silences and alerts.
    AlertsWrite,
    /// `make:read`: see Make.com scenarios.
    MakeRead,
    /// `make:write`: change Make.com scenarios.
    MakeWrite,
    /// `make:run`: run Make.com scenarios.
    MakeRun,
    /// `approve`: put proposed rules into force.
    Approve,
    /// `admin`: upkeep and deletion.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 8] = [
        Scope::Read,
        Scope::Ingest,
        Scope::AlertsWrite,
        Scope::MakeRead,
        Scope::MakeWrite,
        Scope::MakeRun,
        Scope::Approve,
        Scope::Admin,
    ];

    /// Returns the scope as it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Ingest => "ingest",
            Scope::AlertsWrite => "alerts:write",
            Scope::MakeRead => "make:read",
            Scope::MakeWrite => "make:write",
            Scope::MakeRun => "make:run",
            Scope::Approve => "approve",
            Scope::Admin => "admin",
        }
    }

    /// Reads a scope as it is written in the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Returns the empty set.
    pub fn none() -> Self {
        Scopes(0)
    }

    /// Returns the set of all scopes.
    pub fn all() -> Self {
        Scopes::of(&Scope::ALL)
    }

    /// Returns the set of these scopes.
    pub fn of(scopes: &[Scope]) -> Self {
        Scopes(scopes.iter().fold(0, |bits, scope| bits | 1 << *scope as u8))
    }

    /// Returns whether `scope` belongs to the set.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Returns the set without `scope`.
    pub fn without(self, scope: Scope) -> Self {
        Scopes(self.0 & !(1 << scope as u8))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = Scope::ALL.into_iter().filter(|scope| self.contains(*scope));
        f.debug_set().entries(held.map(Scope::as_str)).finish()
    }
}

/// What a user with a password is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, writes telemetry, silences alerts.
    Editor,
    /// Does everything.
    Admin,
}

impl Role {
    /// Reads a role as it is written in the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "viewer" => Some(Role::Viewer),
            "editor" => Some(Role::Editor),
            "admin" => Some(Role::Admin),
            _ => None,
        }
    }

    /// Returns what the role allows.
    pub fn scopes(self) -> Scopes {
        match self {
            Role::Viewer => Scopes::of(&[Scope::Read, Scope::MakeRead]),
            Role::Editor => {
                Scopes::of(&[Scope::Read, Scope::MakeRead, Scope::Ingest, Scope::AlertsWrite])
            }
            Role::Admin => Scopes::all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_as_they_are_written_and_sets_hold_only_what_they_were_given() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_word(scope.as_str()), Some(scope));
            assert!(Scopes::all().contains(scope));
            assert!(!Scopes::all().without(scope).contains(scope));
            assert!(!Scopes::none().contains(scope));
        }
        assert_eq!(Scope::from_word("make"), None);
    }

    #[test]
    fn a_viewer_cannot_write_and_an_editor_cannot_run_scenarios() {
        assert!(!Role::Viewer.scopes().contains(Scope::Ingest));
        assert!(!Role::Editor.scopes().contains(Scope::MakeRun));
        assert!(Role::Admin.scopes().contains(Scope::MakeRun));
    }
}
