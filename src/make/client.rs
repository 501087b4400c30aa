//! What the tools ask of Make.com.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::make::MakeConfig;
use crate::make::transport::{Request, Transport};

/// The most scenarios Make.com gives in one page.
const PAGE: usize = 100;
/// Make.com itself waits at most 40 s for a scenario to end.
const RUN_TIMEOUT: Duration = Duration::from_secs(55);

/// Asks Make.com for scenarios and runs them.
pub struct MakeClient {
    transport: Transport,
}

/// Some scenarios.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioPage {
    /// Make.com's own objects.
    pub scenarios: Vec<Value>,
    /// Where the next page begins; `None` at the end.
    pub next_offset: Option<usize>,
}

/// What Make.com said to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAnswer {
    /// Names the execution.
    pub execution_id: String,
    /// How it ended (`1` success, `2` warning, `3` error, as text); `None` when it still runs.
    pub status: Option<String>,
    /// What the scenario returned, where it returns something.
    pub outputs: Option<Value>,
}

impl MakeClient {
    /// Creates a client.
    ///
    /// # Errors
    /// `Internal` when no HTTP client can be built.
    pub fn new(config: MakeConfig, clock: SharedClock) -> Result<Self> {
        Ok(MakeClient { transport: Transport::new(config, clock)? })
    }

    /// Lists up to `limit` scenarios from `offset` on, page by page.
    ///
    /// # Errors
    /// Those of the exchange; `InvalidInput` when neither team nor organization is configured.
    pub async fn list_scenarios(&self, offset: usize, limit: usize) -> Result<ScenarioPage> {
        let scope = self.scope()?;
        let mut scenarios: Vec<Value> = Vec::new();
        while scenarios.len() < limit {
            let size = PAGE.min(limit - scenarios.len());
            let query = vec![
                scope.clone(),
                ("pg[offset]", (offset + scenarios.len()).to_string()),
                ("pg[limit]", size.to_string()),
            ];
            let mut answer = self.get("/scenarios", "/scenarios".to_owned(), query).await?;
            let Some(Value::Array(page)) = answer.get_mut("scenarios").map(Value::take) else {
                return Err(unexpected("no list of scenarios"));
            };
            let last_page = page.len() < size;
            scenarios.extend(page);
            if last_page {
                return Ok(ScenarioPage { scenarios, next_offset: None });
            }
        }
        let next_offset = Some(offset + scenarios.len());
        Ok(ScenarioPage { scenarios, next_offset })
    }

    /// Returns one scenario.
    ///
    /// # Errors
    /// `NotFound` and those of the exchange.
    pub async fn get_scenario(&self, id: u64) -> Result<Value> {
        let mut answer = self.get("/scenarios/{id}", format!("/scenarios/{id}"), vec![]).await?;
        match answer.get_mut("scenario").map(Value::take) {
            Some(scenario @ Value::Object(_)) => Ok(scenario),
            _ => Err(unexpected("no scenario")),
        }
    }

    /// Runs a scenario with `data`; `wait` asks Make.com to answer after the run (40 s at most).
    ///
    /// # Errors
    /// Those of the exchange. After `Timeout` the run may still go on.
    pub async fn run_scenario(&self, id: u64, data: Value, wait: bool) -> Result<RunAnswer> {
        let request = Request {
            method: Method::POST,
            endpoint: "/scenarios/{id}/run",
            path: format!("/scenarios/{id}/run"),
            query: vec![],
            body: Some(json!({ "data": data, "responsive": wait })),
            timeout: RUN_TIMEOUT,
        };
        let answer = self.transport.send(request).await?;
        let text = |key: &str| match answer.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let execution_id = text("executionId").ok_or_else(|| unexpected("no executionId"))?;
        let outputs = answer.get("outputs").filter(|outputs| !outputs.is_null()).cloned();
        Ok(RunAnswer { execution_id, status: text("status"), outputs })
    }

    async fn get(
        &self,
        endpoint: &'static str,
        path: String,
        query: Vec<(&'static str, String)>,
    ) -> Result<Value> {
        let timeout = self.transport.config().timeout;
        let request = Request { method: Method::GET, endpoint, path, query, body: None, timeout };
        self.transport.send(request).await
    }

    fn scope(&self) -> Result<(&'static str, String)> {
        let config = self.transport.config();
        match (config.team_id, config.organization_id) {
            (Some(team), _) => Ok(("teamId", team.to_string())),
            (None, Some(organization)) => Ok(("organizationId", organization.to_string())),
            (None, None) => Err(Error::invalid(
                "set make.team_id or make.organization_id (or MAKE_TEAM_ID, MAKE_ORGANIZATION_ID): Make.com lists scenarios of one of them",
            )),
        }
    }
}

fn unexpected(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("Make.com's answer holds {what}"))
}
