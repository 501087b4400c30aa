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
    /// A text for people that names the field.
    pub fn request(self) -> Result<SilenceRequest, String> {
        let required = |field: &str| format!("{field} in body is required");
        let time = |field: &str, text: Option<String>| {
            let text = text.ok_or_else(|| required(field))?;
            instant(field, &text)?.ok_or_else(|| required(field))
        };
        let mut matchers = Vec::new();
        for form in self.matchers.ok_or_else(|| required("matchers"))? {
            matchers.push(form.matcher()?);
        }
        Ok(SilenceRequest {
            id: self.id.filter(|id| !id.is_empty()),
            matchers,
            starts_at: time("startsAt", self.starts_at)?,
            ends_at: time("endsAt", self.ends_at)?,
            created_by: self.created_by.ok_or_else(|| required("createdBy"))?,
            comment: self.comment.ok_or_else(|| required("comment"))?,
        })
    }
}

impl MatcherForm {
    fn matcher(self) -> Result<Matcher, String> {
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        if self.name.is_empty() {
            return Err("name in body is required".to_owned());
        }
        Matcher::new(op, self.name, self.value).map_err(|error| error.message().to_owned())
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
    json!({
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
    })
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
