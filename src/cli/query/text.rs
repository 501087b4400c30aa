//! Telemetry as text on a terminal: nothing in it may move the cursor, change a colour or hide.

/// Writes what a terminal would obey or hide as an escape: `\n`, `\u{1b}`.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            obeyed if obeyed.is_control() || is_hidden(obeyed) => {
                safe.extend(obeyed.escape_default());
            }
            shown => safe.push(shown),
        }
    }
    safe
}

/// Escapes every line by itself: for texts that may have several.
pub(super) fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Escapes control characters of JSON that JSON itself lets pass; the value stays the same.
pub(super) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Below 0x20 they stand between the tokens, where they are white space.
            '\u{7f}'..='\u{9f}' => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => safe.push(other),
        }
    }
    safe
}

/// Whether a character turns the direction of the text, breaks a line, or has no width.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns how many columns of a terminal a text takes that [`plain`] wrote.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Cuts a text to `most` columns; what was cut ends in `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 1;
    for character in text.chars() {
        taken += width(character);
        if taken > most {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Writes a number with at most six significant digits.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return trimmed(&format!("{value:.5e}"));
    }
    let decimals = (5 - size.log10().floor() as i32).max(0) as usize;
    trimmed(&format!("{value:.decimals$}"))
}

/// Takes the zeros away that end a fraction.
fn trimmed(text: &str) -> String {
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    if !digits.contains('.') {
        return text.to_owned();
    }
    format!("{}{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Writes how many there are of something; the word gets its `s` by itself.
pub(super) fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_moves_the_cursor_or_hides() {
        let hostile = "a\u{1b}[2J\r\n\u{9b}31m\u{202e}b\u{200b}\u{7f}é漢";
        let safe = plain(hostile);
        assert_eq!(safe, "a\\u{1b}[2J\\r\\n\\u{9b}31m\\u{202e}b\\u{200b}\\u{7f}é漢");
        assert_eq!(columns("é漢e\u{301}"), 4);
    }

    #[test]
    fn json_stays_the_same_value_without_control_characters() {
        let text = json("{\"a\":\"\u{9b}31m\u{7f}é\"}");
        assert_eq!(text, "{\"a\":\"\\u009b31m\\u007fé\"}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["a"], "\u{9b}31m\u{7f}é");
    }

    #[test]
    fn a_cut_text_says_so_and_keeps_within_its_columns() {
        assert_eq!((cut("abc", 3), cut("abcd", 3)), ("abc".to_owned(), "ab…".to_owned()));
        assert_eq!(cut("漢漢漢", 5), "漢漢…");
    }

    #[test]
    fn numbers_have_six_digits_and_no_idle_zeros() {
        for (value, text) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (1.0 / 3.0, "0.333333"),
            (1_234_567.0, "1234567"),
            (99.999_999, "100"),
            (1e15, "1e15"),
            (1.5e-7, "1.5e-7"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
