//! Tokens, of which only the digest is kept.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::access::scope::Scopes;

/// The SHA-256 digest of a token. Tokens are random, so a fast digest suffices.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Computes the digest of a token.
    pub fn of(token: &str) -> Self {
        TokenDigest(Sha256::digest(token.as_bytes()).into())
    }

    /// Reads `sha256:<64 hexadecimal digits>` as it stands in the configuration.
    ///
    /// # Errors
    /// A text for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "not a token hash; write sha256:<64 hexadecimal digits>".to_owned();
        let digits = text.trim().strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).map_err(|_| wrong())?;
        }
        Ok(TokenDigest(digest))
    }

    /// Compares in a time that does not depend on the content.
    pub fn equals(&self, other: &TokenDigest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:…")
    }
}

/// A token that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub name: String,
    /// Its digest.
    pub digest: TokenDigest,
    /// What it opens.
    pub scopes: Scopes,
}

/// Returns the token among `tokens` that `presented` is; every one is compared, so that the time
/// tells nothing.
pub(crate) fn find<'a>(tokens: &'a [Token], presented: &str) -> Option<&'a Token> {
    let digest = TokenDigest::of(presented);
    let mut found = None;
    for token in tokens {
        if token.digest.equals(&digest) {
            found = Some(token);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_prints_and_reads_back_and_finds_only_its_token() {
        let digest = TokenDigest::of("s3cret");
        assert_eq!(TokenDigest::parse(&digest.to_string()), Ok(digest));
        let tokens = [Token { name: "ci".to_owned(), digest, scopes: Scopes::none() }];
        assert_eq!(find(&tokens, "s3cret").map(|token| token.name.as_str()), Some("ci"));
        assert_eq!(find(&tokens, "s3cre"), None);
        assert_eq!(find(&tokens, ""), None);
    }

    #[test]
    fn anything_but_a_whole_digest_is_refused() {
        let short = format!("sha256:{}", "a".repeat(63));
        let strange = format!("sha256:{}", "g".repeat(64));
        for wrong in ["", "s3cret", "md5:00", short.as_str(), strange.as_str()] {
            assert!(TokenDigest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
