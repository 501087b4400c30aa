//! `POST /api/x/admin/backup`: `{"dir": "/absolute/path"}` in; out one JSON object a line while it is
//! made, the last with `done` or `error`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Json, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::access::{Caller, Scope};
use crate::app::backup::write::{BackupStep, BackupSum, Backups};
use crate::base::error::{Error, Result};
use crate::base::task::TaskGroup;
use crate::http::error::plain;

/// Steps that wait to be read.
const STEPS: usize = 16;

#[derive(Clone)]
struct BackupDoor {
    backups: Backups,
    tasks: TaskGroup,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    dir: std::path::PathBuf,
}

/// Returns the route; backups run in `tasks` and come to their end when nobody waits any more.
pub(crate) fn routes(backups: Backups, tasks: TaskGroup) -> Router {
    Router::new()
        .route("/api/x/admin/backup", post(backup))
        .with_state(BackupDoor { backups, tasks })
}

async fn backup(
    State(door): State<BackupDoor>,
    caller: Caller,
    wanted: std::result::Result<Json<Wanted>, axum::extract::rejection::JsonRejection>,
) -> Response {
    if let Err(error) = caller.require(Scope::Admin) {
        return plain(&error);
    }
    let Ok(Json(Wanted { dir })) = wanted else {
        return plain(&Error::invalid("the body must be {\"dir\": \"/absolute/path\"}"));
    };
    let (steps, seen) = mpsc::channel(STEPS);
    let (answer, outcome) = oneshot::channel();
    let backups = door.backups;
    door.tasks.spawn("backup", async move {
        // The asker may have gone away meanwhile.
        let _ = answer.send(backups.make(&dir, steps).await);
    });
    let lines = stream::unfold(Some((seen, outcome)), |state| async move {
        let (mut seen, outcome) = state?;
        match seen.recv().await {
            Some(step) => Some((line(&step_json(&step)), Some((seen, outcome)))),
            None => {
                let lost = |_| Err(Error::internal("the backup was broken off"));
                Some((line(&outcome_json(&outcome.await.unwrap_or_else(lost))), None))
            }
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(value: &Value) -> std::result::Result<String, std::convert::Infallible> {
    Ok(format!("{value}\n"))
}

fn step_json(step: &BackupStep) -> Value {
    match step {
        BackupStep::Copying(signal) => json!({"copying": signal}),
        BackupStep::Storing { done, total } => json!({"stored_bytes": done, "total_bytes": total}),
    }
}

fn outcome_json(outcome: &Result<BackupSum>) -> Value {
    match outcome {
        Ok(BackupSum { files, bytes, copied }) => {
            json!({"done": {"files": files, "bytes": bytes, "copied_bytes": copied}})
        }
        Err(error) => json!({"error": error.message(), "kind": error.kind().as_str()}),
    }
}
