//! `test rules`: runs unit tests of rules.

use crate::cli::arguments::TestCommand;
use crate::cli::outcome::{Failure, say};
use crate::config::RuleTests;

/// Runs the tests of every file, one after the other, and reports all that fail.
///
/// # Errors
/// A usage failure for files that cannot be read, a failure for tests that do not pass.
pub(crate) fn test(what: &TestCommand) -> Result<(), Failure> {
    let TestCommand::Rules { files } = what;
    let mut read = Vec::new();
    let mut faults = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match RuleTests::read(&name) {
            Ok(tests) => read.push((name, tests)),
            Err(found) => faults.push(found.to_string()),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::usage(faults.join("\n")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let mut failed = Vec::new();
    for (name, tests) in read {
        let differences = runtime.block_on(tests.run())?;
        if differences.is_empty() {
            say(&format!("{name}: ok, {} tests\n", tests.count()))?;
        }
        failed.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::failed(failed.join("\n"))) }
}
