//! One handler a path.

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::access::{Caller, Scope};
use crate::base::error::Error;
use crate::http::body;
use crate::protocols::alertmanager::error::Fault;
use crate::protocols::alertmanager::forms::{self, PostedForm, SilenceForm};
use crate::protocols::alertmanager::{AlertmanagerDoor, MAX_BODY};
use crate::service::AlertQuery;

type Answer = Result<Response, Fault>;
type Pairs = Vec<(String, String)>;

fn answer(body: &Value) -> Response {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn filter(pairs: &Pairs) -> Vec<String> {
    let all = pairs.iter().filter(|(name, _)| name == "filter");
    all.map(|(_, value)| value.clone()).collect()
}

fn alert_query(pairs: &Pairs) -> Result<AlertQuery, Fault> {
    let find = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value);
    let flag = |name: &str| match find(name).map(|value| value.to_lowercase()) {
        None => Ok(true),
        Some(text) => match text.as_str() {
            "" | "1" | "t" | "true" | "y" | "yes" | "on" | "ok" | "checked" | "selected" => {
                Ok(true)
            }
            "0" | "f" | "false" | "n" | "no" | "off" => Ok(false),
            _ => {
                Err(Fault::Malformed(format!("{name} in query must be of type boolean: {text:?}")))
            }
        },
    };
    Ok(AlertQuery {
        filter: filter(pairs),
        receiver: find("receiver").cloned(),
        active: flag("active")?,
        silenced: flag("silenced")?,
        inhibited: flag("inhibited")?,
        muted: flag("muted")?,
    })
}

/// Reads a JSON body.
async fn read<T: DeserializeOwned>(request: Request, what: &str) -> Result<T, Fault> {
    let bytes = body::read(request, MAX_BODY).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let malformed = format!("parsing {what} body failed, because {error}");
        match error.is_data() {
            true => Fault::Malformed(malformed),
            false => Fault::Refused(Error::invalid(malformed)),
        }
    })
}

pub async fn alerts(
    State(door): State<AlertmanagerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    let found = door.services.alerts.alerts(&caller, alert_query(&pairs)?).await?;
    Ok(answer(&found.iter().map(forms::alert).collect()))
}

pub async fn groups(
    State(door): State<AlertmanagerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    let found = door.services.alerts.groups(&caller, alert_query(&pairs)?).await?;
    Ok(answer(&found.iter().map(forms::group).collect()))
}

/// Keeps the good alerts even where some are refused, as Alertmanager does.
pub async fn post_alerts(
    State(door): State<AlertmanagerDoor>,
    caller: Caller,
    request: Request,
) -> Answer {
    caller.require(Scope::AlertsWrite)?;
    let posted: Vec<PostedForm> = read(request, "alerts").await?;
    let mut alerts = Vec::with_capacity(posted.len());
    for form in posted {
        alerts.push(form.alert().map_err(Fault::Malformed)?);
    }
    let refused = door.services.alerts.post(&caller, alerts).await?;
    match refused.is_empty() {
        true => Ok(StatusCode::OK.into_response()),
        false => Err(Error::invalid(refused.join("; ")).into()),
    }
}

pub async fn silences(
    State(door): State<AlertmanagerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    let found = door.services.alerts.silences(&caller, filter(&pairs)).await?;
    let now = door.services.alerts.now();
    Ok(answer(&found.iter().map(|silence| forms::silence(silence, now)).collect()))
}

pub async fn post_silence(
    State(door): State<AlertmanagerDoor>,
    caller: Caller,
    request: Request,
) -> Answer {
    caller.require(Scope::AlertsWrite)?;
    let form: SilenceForm = read(request, "silence").await?;
    let request = form.request().map_err(Fault::Malformed)?;
    let silence = door.services.alerts.set_silence(&caller, request).await?;
    Ok(answer(&json!({"silenceID": silence.id})))
}

pub async fn silence(
    State(door): State<AlertmanagerDoor>,
    Path(id): Path<String>,
    caller: Caller,
) -> Answer {
    let found = door.services.alerts.silence(&caller, id).await?;
    Ok(answer(&forms::silence(&found, door.services.alerts.now())))
}

pub async fn delete_silence(
    State(door): State<AlertmanagerDoor>,
    Path(id): Path<String>,
    caller: Caller,
) -> Answer {
    door.services.alerts.expire_silence(&caller, &id).await?;
    Ok(StatusCode::OK.into_response())
}

pub async fn receivers(State(door): State<AlertmanagerDoor>, caller: Caller) -> Answer {
    let names = door.services.alerts.receivers(&caller)?;
    Ok(answer(&names.iter().map(|name| json!({"name": name})).collect()))
}

pub async fn status(State(door): State<AlertmanagerDoor>, caller: Caller) -> Answer {
    let original = door.services.alerts.configuration(&caller)?;
    let facts = door.services.status.facts(&caller).await?;
    Ok(answer(&json!({
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": original},
        "uptime": forms::time(facts.started),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": facts.revision,
            "version": facts.version,
        },
    })))
}
