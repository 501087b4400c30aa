//! What a request shows to prove who makes it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::base::error::{Error, ErrorKind, Result};
use crate::base::secret::Secret;

/// The longest `Authorization` value that is looked at.
const MAX_HEADER: usize = 8 << 10;

/// The proof that came with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None.
    None,
    /// A token, from `Bearer` or `ApiKey`. Elasticsearch's `ApiKey` is base64 of `id:key`, so
    /// there may be a second reading.
    Token(Secret, Option<Secret>),
    /// A user name with a password, or any name with a token as password.
    Basic(String, Secret),
}

impl Credentials {
    /// Reads an `Authorization` header.
    ///
    /// # Errors
    /// `Unauthenticated` for a scheme that is not known or a value that does not decode.
    pub fn from_header(value: &str) -> Result<Self> {
        let refused = |text: &str| Error::new(ErrorKind::Unauthenticated, text);
        if value.len() > MAX_HEADER {
            return Err(refused("the Authorization header is too long"));
        }
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Ok(Credentials::Token(Secret::new(rest), None)),
            "apikey" => {
                let key = decode(rest)
                    .and_then(|text| text.split_once(':').map(|(_, key)| Secret::new(key)));
                Ok(Credentials::Token(Secret::new(rest), key))
            }
            "basic" => {
                let text = decode(rest)
                    .ok_or_else(|| refused("the Basic credentials are not base64 of UTF-8"))?;
                let (user, password) = text
                    .split_once(':')
                    .ok_or_else(|| refused("the Basic credentials have no colon"))?;
                Ok(Credentials::Basic(user.to_owned(), Secret::new(password)))
            }
            _ => Err(refused("the Authorization scheme is not Bearer, Basic or ApiKey")),
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_schemes_are_read_in_any_case() {
        let bearer = Credentials::from_header("bearer  abc").unwrap();
        assert_eq!(bearer, Credentials::Token(Secret::new("abc"), None));
        let basic = Credentials::from_header("Basic dXNlcjpwYTpzcw==").unwrap();
        assert_eq!(basic, Credentials::Basic("user".to_owned(), Secret::new("pa:ss")));
        let key = Credentials::from_header("ApiKey aWQ6c2VjcmV0").unwrap();
        assert_eq!(
            key,
            Credentials::Token(Secret::new("aWQ6c2VjcmV0"), Some(Secret::new("secret")))
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_shown() {
        for wrong in ["Digest x", "Basic ???", "Basic YWJj", ""] {
            let error = Credentials::from_header(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{wrong}");
        }
        let shown = format!("{:?}", Credentials::from_header("Bearer hunter2").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
