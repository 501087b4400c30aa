//! Text quoted as in Go to its meaning.

/// Takes the quotes off and resolves escapes; `None` when the form is wrong. Bytes that are no UTF-8
/// become U+FFFD.
pub fn unquote(quoted: &str) -> Option<String> {
    // Texts are UTF-8 here; Go would keep the stray bytes of `\xff`, which no label can match.
    Some(String::from_utf8_lossy(&unquote_bytes(quoted)?).into_owned())
}

/// Takes the quotes off and resolves escapes, which may stand for any bytes; `None` when the form is
/// wrong.
pub fn unquote_bytes(quoted: &str) -> Option<Vec<u8>> {
    let quote = quoted.chars().next()?;
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return Some(inner.replace('\r', "").into_bytes());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let escape = rest.next()?;
        let plain = match escape {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '\\' | '"' | '\'' => escape as u8,
            '0'..='7' => {
                let code = escape.to_digit(8)? * 64 + digits(&mut rest, 2, 8)?;
                bytes.push(u8::try_from(code).ok()?);
                continue;
            }
            'x' => {
                bytes.push(u8::try_from(digits(&mut rest, 2, 16)?).ok()?);
                continue;
            }
            'u' | 'U' => {
                let count = if escape == 'u' { 4 } else { 8 };
                let character = char::from_u32(digits(&mut rest, count, 16)?)?;
                let mut buffer = [0; 4];
                bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                continue;
            }
            _ => return None,
        };
        bytes.push(plain);
    }
    Some(bytes)
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, base: u32) -> Option<u32> {
    let mut code = 0_u32;
    for _ in 0..count {
        code = code.checked_mul(base)?.checked_add(rest.next()?.to_digit(base)?)?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_go_means() {
        assert_eq!(unquote(r#""a\n\"\\""#).as_deref(), Some("a\n\"\\"));
        assert_eq!(unquote(r"'\x41\101\u0042\U0001F600'").as_deref(), Some("AAB😀"));
        assert_eq!(unquote(r"`a\n`").as_deref(), Some(r"a\n"));
        assert_eq!(unquote(r"'\q'"), None);
        assert_eq!(unquote("'"), None);
        assert_eq!(unquote(r"'a\xc5z'").as_deref(), Some("a\u{fffd}z"));
        assert_eq!(unquote_bytes(r"'a\xc5z'").as_deref(), Some(&b"a\xc5z"[..]));
    }
}
