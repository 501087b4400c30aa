//! The command line: what a person types, and what becomes of it.
//!
//! In: arguments and the environment. Out: data on standard output, everything else on standard
//! error, and an exit code: 0 done, 1 failed, 2 wrong usage or configuration. Most commands are
//! clients of a running appliance, which they find by `endpoint.json` in its data directory.
//! Deliberately absent: what the commands do (`app`, `config`).

mod arguments;
mod outcome;
mod settings;
mod serve;
mod demo;
mod check;
mod test;
mod endpoint;
mod healthcheck;
mod events;
mod bridge;
mod appliance;
mod mcp;
mod progress;
mod import;
mod export;
mod backup;
mod query;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::arguments::{Arguments, Command, ConfigCommand};
use crate::cli::outcome::Failure;

/// Runs the command line of this process and returns its exit code.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // When even this cannot be printed, nobody is there to be told.
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            outcome::complain(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { settings, command } = arguments;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(&settings),
        Command::Demo { seed } => demo::demo(&settings, seed),
        Command::Check { what } => check::check(&what),
        Command::Test { what } => test::test(&what),
        Command::Config { what: ConfigCommand::Print } => check::print_config(&settings),
        Command::Healthcheck { url } => healthcheck::healthcheck(&settings, url.as_deref()),
        Command::Mcp { url } => mcp::mcp(&settings, url.as_deref()),
        Command::Import(what) => import::import(&settings, &what),
        Command::Export(what) => export::export(&settings, &what),
        Command::Backup(what) => backup::backup(&settings, &what),
        Command::Restore(what) => backup::restore(&settings, &what),
        Command::Query { what } => query::query(&settings, &what),
        Command::Version => outcome::say(&format!("belvedere {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => outcome::say(&arguments::completions(shell)),
    }
}
