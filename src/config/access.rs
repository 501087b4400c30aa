//! The section `auth`.

use crate::access::{
    AccessRules, Anonymous, PasswordHash, Role, Scope, Scopes, Token, TokenDigest, User,
};
use crate::base::yaml::reader::Section;

/// Reads the section; without one everything harmless is open to loopback.
pub(crate) fn read(section: Option<Section<'_>>) -> AccessRules {
    let Some(section) = section else { return AccessRules::open() };
    let tokens = section.sections("tokens").into_iter().filter_map(token).collect();
    let users = section.sections("users").into_iter().filter_map(user).collect();
    section.later("oidc");
    let anonymous = section.parsed("anonymous", |text| match text {
        "none" => Ok(Anonymous::Nothing),
        "read" => Ok(Anonymous::Read),
        other => Err(format!("expected none or read, not {other:?}")),
    });
    section.finish();
    AccessRules { tokens, users, anonymous: anonymous.unwrap_or(Anonymous::Nothing) }
}

fn token(section: Section<'_>) -> Option<Token> {
    let name = required(&section, "name");
    let hash = section.parsed("hash", TokenDigest::parse);
    let secret = section.secret("token", "token_file");
    if section.node("hash").is_some() == secret.is_some() {
        section.fault("", "needs one of hash and token_file");
    }
    let scopes = scopes(&section);
    let digest = hash.or_else(|| secret.map(|secret| TokenDigest::of(secret.expose())));
    section.finish();
    Some(Token { name: name?, digest: digest?, scopes })
}

fn scopes(section: &Section<'_>) -> Scopes {
    let mut granted = Vec::new();
    for (line, word) in section.texts("scopes") {
        match Scope::from_word(&word) {
            Some(scope) => granted.push(scope),
            None => {
                let words: Vec<_> = Scope::ALL.into_iter().map(Scope::as_str).collect();
                let why = format!("{word:?} is not one of {}", words.join(", "));
                section.fault_at(line, "scopes", why);
            }
        }
    }
    if granted.is_empty() {
        section.fault("scopes", "a token without scopes opens nothing; list at least one");
    }
    Scopes::of(&granted)
}

fn user(section: Section<'_>) -> Option<User> {
    let name = required(&section, "name");
    // A password hash is full of dollar signs, so it is read as it is written.
    let password = section.raw_text("password_hash");
    if password.is_none() {
        section.fault("password_hash", "is missing");
    }
    let password = password.and_then(|text| {
        PasswordHash::parse(&text).map_err(|why| section.fault("password_hash", why)).ok()
    });
    let role = section.parsed("role", |word| {
        Role::from_word(word).ok_or_else(|| format!("{word:?} is not viewer, editor or admin"))
    });
    if section.node("role").is_none() {
        section.fault("role", "is missing");
    }
    section.finish();
    Some(User { name: name?, hash: password?, role: role? })
}

fn required(section: &Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key);
    if section.node(key).is_none() || text.as_deref() == Some("") {
        section.fault(key, "is missing");
        return None;
    }
    text
}
