//! `check config` and `config print`.

use crate::cli::arguments::{CheckCommand, Settings};
use crate::cli::outcome::{Failure, say};
use crate::config::{self, Flags, Sources};

/// Checks every file, one after the other, and reports all faults of all of them.
///
/// # Errors
/// A usage failure with the faults.
pub(crate) fn check(what: &CheckCommand) -> Result<(), Failure> {
    let CheckCommand::Config { files } = what;
    let environment = |name: &str| std::env::var(name).ok();
    let mut faults = Vec::new();
    for file in files {
        let checked =
            Sources::gather(Some(file), Flags::default(), &environment).and_then(config::load);
        match checked {
            Ok(_) => say(&format!("{}: ok\n", file.display()))?,
            Err(found) => faults.push(found.to_string()),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::usage(faults.join("\n"))) }
}

/// Prints the effective configuration.
///
/// # Errors
/// A usage failure with the faults.
pub(crate) fn print_config(settings: &Settings) -> Result<(), Failure> {
    say(&config::print(&settings.load()?))
}
