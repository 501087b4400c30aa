//! Templates of notifications: what they see, what they may call, and the usual ones.
//!
//! The fields and functions are Alertmanager's, so that its users' files work. Our own texts stand
//! under the names that those files refer to.

mod functions;
mod view;

use crate::alerting::message::Message;
use crate::alerting::template::functions::NotificationFunctions;
use crate::base::gotemplate::{Escape, Set, Value};
use crate::model::time::TimestampMs;

pub(crate) use view::{quoted_receiver, rfc3339, status_word};

/// What everybody gets who configures nothing.
const USUAL: &str = include_str!("default.tmpl");

/// Named templates. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Templates(Set);

impl Templates {
    /// Returns the usual templates.
    pub fn usual() -> Self {
        let mut set = Set::new();
        let parsed = set.parse("default.tmpl", USUAL, &NotificationFunctions::idle());
        // Our own text parses; the test below holds it.
        debug_assert!(parsed.is_ok(), "{parsed:?}");
        Templates(set)
    }

    /// Adds the templates that a file defines; they replace those of the same name.
    ///
    /// # Errors
    /// Go's words for what does not parse.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        let added = self.0.parse(name, text, &NotificationFunctions::idle());
        added.map_err(|error| error.to_string())
    }

    /// Checks that a text is a template.
    ///
    /// # Errors
    /// Go's words for what does not parse.
    pub(crate) fn check(&self, name: &str, text: &str) -> Result<(), String> {
        self.0.clone().parse(name, text, &NotificationFunctions::idle()).map_err(|e| e.to_string())
    }
}

/// One message, ready to be put into templates. Remembers what did not render.
pub(crate) struct Rendering<'a> {
    templates: &'a Templates,
    functions: NotificationFunctions,
    data: Value,
    faults: Vec<String>,
}

impl<'a> Rendering<'a> {
    /// Prepares `message` at `now`.
    pub(crate) fn new(
        templates: &'a Templates,
        message: &Message,
        external_url: &str,
        now: TimestampMs,
    ) -> Self {
        Rendering {
            templates,
            functions: NotificationFunctions::at(now),
            data: view::data(message, external_url),
            faults: Vec::new(),
        }
    }

    /// Renders a text. One that fails is noted, and `otherwise` of the usual templates stands in its
    /// place: a bad template must not keep an alert from its people.
    pub(crate) fn text(&mut self, key: &str, text: &str, otherwise: &str) -> String {
        self.render(key, text, otherwise, Escape::Text)
    }

    /// Renders HTML; as [`Rendering::text`].
    pub(crate) fn html(&mut self, key: &str, text: &str, otherwise: &str) -> String {
        self.render(key, text, otherwise, Escape::Html)
    }

    fn render(&mut self, key: &str, text: &str, otherwise: &str, escape: Escape) -> String {
        if !text.contains("{{") {
            return text.to_owned();
        }
        let set = &self.templates.0;
        match set.render_text(key, text, &self.data, &self.functions, escape) {
            Ok(rendered) => rendered,
            Err(error) => {
                self.faults.push(format!("{key}: {error}"));
                let usual = Templates::usual().0;
                let rendered = usual.render(otherwise, &self.data, &self.functions, escape);
                rendered.unwrap_or_default()
            }
        }
    }

    /// Returns what did not render, for the receipt.
    pub(crate) fn faults(self) -> Vec<String> {
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::message::tests::message;

    fn rendered(text: &str) -> String {
        let templates = Templates::usual();
        let message = message(&[("A", false), ("B", true)]);
        let now = TimestampMs(90_000);
        let mut rendering = Rendering::new(&templates, &message, "http://b:3000", now);
        let text = rendering.text("t", text, "__subject");
        assert_eq!(rendering.faults(), Vec::<String>::new());
        text
    }

    #[test]
    fn the_fields_of_alertmanager_are_there() {
        for (text, expected) in [
            ("{{ .Status }} {{ .Receiver }}", "firing team"),
            (
                "{{ range .Alerts }}{{ .Labels.alertname }}:{{ .Status }} {{ end }}",
                "A:firing B:resolved ",
            ),
            ("{{ len .Alerts.Firing }}{{ len .Alerts.Resolved }}", "11"),
            ("{{ .CommonLabels.SortedPairs.Names | join \",\" }}", "job"),
            ("{{ (index .Alerts 0).Labels.Values | join \",\" }}", "A,x"),
            ("{{ with .CommonLabels.Remove (stringSlice \"job\") }}{{ len . }}{{ end }}", ""),
            ("{{ .GroupLabels.job }}{{ .GroupLabels.missing }}", "x"),
            ("{{ (index .Alerts 0).StartsAt.Unix }} {{ (index .Alerts 1).EndsAt.Unix }}", "1 60"),
            ("{{ range .Alerts.Firing }}{{ .EndsAt.IsZero }}{{ end }}", "true"),
            ("{{ since (index .Alerts 0).StartsAt }}", "1m29s"),
            ("{{ (index .Alerts 0).Fingerprint | len }}", "16"),
            ("{{ date \"2006-01-02\" (index .Alerts 0).StartsAt }}", "1970-01-01"),
            (
                "{{ tz \"Europe/Berlin\" (index .Alerts 0).StartsAt }}",
                "1970-01-01 01:00:01 +0100 CET",
            ),
            ("{{ toJson .GroupLabels }}", "{\"job\":\"x\"}"),
            ("{{ .CommonAnnotations.summary }}", "sum<mary>"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn the_usual_texts_name_what_happened() {
        let subject = rendered("{{ template \"email.default.subject\" . }}");
        assert_eq!(subject, "FIRING (1): x");
        let text = rendered("{{ template \"email.default.text\" . }}");
        assert!(text.contains("sum<mary>") && text.contains("job = x"), "{text}");
        for name in [
            "title",
            "username",
            "fallback",
            "callbackid",
            "pretext",
            "titlelink",
            "iconemoji",
            "iconurl",
            "text",
            "footer",
        ] {
            rendered(&format!("{{{{ template \"slack.default.{name}\" . }}}}"));
        }
    }

    #[test]
    fn html_from_outside_is_escaped_and_a_bad_template_gives_way() {
        let templates = Templates::usual();
        let message = message(&[("A", false)]);
        let mut rendering = Rendering::new(&templates, &message, "http://b", TimestampMs(0));
        let html = rendering.html("html", "{{ template \"email.default.html\" . }}", "__subject");
        assert!(html.contains("sum&lt;mary&gt;") && !html.contains("sum<mary>"), "{html}");
        let text = rendering.text("title", "{{ template \"nowhere\" . }}", "__subject");
        assert_eq!(text, "FIRING (1): x (A)");
        assert!(rendering.faults()[0].contains("nowhere"));
    }
}
