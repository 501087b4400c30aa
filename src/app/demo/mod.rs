//! An appliance on a throw-away directory, with a simulated shop beside it.

mod delivery;

use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::build::App;
use crate::app::endpoint::Endpoint;
use crate::app::run::Reload;
use crate::app::signals::Signals;
use crate::app::telemetry::Telemetry;
use crate::base::clock::SharedClock;
use crate::base::duration::format_duration;
use crate::base::error::{Error, Result};
use crate::base::secret::Secret;
use crate::config::{Config, Make, MakeTools};
use crate::demo::{
    Account, Agents, LiveShop, McpEndpoint, Occurrence, Opening, Schedule, TEAM_ID, inbox,
};
use crate::http::listener::{self, ListenerLimits};
use crate::make::MakeConfig;
use crate::rules::{self, RuleDefaults};

/// How long the shop has been open when the demo starts.
const HISTORY: Duration = Duration::from_secs(3_600);
/// The history is older than live data may be.
const OUT_OF_ORDER: Duration = Duration::from_secs(7_200);
const RULES: &str = include_str!("../../../rules/demo.yml");

/// What a demo is like.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// Whether pages and APIs move to another port where theirs is in use; OTLP always does.
    pub any_port: bool,
}

/// A running demo.
pub struct Demo {
    app: App,
    schedule: Schedule,
    clock: SharedClock,
    config: Config,
    directory: ThrowAway,
}

impl Demo {
    /// Starts an appliance as `config` says, but with data, rules and a Make.com account of its
    /// own; then opens the shop. Needs a runtime.
    ///
    /// # Errors
    /// Those of [`App::build`], and `Internal` when there is no place for the directory.
    pub async fn build(
        mut config: Config,
        options: DemoOptions,
        clock: SharedClock,
        telemetry: Telemetry,
    ) -> Result<Self> {
        let directory = ThrowAway::create(&std::env::temp_dir())?;
        let start_ns = clock.now_ns();
        let schedule = Schedule::around(start_ns);
        let account = Account::new(Arc::clone(&clock), schedule, options.seed);
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = tokio::net::TcpListener::bind(loopback).await?;
        directory.path().clone_into(&mut config.data_dir);
        config.metrics.out_of_order_window = config.metrics.out_of_order_window.max(OUT_OF_ORDER);
        let address = socket.local_addr()?;
        config.make = Some(make(address, &account));
        delivery::configure(&mut config, address)?;
        config.rules.groups.extend(demo_rules(&config)?);
        take_free_ports(&mut config, options.any_port);
        let app = App::build(config.clone(), Arc::clone(&clock), telemetry).await?;
        let tasks = &app.timers;
        let router = account.router().merge(inbox());
        listener::serve(socket, router, ListenerLimits::default(), tasks);
        let opening = Opening { seed: options.seed, start_ns, history: HISTORY };
        LiveShop::new(app.ingest.clone(), Arc::clone(&clock), opening).start(tasks);
        let token = Endpoint::read(directory.path())?.map(|endpoint| endpoint.token);
        let url = format!("{}/mcp", app.addresses().http);
        let token = Secret::new(token.unwrap_or_default());
        let endpoint = McpEndpoint { url, token };
        let (ingest, seed) = (app.ingest.clone(), options.seed);
        Agents { ingest, clock: Arc::clone(&clock), endpoint, seed }.start(tasks)?;
        app.alerting.set_silence(delivery::silence(clock.now_ms())?).await?;
        Ok(Demo { app, schedule, clock, config, directory })
    }

