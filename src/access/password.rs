//! Passwords, kept as argon2id hashes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, SaltString};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::access::scope::Role;
use crate::base::error::{Error, ErrorKind, Result};

/// Verifications at one time; each occupies a core and tens of megabytes.
const PARALLEL: usize = 2;
/// How long a log-in waits for its turn.
const WAIT: Duration = Duration::from_secs(5);
/// The largest memory, in KiB, that a configured hash may ask for.
const MAX_MEMORY_KIB: u32 = 256 << 10;

/// An argon2id hash in PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads `$argon2id$…` as it stands in the configuration.
    ///
    /// # Errors
    /// A text for people when it is no argon2id hash or asks for more than 256 MiB.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let hash = argon2::PasswordHash::new(text.trim())
            .map_err(|error| format!("not a password hash: {error}"))?;
        if hash.algorithm != argon2::ARGON2ID_IDENT {
            return Err(format!("the password hash is {}, not argon2id", hash.algorithm));
        }
        let params = argon2::Params::try_from(&hash)
            .map_err(|error| format!("not a password hash: {error}"))?;
        if params.m_cost() > MAX_MEMORY_KIB {
            return Err(format!("the password hash needs more than {MAX_MEMORY_KIB} KiB"));
        }
        Ok(PasswordHash(text.trim().to_owned()))
    }

    /// Hashes a password with a fresh salt. Takes tens of milliseconds of a core.
    ///
    /// # Errors
    /// `Internal` when argon2 refuses, such as for a password over 4 GiB.
    pub fn of(password: &str) -> Result<Self> {
        let failed = |error| Error::internal(format!("cannot hash the password: {error}"));
        let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(failed)?;
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Returns the PHC form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn verify(&self, password: &str) -> bool {
        argon2::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$argon2id$…")
    }
}

/// A person with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// The password's hash.
    pub hash: PasswordHash,
    /// What the person is.
    pub role: Role,
}

/// Verifies passwords and remembers the last good one of each user, as a keyed digest, because
/// Basic credentials come with every request.
pub(crate) struct Passwords {
    users: Vec<User>,
    key: [u8; 32],
    good: Mutex<HashMap<String, [u8; 32]>>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Takes the users that are let in.
    pub(crate) fn new(users: Vec<User>) -> Self {
        let turns = Arc::new(Semaphore::new(PARALLEL));
        Passwords { users, key: rand::random(), good: Mutex::default(), turns }
    }

    /// Returns whether anybody has a password.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Returns the user whose password this is. An unknown name takes as long as a wrong password.
    ///
    /// # Errors
    /// `RateLimited` when too many verifications wait.
    pub(crate) async fn find(&self, name: &str, password: &str) -> Result<Option<&User>> {
        let Some(decoy) = self.users.first() else { return Ok(None) };
        let user = self.users.iter().find(|user| user.name == name);
        let digest = self.digest(name, password);
        let remembered = self.good.lock().get(name).is_some_and(|good| good.ct_eq(&digest).into());
        if remembered {
            return Ok(user);
        }
        let hash = user.unwrap_or(decoy).hash.clone();
        let verified = self.verify_in_turn(hash, password.to_owned()).await?;
        let Some(user) = user.filter(|_| verified) else { return Ok(None) };
        self.good.lock().insert(name.to_owned(), digest);
        Ok(Some(user))
    }

    async fn verify_in_turn(&self, hash: PasswordHash, password: String) -> Result<bool> {
        let busy = || {
            let text = "too many log-ins at this moment; try again later";
            Error::new(ErrorKind::RateLimited, text).with_retry_after(WAIT)
        };
        let turn = tokio::time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| busy())?.map_err(|_| busy())?;
        // The turn travels into the thread: a caller that goes away does not free it early.
        let verification = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hash.verify(&password)
        });
        verification.await.map_err(|error| Error::internal(format!("log-in failed: {error}")))
    }

    fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(password);
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash with the smallest cost, so that tests are quick.
    fn cheap_hash(password: &str) -> PasswordHash {
        let params = argon2::Params::new(8, 1, 1, None).unwrap();
        let argon = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let salt = SaltString::encode_b64(b"0123456789abcdef").unwrap();
        let hash = argon.hash_password(password.as_bytes(), &salt).unwrap();
        PasswordHash::parse(&hash.to_string()).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_the_right_user_is_let_in_twice() {
        let ada = User { name: "ada".to_owned(), hash: cheap_hash("lace"), role: Role::Viewer };
        let passwords = Passwords::new(vec![ada.clone()]);
        for _ in 0..2 {
            assert_eq!(passwords.find("ada", "lace").await.unwrap(), Some(&ada));
            assert_eq!(passwords.find("ada", "wool").await.unwrap(), None);
            assert_eq!(passwords.find("bob", "lace").await.unwrap(), None);
        }
    }

    #[test]
    fn hashes_of_other_kinds_or_of_huge_cost_are_refused() {
        let own = PasswordHash::of("lace").unwrap();
        assert!(PasswordHash::parse(own.as_str()).is_ok());
        assert!(PasswordHash::parse("lace").is_err());
        assert!(PasswordHash::parse(&own.as_str().replace("argon2id", "argon2i")).is_err());
        assert!(PasswordHash::parse(&own.as_str().replace("m=19456", "m=9999999")).is_err());
    }
}
