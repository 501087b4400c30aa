//! Silences: those that are, a new one with what it would cover, and their end.

use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

use crate::access::{Caller, Scope};
use crate::base::duration::parse_duration;
use crate::base::error::{Error, Result};
use crate::http::body;
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::silence::{Silence, SilenceState};
use crate::model::time::TimestampMs;
use crate::service::{AlertQuery, SilenceRequest};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::alerts::{Tab, load_tabs};
use crate::ui::range::Choice;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// The largest form, in bytes.
const MAX_FORM: usize = 32 << 10;
/// Conditions of one silence.
const MAX_MATCHERS: usize = 50;
/// Alerts that a preview names, and expired silences that the list shows.
const MAX_PREVIEW: usize = 20;
const MAX_EXPIRED: usize = 50;

/// Lengths that the form offers.
const LENGTHS: [(&str, &str); 7] = [
    ("30m", "30 minutes"),
    ("1h", "an hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("1d", "a day"),
    ("3d", "3 days"),
    ("7d", "a week"),
];

#[derive(Template)]
#[template(path = "alerts_silences.html")]
struct SilencesPage {
    shell: Shell,
    tabs: Vec<Tab>,
    rows: Vec<SilenceRow>,
    /// The conditions of the new one, one a line.
    matchers: String,
    /// How long it may last; `href` is the form's value.
    lengths: Vec<Choice>,
    comment: String,
    /// What is wrong with the form; empty when nothing is.
    fault: String,
    /// Alerts that the new one would cover; `None` when nothing was written.
    preview: Option<Vec<String>>,
    may_write: bool,
}

/// A silence in the list.
struct SilenceRow {
    id: String,
    state: SilenceState,
    matchers: Vec<String>,
    comment: String,
    by: String,
    /// When it ends, began or ended.
    when: String,
    ends_at: String,
    covers: usize,
    again_href: String,
}

/// Shows them; `m` holds the conditions of a new one.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    show(&state, &caller, &request, &address, String::new()).await
}

/// Creates the silence that the form describes.
pub(crate) async fn create(
    State(state): State<UiState>,
    caller: Caller,
    address: Address,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let form = match form(request, address.path()).await {
        Ok(form) => form,
        Err(error) => return render::failure(&state, &headers, &address, &error),
    };
    let now = TimestampMs(state.clock.now_ms());
    let wanted = match silence_of(&form, &caller, now) {
        Ok(wanted) => wanted,
        Err(error) => {
            let fault = error.message().to_owned();
            return show(&state, &caller, &headers, &form, fault).await;
        }
    };
    match state.services.alerts.set_silence(&caller, wanted).await {
        Ok(_) => Redirect::to("/ui/alerts/silences").into_response(),
        Err(error) => render::failure(&state, &headers, &address, &error),
    }
}

/// Ends the silence that the form names.
pub(crate) async fn expire(
    State(state): State<UiState>,
    caller: Caller,
    address: Address,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let ended = async {
        let form = form(request, address.path()).await?;
        state.services.alerts.expire_silence(&caller, form.get("id")).await
    };
    match ended.await {
        Ok(()) => Redirect::to("/ui/alerts/silences").into_response(),
        Err(error) => render::failure(&state, &headers, &address, &error),
    }
}

async fn form(request: Request, path: &str) -> Result<Address> {
    let bytes = body::read(request, MAX_FORM).await?;
    let text = String::from_utf8(bytes.into()).map_err(|_| Error::invalid("a form is UTF-8"))?;
    Address::read(path, &text)
}

async fn show(
    state: &UiState,
    caller: &Caller,
    request: &HeaderMap,
    address: &Address,
    fault: String,
) -> Response {
    match build(state, caller, request, address, fault).await {
        Ok(template) => {
            let nonce = template.shell.nonce.clone();
            render::page(&template, &nonce)
        }
        Err(error) => render::failure(state, request, address, &error),
    }
}

async fn build(
    state: &UiState,
    caller: &Caller,
    request: &HeaderMap,
    address: &Address,
    fault: String,
) -> Result<SilencesPage> {
    let alerts = &state.services.alerts;
    let silences = alerts.silences(caller, Vec::new()).await?;
    let firing = alerts.alerts(caller, AlertQuery::default()).await?;
    let labels: Vec<&Labels> = firing.iter().map(|view| &view.alert.labels).collect();
    let tabs = load_tabs(state, caller, address, "/ui/alerts/silences").await?;
    let about = About { page: "alerts", title: "Silences", has_range: false, refresh: "off" };
    let written = written_matchers(address);
    let (preview, fault) = match (written.is_empty(), matchers_of(&written)) {
        (true, _) => (None, fault),
        (false, Ok(matchers)) => (Some(covered(&matchers, &labels)), fault),
        (false, Err(error)) if fault.is_empty() => (None, error.message().to_owned()),
        (false, Err(_)) => (None, fault),
    };
    let chosen = match address.get("for") {
        "" => "2h",
        length => length,
    };
    let length = |(value, words): (&str, &str)| Choice {
        title: words.to_owned(),
        href: value.to_owned(),
        current: value == chosen,
    };
    Ok(SilencesPage {
        shell: Shell::new(state, request, address, about),
        tabs,
        rows: rows(silences, &labels, TimestampMs(state.clock.now_ms())),
        matchers: written.join("\n"),
        lengths: LENGTHS.map(length).into(),
        comment: address.get("comment").to_owned(),
        fault,
        preview,
        may_write: caller.require(Scope::AlertsWrite).is_ok(),
    })
}