    /// Returns what a person reads after the start: addresses, what runs, what to look at.
    pub fn welcome(&self) -> String {
        let addresses = self.app.addresses();
        let now = self.clock.now_ns();
        let mut incidents = String::new();
        for one in self.schedule.running(now) {
            incidents.push_str(&said("now", one, now, one.end, "ends"));
        }
        if let Some(one) = self.schedule.next(now) {
            incidents.push_str(&said("next", one, now, one.begin, "begins"));
        }
        let off = || "off".to_owned();
        format!(
            "
belvedere {version} demo: a simulated shop with an hour of history

  open        {http}/ui
  OTLP HTTP   {otlp_http}
  OTLP gRPC   {otlp_grpc}
  data        {data}, removed at the end

Incidents:
{incidents}
Look at:
  1. alerts   {http}/ui/alerts: two fire within a minute
  2. cause    {http}/ui/traces?service=checkout&errors=on: follow the red spans of a checkout
  3. why      {http}/ui/logs?q=severity:error: the lines of a failing checkout
  4. agents   {http}/mcp answers two of them all the time; give it to yours
",
            version = env!("CARGO_PKG_VERSION"),
            http = addresses.http,
            otlp_http = addresses.otlp_http.clone().unwrap_or_else(off),
            otlp_grpc = addresses.otlp_grpc.clone().unwrap_or_else(off),
            data = self.directory.path().display(),
        )
    }

    /// Serves until told to stop, then drains and removes the data.
    ///
    /// # Errors
    /// Those of [`App::run`].
    pub async fn run(self, signals: Signals) -> Result<()> {
        let Demo { app, config, directory, .. } = self;
        let reload: Reload = Arc::new(move || Ok(config.clone()));
        let ended = app.run(signals, reload).await;
        drop(directory);
        ended
    }
}

fn said(when: &str, one: Occurrence, now: i64, at: i64, verb: &str) -> String {
    let seconds = at.saturating_sub(now).max(0).unsigned_abs() / 1_000_000_000;
    let left = format_duration(Duration::from_secs(seconds));
    format!("  {when:<11} {} ({verb} in {left})\n", one.incident.about())
}

fn make(address: SocketAddr, account: &Account) -> Make {
    let client = MakeConfig {
        base_url: format!("http://{address}/api/v2"),
        token: account.token(),
        organization_id: None,
        team_id: Some(TEAM_ID),
        calls_per_minute: 60,
        timeout: Duration::from_secs(30),
    };
    Make { client, tools: MakeTools::Run }
}

fn demo_rules(config: &Config) -> Result<Vec<rules::GroupDefinition>> {
    let defaults = RuleDefaults {
        interval: config.global.evaluation_interval,
        query_offset: config.global.rule_query_offset,
    };
    let read = rules::read("rules/demo.yml", RULES, defaults);
    read.map_err(|faults| Error::internal(format!("the demo's rules: {faults}")))
}

/// A listener whose port is in use gets any other.
fn take_free_ports(config: &mut Config, with_main: bool) {
    let listen = &mut config.listen;
    let optional = listen.otlp_http.iter_mut().chain(listen.otlp_grpc.iter_mut());
    for address in optional.chain(with_main.then_some(&mut listen.http)) {
        let taken = TcpListener::bind(*address)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
        if taken {
            address.set_port(0);
        }
    }
}

/// A directory that lives as long as this value.
struct ThrowAway(PathBuf);

impl ThrowAway {
    /// Creates a directory that only its owner may enter.
    fn create(parent: &Path) -> Result<Self> {
        let number: u64 = rand::random();
        let path = parent.join(format!("belvedere-demo-{number:016x}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Error::from(error).context(path.display()))?;
        Ok(ThrowAway(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the demo's data");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::duration::parse_duration;
    use crate::rules::RuleDefinition;

    #[test]
    fn the_demo_has_rules_that_fire_soon_and_say_what_to_do() {
        let defaults =
            RuleDefaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };
        let groups = rules::read("rules/demo.yml", RULES, defaults).unwrap();
        let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
        let alerts: Vec<_> = rules
            .iter()
            .filter_map(|rule| match rule {
                RuleDefinition::Alerting(alert) => Some(alert),
                RuleDefinition::Recording(_) => None,
            })
            .collect();
        assert_eq!(alerts.len(), 4);
        assert!(groups[0].interval <= parse_duration("5s").unwrap());
    }

    #[test]
    fn a_throw_away_directory_is_gone_with_everything_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = ThrowAway::create(parent.path()).unwrap();
        let path = directory.path().to_owned();
        fs::create_dir(path.join("wal")).unwrap();
        fs::write(path.join("wal/1"), "x").unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}
