//! Escaping for HTML. Simpler than Go's `html/template`: the place of an action is found by
//! following the template's own text, and only three places are told apart: text, attribute value,
//! URL. Actions in scripts, styles, comments and names of tags and attributes are refused.

/// Escapes `& < > " '` as Go's `template.HTMLEscapeString`.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Where the template's own text has led.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Text,
    /// Behind `<`, in the name of a tag.
    TagName(String),
    /// Between attributes of a tag.
    Tag(String),
    AttributeName {
        tag: String,
        name: String,
    },
    /// Behind `name=`.
    BeforeValue {
        tag: String,
        name: String,
    },
    Value {
        tag: String,
        name: String,
        quote: Option<char>,
        empty: bool,
    },
    Comment,
    /// Inside `<script>` or `<style>`.
    Raw(String),
}

/// Follows the text of an HTML template and escapes what is put into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HtmlWriter {
    place: Place,
    /// The last characters, for marks of several characters.
    recent: String,
}

impl HtmlWriter {
    /// Follows a piece of the template's own text.
    pub(crate) fn follow(&mut self, text: &str) {
        for c in text.chars() {
            self.recent.push(c.to_ascii_lowercase());
            if self.recent.chars().count() > 12 {
                self.recent.remove(0);
            }
            self.place = self.step(c);
        }
    }

    fn step(&self, c: char) -> Place {
        match self.place.clone() {
            Place::Text if c == '<' => Place::TagName(String::new()),
            Place::Text => Place::Text,
            Place::TagName(tag) if self.recent.ends_with("<!--") && tag == "!-" => Place::Comment,
            Place::TagName(tag) | Place::Tag(tag) if c == '>' => inside(tag),
            Place::TagName(tag) if c.is_whitespace() => Place::Tag(tag),
            Place::TagName(mut tag) => {
                tag.push(c.to_ascii_lowercase());
                Place::TagName(tag)
            }
            Place::Tag(tag) if c.is_whitespace() || c == '/' => Place::Tag(tag),
            Place::Tag(tag) => Place::AttributeName { tag, name: c.to_ascii_lowercase().into() },
            Place::AttributeName { tag, .. } if c == '>' => inside(tag),
            Place::AttributeName { tag, name } if c == '=' => Place::BeforeValue { tag, name },
            Place::AttributeName { tag, .. } if c.is_whitespace() => Place::Tag(tag),
            Place::AttributeName { tag, mut name } => {
                name.push(c.to_ascii_lowercase());
                Place::AttributeName { tag, name }
            }
            Place::BeforeValue { tag, .. } if c == '>' => inside(tag),
            Place::BeforeValue { tag, name } if c.is_whitespace() => {
                Place::BeforeValue { tag, name }
            }
            Place::BeforeValue { tag, name } => {
                let quote = matches!(c, '"' | '\'').then_some(c);
                Place::Value { tag, name, quote, empty: quote.is_some() }
            }
            Place::Value { tag, quote: Some(quote), .. } if c == quote => Place::Tag(tag),
            Place::Value { tag, quote: None, .. } if c == '>' => inside(tag),
            Place::Value { tag, quote: None, .. } if c.is_whitespace() => Place::Tag(tag),
            Place::Value { tag, name, quote, .. } => {
                Place::Value { tag, name, quote, empty: false }
            }
            Place::Comment if self.recent.ends_with("-->") => Place::Text,
            Place::Comment => Place::Comment,
            Place::Raw(tag) if self.recent.ends_with(&format!("</{tag}>")) => Place::Text,
            Place::Raw(tag) => Place::Raw(tag),
        }
    }

    /// Escapes what an action puts in here.
    ///
    /// # Errors
    /// A text for people where nothing may be put in.
    pub(crate) fn escape(&mut self, text: &str, is_html: bool) -> Result<String, String> {
        if let Place::BeforeValue { tag, name } = &self.place {
            let (tag, name) = (tag.clone(), name.clone());
            self.place = Place::Value { tag, name, quote: None, empty: true };
        }
        match &mut self.place {
            Place::Text if is_html => Ok(text.to_owned()),
            Place::Text => Ok(escape_html(text)),
            Place::Value { name, quote, empty, .. } => {
                if name.starts_with("on") || name == "style" {
                    return Err(format!("an action may not stand in the attribute {name}"));
                }
                let first = std::mem::replace(empty, false);
                if first && is_url(name) && !is_safe_url(text) {
                    return Ok("#ZgotmplZ".to_owned());
                }
                Ok(attribute(text, is_html, quote.is_none()))
            }
            Place::TagName(_)
            | Place::Tag(_)
            | Place::AttributeName { .. }
            | Place::BeforeValue { .. }
            | Place::Comment
            | Place::Raw(_) => {
                Err("an action may stand only in text and in values of attributes".to_owned())
            }
        }
    }
}

fn inside(tag: String) -> Place {
    if matches!(tag.as_str(), "script" | "style") { Place::Raw(tag) } else { Place::Text }
}

fn is_url(attribute: &str) -> bool {
    matches!(
        attribute,
        "href" | "src" | "action" | "formaction" | "background" | "cite" | "poster" | "data"
    )
}

/// Whether a URL has no scheme, or one that runs nothing.
fn is_safe_url(url: &str) -> bool {
    let Some((scheme, _)) = url.split_once(':') else { return true };
    let relative = scheme.contains(['/', '?', '#']);
    relative || ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
}

fn attribute(text: &str, is_html: bool, unquoted: bool) -> String {
    let mut escaped = if is_html {
        // Entities stay; what could end the value does not.
        text.replace('"', "&#34;").replace('\'', "&#39;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        escape_html(text)
    };
    if unquoted {
        for (mark, entity) in [
            ("\t", "&#9;"),
            ("\n", "&#10;"),
            ("\x0c", "&#12;"),
            ("\r", "&#13;"),
            (" ", "&#32;"),
            ("=", "&#61;"),
            ("`", "&#96;"),
        ] {
            escaped = escaped.replace(mark, entity);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(before: &str, text: &str) -> Result<String, String> {
        let mut writer = HtmlWriter::default();
        writer.follow(before);
        writer.escape(text, false)
    }

    #[test]
    fn texts_and_attributes_are_escaped_and_cannot_be_left() {
        assert_eq!(put("<p>", "<b>&\"'"), Ok("&lt;b&gt;&amp;&#34;&#39;".to_owned()));
        assert_eq!(put("<a title=\"", "\" onx=1"), Ok("&#34; onx=1".to_owned()));
        assert_eq!(put("<a title=", "a b"), Ok("a&#32;b".to_owned()));
        assert_eq!(put("<!-- x --><style>p > b</style>", "<"), Ok("&lt;".to_owned()));
    }

    #[test]
    fn urls_that_run_something_are_replaced_only_at_their_start() {
        assert_eq!(put("<a href=\"", "javascript:alert(1)"), Ok("#ZgotmplZ".to_owned()));
        assert_eq!(put("<a href=\"", "https://x/?a=b:c"), Ok("https://x/?a=b:c".to_owned()));
        assert_eq!(put("<a href=\"", "/x?u=a:b"), Ok("/x?u=a:b".to_owned()));
        assert_eq!(put("<a href=\"/q?", "a:b"), Ok("a:b".to_owned()));
    }

    #[test]
    fn scripts_styles_comments_and_names_take_nothing() {
        for before in ["<script>", "<style>", "<!-- ", "<", "<a ", "<a onclick=\"", "<p style='"] {
            assert!(put(before, "x").is_err(), "{before} must take nothing");
        }
    }
}
