//! `check config`, `check rules` and `config print`.

use std::path::PathBuf;

use crate::cli::arguments::{CheckCommand, Settings};
use crate::cli::outcome::{Failure, say};
use crate::config::{self, Flags, Sources};

/// Checks every file, one after the other, and reports all faults of all of them.
///
/// # Errors
/// A usage failure with the faults.
pub(crate) fn check(what: &CheckCommand) -> Result<(), Failure> {
    match what {
        CheckCommand::Config { files } => check_config(files),
        CheckCommand::Rules { files } => check_rules(files),
    }
}

fn check_rules(files: &[PathBuf]) -> Result<(), Failure> {
    let mut faults = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match config::check_rule_file(&name) {
            Ok(groups) => {
                let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
                say(&format!("{name}: ok, {rules} rules in {} groups\n", groups.len()))?;
            }
            Err(found) => faults.push(found.to_string()),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::usage(faults.join("\n"))) }
}

fn check_config(files: &[PathBuf]) -> Result<(), Failure> {
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
