//! A Make.com account that answers as the real API does: scenarios, runs, and their log.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::base::clock::SharedClock;
use crate::base::secret::Secret;
use crate::demo::dice::Dice;
use crate::demo::incident::{Incident, Schedule};

/// The team whose scenarios these are.
pub const TEAM_ID: u64 = 215;
/// How many runs are remembered.
const RUNS: usize = 200;

struct Scenario {
    id: u64,
    name: &'static str,
    packages: &'static [&'static str],
    is_active: bool,
    is_paused: bool,
    interval_s: u64,
}

const SCENARIOS: [Scenario; 9] = [
    scenario(1_201, "New customer to CRM", &["gateway", "hubspotcrm"], true, 900),
    scenario(1_202, "Daily sales report", &["http", "google-sheets", "slack"], true, 86_400),
    scenario(1_203, "Low stock warning", &["http", "filter", "slack"], true, 900),
    scenario(1_204, "Order to shipping label", &["gateway", "http", "email"], true, 0),
    scenario(1_205, "Sync orders to accounting", &["http", "xero"], true, 3_600),
    scenario(1_206, "Reviews <b>to</b> sheet & \"digest\"", &["gateway", "google-sheets"], true, 0),
    scenario(1_207, "Refund on complaint", &["gateway", "stripe", "email"], true, 0),
    scenario(1_208, "Old newsletter import", &["csv", "mailchimp"], false, 86_400),
    Scenario {
        is_paused: true,
        ..scenario(1_209, "Price feed to marketplaces", &["http", "xml"], true, 3_600)
    },
];

const fn scenario(
    id: u64,
    name: &'static str,
    packages: &'static [&'static str],
    is_active: bool,
    interval_s: u64,
) -> Scenario {
    Scenario { id, name, packages, is_active, is_paused: false, interval_s }
}

/// The scenario that fails while payments do.
const ACCOUNTING: u64 = 1_205;

struct Run {
    scenario: u64,
    id: String,
    at_ms: i64,
    milliseconds: i64,
    status: u8,
}

/// The account.
#[derive(Clone)]
pub struct Account(Arc<Parts>);

struct Parts {
    token: String,
    clock: SharedClock,
    schedule: Schedule,
    dice: Mutex<Dice>,
    runs: Mutex<VecDeque<Run>>,
}

impl Account {
    /// Opens an account with a token of its own.
    pub fn new(clock: SharedClock, schedule: Schedule, seed: u64) -> Self {
        let dice = Dice::of_seed(seed);
        let id = u128::from_be_bytes(rand::random());
        let hex = format!("{id:032x}");
        let token = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let runs = Mutex::new(VecDeque::with_capacity(RUNS));
        Account(Arc::new(Parts { token, clock, schedule, dice: Mutex::new(dice), runs }))
    }

    /// Returns the token that opens the account.
    pub fn token(&self) -> Secret {
        Secret::new(self.0.token.clone())
    }

    /// Returns the routes of the API below `/api/v2`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/api/v2/scenarios", get(list))
            .route("/api/v2/scenarios/{id}", get(one))
            .route("/api/v2/scenarios/{id}/run", post(run))
            .route("/api/v2/scenarios/{id}/logs", get(logs))
            .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "Not Found", "no such endpoint"))
            .with_state(self.clone())
    }

    fn knows(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = given.and_then(|text| text.strip_prefix("Token "));
        match token == Some(self.0.token.as_str()) {
            true => Ok(()),
            false => {
                let why = "the token is not of this account";
                Err(Refusal::new(StatusCode::UNAUTHORIZED, "Access denied.", why))
            }
        }
    }

    fn find(&self, headers: &HeaderMap, id: &str) -> Result<&'static Scenario, Refusal> {
        self.knows(headers)?;
        let found = SCENARIOS.iter().find(|scenario| scenario.id.to_string() == id);
        found.ok_or_else(|| {
            let why = format!("Scenario with ID {id} was not found");
            Refusal::new(StatusCode::NOT_FOUND, "Not found", why)
        })
    }

    /// Runs a scenario; returns how long it takes and the run.
    fn begin_run(&self, scenario: &Scenario) -> (i64, Run) {
        let now_ns = self.0.clock.now_ns();
        let mut dice = self.0.dice.lock();
        let milliseconds = (dice.around(450.0, 0.5) as i64).min(5_000);
        let running = self.0.schedule.running(now_ns);
        let payments_fail = running.iter().any(|one| one.incident == Incident::PaymentTimeouts);
        let status = match scenario.id {
            ACCOUNTING if payments_fail => 3,
            _ if dice.happens(0.05) => 2,
            _ => 1,
        };
        let id = dice.id::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let run =
            Run { scenario: scenario.id, id, at_ms: now_ns / 1_000_000, milliseconds, status };
        (milliseconds, run)
    }

    fn remember(&self, run: Run) {
        let mut runs = self.0.runs.lock();
        if runs.len() == RUNS {
            runs.pop_front();
        }
        runs.push_back(run);
    }
}

async fn list(
    State(account): State<Account>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    account.knows(&headers)?;
    if query.get("teamId").map(String::as_str) != Some("215") {
        let why = "You are not a member of this team";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Permission denied", why));
    }
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let (offset, limit) = (number("pg[offset]").unwrap_or(0), number("pg[limit]").unwrap_or(10));
    let now_ms = account.0.clock.now_ms();
    let page: Vec<Value> =
        SCENARIOS.iter().skip(offset).take(limit.min(100)).map(|one| about(one, now_ms)).collect();
    Ok(Json(json!({"scenarios": page, "pg": {"offset": offset, "limit": limit}})))
}

