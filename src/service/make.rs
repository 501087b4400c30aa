//! Questions to Make.com, and runs of scenarios.

use std::sync::Arc;

use serde_json::Value;

use crate::access::{Caller, Scope};
use crate::base::error::Result;
use crate::make::{MakeClient, RunAnswer, ScenarioPage};

/// Asks Make.com for callers that may.
#[derive(Clone)]
pub struct MakeService {
    client: Arc<MakeClient>,
    runs: bool,
}

impl MakeService {
    /// Joins the use cases with the client; `runs` tells whether scenarios may be run at all.
    pub fn new(client: MakeClient, runs: bool) -> Self {
        MakeService { client: Arc::new(client), runs }
    }

    /// Returns whether the configuration lets scenarios be run.
    pub fn may_run(&self) -> bool {
        self.runs
    }

    /// Lists up to `limit` scenarios from `offset` on.
    ///
    /// # Errors
    /// Permission, and those of [`MakeClient::list_scenarios`]; likewise below.
    pub async fn list_scenarios(
        &self,
        caller: &Caller,
        offset: usize,
        limit: usize,
    ) -> Result<ScenarioPage> {
        caller.require(Scope::MakeRead)?;
        self.client.list_scenarios(offset, limit).await
    }

    /// Returns one scenario.
    pub async fn get_scenario(&self, caller: &Caller, id: u64) -> Result<Value> {
        caller.require(Scope::MakeRead)?;
        self.client.get_scenario(id).await
    }

    /// Runs a scenario.
    pub async fn run_scenario(
        &self,
        caller: &Caller,
        id: u64,
        data: Value,
        wait: bool,
    ) -> Result<RunAnswer> {
        caller.require(Scope::MakeRun)?;
        self.client.run_scenario(id, data, wait).await
    }
}