/// Active ones first, then those to come, then the latest that ended.
fn rows(mut silences: Vec<Silence>, firing: &[&Labels], now: TimestampMs) -> Vec<SilenceRow> {
    silences.sort_by_key(|silence| (silence.state_at(now), -silence.ends_at.0));
    let mut expired = 0;
    silences.retain(|silence| {
        expired += usize::from(silence.state_at(now) == SilenceState::Expired);
        expired <= MAX_EXPIRED
    });
    silences.into_iter().map(|silence| row(silence, firing, now)).collect()
}

fn row(silence: Silence, firing: &[&Labels], now: TimestampMs) -> SilenceRow {
    let state = silence.state_at(now);
    let again = Address::of("/ui/alerts/silences").with("comment", silence.comment.as_str());
    let conditions = silence.matchers.iter();
    let again = conditions.fold(again, |page, matcher| page.and("m", matcher.to_string()));
    SilenceRow {
        when: match state {
            SilenceState::Active => format!("ends in {}", format::age(now, silence.ends_at)),
            SilenceState::Pending => format!("begins in {}", format::age(now, silence.starts_at)),
            SilenceState::Expired => format!("ended {} ago", format::age(silence.ends_at, now)),
        },
        covers: firing.iter().filter(|labels| silence.covers(labels)).count(),
        matchers: silence.matchers.iter().map(Matcher::to_string).collect(),
        ends_at: format::machine(silence.ends_at),
        again_href: again.to_string(),
        id: silence.id,
        state,
        comment: silence.comment,
        by: silence.created_by,
    }
}

/// The lines of every `m`.
fn written_matchers(address: &Address) -> Vec<String> {
    let lines = address.all("m").flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn silence_of(form: &Address, caller: &Caller, now: TimestampMs) -> Result<SilenceRequest> {
    let matchers = matchers_of(&written_matchers(form))?;
    if matchers.is_empty() {
        return Err(Error::invalid("write at least one condition, such as alertname=Down"));
    }
    let comment = form.get("comment").trim();
    if comment.is_empty() {
        return Err(Error::invalid("say why: whoever looks at silences later wants to know"));
    }
    let length = parse_duration(form.get("for")).unwrap_or(Duration::from_secs(7_200));
    let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    Ok(SilenceRequest {
        id: None,
        matchers,
        starts_at: now,
        ends_at: TimestampMs(now.0.saturating_add(length_ms)),
        created_by: caller.name.to_string(),
        comment: comment.to_owned(),
    })
}

fn matchers_of(lines: &[String]) -> Result<Vec<Matcher>> {
    if lines.len() > MAX_MATCHERS {
        return Err(Error::invalid(format!("more than {MAX_MATCHERS} conditions")));
    }
    lines.iter().map(|line| matcher_of(line)).collect()
}

/// Reads `label=value`, `label!=value`, `label=~pattern` or `label!~pattern`; the value may be in
/// quotes.
fn matcher_of(line: &str) -> Result<Matcher> {
    let wrong = || Error::invalid(format!("{line:?} is no condition such as instance=web-1"));
    let at = line.find(['=', '!']).ok_or_else(wrong)?;
    let (label, rest) = line.split_at(at);
    let operators = [
        ("=~", MatchOp::Regex),
        ("!~", MatchOp::NotRegex),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ];
    let found = operators.iter().find_map(|(text, op)| Some((*op, rest.strip_prefix(text)?)));
    let (op, value) = found.ok_or_else(wrong)?;
    let (label, value) = (label.trim(), value.trim());
    if label.is_empty() {
        return Err(wrong());
    }
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    let value = match quoted {
        true => serde_json::from_str(value).map_err(|_| wrong())?,
        false => value.to_owned(),
    };
    Matcher::new(op, label, value)
}

fn covered(matchers: &[Matcher], firing: &[&Labels]) -> Vec<String> {
    let fits = |labels: &&&Labels| matchers.iter().all(|matcher| matcher.matches_labels(labels));
    firing.iter().filter(fits).take(MAX_PREVIEW).map(|labels| labels.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_and_the_list_write_them() {
        for (line, op, label, value) in [
            ("alertname=Down", MatchOp::Equal, "alertname", "Down"),
            ("instance != web-1", MatchOp::NotEqual, "instance", "web-1"),
            ("job=~\"a|b\"", MatchOp::Regex, "job", "a|b"),
            ("job!~c.*", MatchOp::NotRegex, "job", "c.*"),
            ("path=\"a\\\"=b\"", MatchOp::Equal, "path", "a\"=b"),
        ] {
            let read = matcher_of(line).unwrap();
            assert_eq!((read.op, read.name.as_str(), read.value.as_str()), (op, label, value));
            assert_eq!(matcher_of(&read.to_string()).unwrap().to_string(), read.to_string());
        }
        for wrong in ["", "Down", "=x", "a!x", "a=~(", "a=\"\\x\""] {
            assert!(matcher_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_silence_needs_conditions_and_a_reason() {
        let caller = Caller::local("ann");
        let form = Address::of("/x").with("m", "a=b\n\nc=d").with("for", "1h");
        let fault = silence_of(&form, &caller, TimestampMs(0)).unwrap_err();
        assert!(fault.message().contains("say why"), "{fault}");
        let form = form.with("comment", "deploy");
        let silence = silence_of(&form, &caller, TimestampMs(5)).unwrap();
        assert_eq!((silence.matchers.len(), silence.ends_at.0), (2, 3_600_005));
        let fault = silence_of(&form.with("m", ""), &caller, TimestampMs(0)).unwrap_err();
        assert!(fault.message().contains("at least one condition"), "{fault}");
    }
}
