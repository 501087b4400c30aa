//! The JSON of the API: what is posted, what is answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::model::delivery::{AlertGroup, AlertView};
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;
use crate::protocols::alertmanager::error::{Fault, FieldFault};
use crate::service::{PostedAlert, SilenceRequest};

/// An alert as it is posted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostedForm {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

impl PostedForm {
    /// Returns the alert.
    ///
    /// # Errors
    /// A text for people that names the field.
    pub fn alert(self) -> Result<PostedAlert, String> {
        Ok(PostedAlert {
            labels: Labels::from_pairs(self.labels),
            annotations: Labels::from_pairs(self.annotations.unwrap_or_default()),
            starts_at: self.starts_at.map_or(Ok(None), |text| instant("startsAt", &text))?,
            ends_at: self.ends_at.map_or(Ok(None), |text| instant("endsAt", &text))?,
            generator_url: self.generator_url.unwrap_or_default(),
        })
    }
}

/// Reads an instant; Go's zero time is none. Instants beyond the calendar are its ends.
fn instant(field: &str, text: &str) -> Result<Option<TimestampMs>, String> {
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let parsed: Timestamp =
        text.parse().map_err(|_| format!("{field} in body must be of type date-time: {text:?}"))?;
    Ok(Some(TimestampMs(parsed.as_millisecond())))
}

/// A silence as it is posted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceForm {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    matchers: Option<Vec<MatcherForm>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherForm {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl SilenceForm {
    /// Returns the request.
    ///
    /// # Errors
    /// What is missing, unreadable or refused, by its field.
    pub fn request(self) -> Result<SilenceRequest, Fault> {
        let required = |field: &str| {
            Fault::Malformed(FieldFault::Wrong(format!("{field} in body is required")))
        };
        let time = |field: &str, text: Option<String>| {
            let text = text.ok_or_else(|| required(field))?;
            instant(field, &text).map_err(Fault::Unreadable)?.ok_or_else(|| required(field))
        };
        let comment = self.comment.ok_or_else(|| required("comment"))?;
        let created_by = self.created_by.ok_or_else(|| required("createdBy"))?;
        let forms = self.matchers.ok_or_else(|| required("matchers"))?;
        if forms.is_empty() {
            let why = "matchers in body should have at least 1 items".to_owned();
            return Err(Fault::Malformed(FieldFault::TooFew(why)));
        }
        let matchers = forms.into_iter().map(MatcherForm::matcher).collect::<Result<_, _>>()?;
        Ok(SilenceRequest {
            id: self.id.filter(|id| !id.is_empty()),
            matchers,
            starts_at: time("startsAt", self.starts_at)?,
            ends_at: time("endsAt", self.ends_at)?,
            created_by,
            comment,
        })
    }
}

impl MatcherForm {
    fn matcher(self) -> Result<Matcher, Fault> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        if self.name.is_empty() {
            let why = "name in body is required".to_owned();
            return Err(Fault::Malformed(FieldFault::Wrong(why)));
        }
        let built = Matcher::new(op, self.name, self.value);
        built.map_err(|error| Fault::Refused(error.context("silence invalid")))
    }
}

/// Writes an instant with milliseconds, as the API does.
pub fn time(at: TimestampMs) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

/// Writes labels or annotations.
pub fn pairs(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Writes an alert.
pub fn alert(view: &AlertView) -> Value {
    let alert = &view.alert;
    let quiet = &view.quiet;
    let inhibited: Vec<String> = quiet.inhibited_by.iter().map(|f| format!("{f:016x}")).collect();
    let receivers: Vec<Value> = view.receivers.iter().map(|name| json!({"name": name})).collect();
    let mut body = json!({
        "annotations": pairs(&alert.annotations),
        "endsAt": time(alert.ends_at.unwrap_or(alert.updated_at)),
        "fingerprint": format!("{:016x}", view.fingerprint),
        "receivers": receivers,
        "startsAt": time(alert.starts_at),
        "status": {
            "inhibitedBy": inhibited,
            "mutedBy": quiet.muted_by,
            "silencedBy": quiet.silenced_by,
            "state": if quiet.is_active() { "active" } else { "suppressed" },
        },
        "updatedAt": time(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": pairs(&alert.labels),
    });
    if let Some(fields) = body.as_object_mut().filter(|_| alert.generator_url.is_empty()) {
        fields.shift_remove("generatorURL");
    }
    body
}

/// Writes a group.
pub fn group(group: &AlertGroup) -> Value {
    json!({
        "alerts": group.alerts.iter().map(alert).collect::<Vec<_>>(),
        "labels": pairs(&group.labels),
        "receiver": {"name": group.receiver},
    })
}

/// Writes a silence as it is at `now`.
pub fn silence(silence: &Silence, now: TimestampMs) -> Value {
    json!({
        "id": silence.id,
        "status": {"state": silence.state_at(now).as_str()},
        "updatedAt": time(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": time(silence.ends_at),
        "matchers": silence.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "startsAt": time(silence.starts_at),
    })
}

fn matcher(matcher: &Matcher) -> Value {
    json!({
        "isEqual": matches!(matcher.op, MatchOp::Equal | MatchOp::Regex),
        "isRegex": matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex),
        "name": matcher.name,
        "value": matcher.value,
    })
}
