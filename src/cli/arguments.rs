//! What can be typed.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::cli::backup::{Backup, Restore};
use crate::cli::export::Export;
use crate::cli::import::Import;
use crate::cli::query::Query;

const ABOUT: &str =
    "The observability appliance and MCP server: metrics, logs and traces in one binary.";

const LONG_ABOUT: &str = "\
Belvedere keeps metrics, logs and traces and answers in the languages that your tools already speak.

Started without arguments it listens on this machine only, keeps its data in ./data and needs no
configuration. Send OpenTelemetry to ports 4317 (gRPC) and 4318 (HTTP); everything else - Prometheus
remote write, Elasticsearch bulk, Jaeger, queries, MCP for AI agents - is served on port 8080.";

const AFTER_HELP: &str = "\
Settings are taken from flags, then the environment, then belvedere.yaml. Data goes to standard
output, logs to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

const DEMO: &str = "\
Run an appliance that watches a simulated shop: an hour of history, then continuous traffic with
incidents, a Make.com account, and agents that call MCP tools.

Data is kept in a directory of its own below the system's temporary one and removed at the end;
--data-dir is not used, and a configuration is only read when --config names it. Where a port is in
use and --listen does not insist, another one is taken.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "belvedere",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Settings of every command.
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// What to do; serving when nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Settings of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings of every command")]
pub(crate) struct Settings {
    /// Read this file instead of ./belvedere.yaml
    #[arg(long, global = true, value_name = "FILE", env = "BELVEDERE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Keep data in this directory [default: ./data]
    #[arg(long, global = true, value_name = "DIR", env = "BELVEDERE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Serve HTTP on this address [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR:PORT", env = "BELVEDERE_LISTEN")]
    pub(crate) listen: Option<String>,
    /// Keep data on disk, or in memory until the end of the process [default: disk]
    #[arg(long, global = true, value_name = "WHERE", env = "BELVEDERE_STORAGE",
        value_parser = PossibleValuesParser::new(["disk", "memory"]))]
    pub(crate) storage: Option<String>,
    /// Write logs as text for people or as JSON for machines [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "BELVEDERE_LOG_FORMAT",
        value_parser = PossibleValuesParser::new(["text", "json"]))]
    pub(crate) log_format: Option<String>,
    /// Write logs from this level on [default: info]
    #[arg(long, global = true, value_name = "LEVEL",
        value_parser = PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"]))]
    pub(crate) log_level: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the appliance until SIGTERM or Ctrl-C (the default)
    Serve,
    /// Speak MCP over standard input and output, for AI agents that start their servers themselves
    Mcp {
        /// Carry to the appliance at this address instead of the one in the data directory; where
        /// none runs, the data directory is opened
        #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
        url: Option<String>,
    },
    /// Run an appliance that watches a simulated shop with incidents; its data is thrown away
    #[command(long_about = DEMO)]
    Demo {
        /// The same seed gives the same visits
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Check files without running anything; names every fault with line and key
    Check {
        /// What to check.
        #[command(subcommand)]
        what: CheckCommand,
    },
    /// Run unit tests
    Test {
        /// What to test.
        #[command(subcommand)]
        what: TestCommand,
    },
    /// Show the configuration that is in force
    Config {
        /// What to show.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Ask a running appliance whether it is ready; exit code 0 means yes
    Healthcheck {
        /// Ask at this address instead of the one in the data directory
        #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
        url: Option<String>,
    },
    /// Ask about metrics, logs or traces, and write a table, a chart, JSON or CSV
    Query {
        /// What to ask about.
        #[command(subcommand)]
        what: Query,
    },
    /// Import metrics from Prometheus or OpenMetrics text; goes on where it was broken off
    Import(Import),
    /// Write metrics as OpenMetrics text, a file a day; goes on where it was broken off
    Export(Export),
    /// Copy all data of the appliance while it runs; costs only what changed since the last time
    Backup(Backup),
    /// Make an empty data directory from a backup
    Restore(Restore),
    /// Print the version
    Version,
    /// Print completions for a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What to check.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Check configuration files
    Config {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check rule files
    Rules {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// What to test.
#[derive(Debug, Subcommand)]
pub(crate) enum TestCommand {
    /// Test rules, in the format of `promtool test rules`
    Rules {
        /// The test files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// What to show.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective configuration, secrets as <secret>
    Print,
}

/// Returns the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "belvedere", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_behind_the_command() {
        let before = Arguments::parse_from(["belvedere", "--data-dir", "x", "healthcheck"]);
        let behind = Arguments::parse_from(["belvedere", "healthcheck", "--data-dir", "x"]);
        assert_eq!(before.settings.data_dir, behind.settings.data_dir);
    }

    #[test]
    fn completions_know_the_commands() {
        assert!(completions(Shell::Bash).contains("healthcheck"));
    }
}