async fn one(
    State(account): State<Account>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let scenario = about(account.find(&headers, &id)?, account.0.clock.now_ms());
    Ok(Json(json!({ "scenario": scenario })))
}

async fn run(
    State(account): State<Account>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, Refusal> {
    let scenario = account.find(&headers, &id)?;
    if !scenario.is_active || scenario.is_paused {
        let why = format!("Scenario {id} is not active");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "Scenario can not be run", why));
    }
    let (milliseconds, run) = account.begin_run(scenario);
    let (execution, status) = (run.id.clone(), run.status);
    account.remember(run);
    if asked["responsive"] != json!(true) {
        return Ok(Json(json!({ "executionId": execution })));
    }
    account.0.clock.sleep(Duration::from_millis(milliseconds.unsigned_abs())).await;
    let outputs = json!({"received": asked["data"], "bundles": 1});
    let answer = json!({
        "executionId": execution,
        "status": status.to_string(),
        "outputs": if status == 3 { Value::Null } else { outputs },
    });
    Ok(Json(answer))
}

async fn logs(
    State(account): State<Account>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let scenario = account.find(&headers, &id)?;
    let runs = account.0.runs.lock();
    let entry = |run: &Run| {
        json!({
            "id": run.id,
            "imtId": run.id,
            "timestamp": instant(run.at_ms),
            "duration": run.milliseconds,
            "operations": scenario.packages.len(),
            "status": run.status,
            "type": "manual",
            "teamId": TEAM_ID,
        })
    };
    let own = runs.iter().rev().filter(|run| run.scenario == scenario.id);
    let entries: Vec<Value> = own.map(entry).collect();
    Ok(Json(json!({ "scenarioLogs": entries })))
}

/// A scenario as Make.com tells it.
fn about(scenario: &Scenario, now_ms: i64) -> Value {
    let interval_ms = (scenario.interval_s * 1_000) as i64;
    let on_demand = scenario.interval_s == 0;
    let kind = if on_demand { "immediately" } else { "indefinitely" };
    let scheduling = match on_demand {
        true => json!({ "type": kind }),
        false => json!({ "type": kind, "interval": scenario.interval_s }),
    };
    let runs_by_itself = scenario.is_active && !scenario.is_paused && !on_demand;
    let next = runs_by_itself.then(|| instant((now_ms / interval_ms + 1) * interval_ms));
    json!({
        "id": scenario.id,
        "name": scenario.name,
        "teamId": TEAM_ID,
        "folderId": null,
        "description": "",
        "isActive": scenario.is_active,
        "isPaused": scenario.is_paused,
        "isinvalid": false,
        "islinked": scenario.is_active,
        "usedPackages": scenario.packages,
        "scheduling": scheduling,
        "nextExec": next,
        "dlqCount": if scenario.id == ACCOUNTING { 3 } else { 0 },
        "created": "2026-03-02T09:15:00.000Z",
        "lastEdit": "2026-10-19T14:02:11.000Z",
        "createdByUser": {"id": 17, "name": "Demo Owner", "email": "owner@shop.example"},
    })
}

fn instant(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{at:.3}")
}

/// What the account answers to a request that it does not take.
struct Refusal {
    status: StatusCode,
    message: &'static str,
    detail: String,
}

impl Refusal {
    fn new(status: StatusCode, message: &'static str, detail: impl Into<String>) -> Self {
        Refusal { status, message, detail: detail.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = format!("IM{:03}", self.status.as_u16() % 100);
        let body = json!({"message": self.message, "detail": self.detail, "code": code});
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::base::clock::SystemClock;
    use crate::base::task::TaskGroup;

    struct Served {
        base: String,
        account: Account,
        tasks: TaskGroup,
    }

    async fn served() -> Served {
        let clock: SharedClock = Arc::new(SystemClock);
        let account = Account::new(Arc::clone(&clock), Schedule::around(clock.now_ns()), 1);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = tokio::net::TcpListener::bind(any).await.unwrap();
        let base = format!("http://{}/api/v2", socket.local_addr().unwrap());
        let (router, tasks) = (account.router(), TaskGroup::new());
        tasks.spawn("account", async move { axum::serve(socket, router).await.unwrap() });
        Served { base, account, tasks }
    }

    async fn ask(served: &Served, path: &str, token: &str) -> (u16, Value) {
        let client = reqwest::Client::new();
        let request = client.get(format!("{}{path}", served.base));
        let answer = request.header("authorization", token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn scenarios_come_in_pages_to_whoever_has_the_token() {
        let served = served().await;
        let token = format!("Token {}", served.account.token().expose());
        let (status, page) =
            ask(&served, "/scenarios?teamId=215&pg%5Boffset%5D=8&pg%5Blimit%5D=5", &token).await;
        assert_eq!((status, page["scenarios"].as_array().unwrap().len()), (200, 1), "{page}");
        assert_eq!(page["scenarios"][0]["isPaused"], true);
        assert_eq!(ask(&served, "/scenarios?teamId=215", "Token other").await.0, 401);
        assert_eq!(ask(&served, "/scenarios?teamId=1", &token).await.0, 403);
        let (status, missing) = ask(&served, "/scenarios/9", &token).await;
        assert_eq!((status, missing["message"].as_str()), (404, Some("Not found")));
        served.tasks.stop(Duration::ZERO).await;
    }
}
