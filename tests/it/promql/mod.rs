//! Prometheus' own PromQL scripts against our engine. They are read from `BELVEDERE_CORPUS`, and the
//! number that pass in each file must not fall below `tests/golden/promql_floor.txt`.

mod histogram;
mod notation;
mod outcome;
mod script;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::promql::script::{Tally, run_script};

const FLOOR: &str = "tests/golden/promql_floor.txt";

#[tokio::test]
async fn upstream_scripts_pass_as_often_as_they_did() {
    let Some(folder) = std::env::var_os("BELVEDERE_CORPUS") else {
        println!("not run: BELVEDERE_CORPUS is not set");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must set BELVEDERE_CORPUS");
        return;
    };
    let scripts = scripts(&Path::new(&folder).join("promqltest"));
    let floor = floor();
    let (mut table, mut faults) = (String::new(), String::new());
    let mut whole = Tally::default();
    for path in &scripts {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a script is readable");
        let tally = run_script(&text).await;
        let _ = writeln!(table, "{name} {}", tally.passed);
        println!("{name:<28} {:>4} of {:>4}", tally.passed, tally.total);
        if std::env::var_os("BELVEDERE_PROMQL_FAILURES").is_some() {
            for failure in &tally.failures {
                println!("    {failure}");
            }
        }
        let known = floor.get(&name).copied().unwrap_or(0);
        if tally.passed < known {
            let passed = tally.passed;
            let _ = writeln!(faults, "{name}: {passed} pass, {known} did before");
            for failure in tally.failures.iter().take(20) {
                let _ = writeln!(faults, "    {failure}");
            }
        }
        whole.passed += tally.passed;
        whole.total += tally.total;
    }
    println!("upstream PromQL scripts: {} of {} evaluations pass", whole.passed, whole.total);
    assert!(whole.total > 2_000, "the scripts were not found: {} evaluations", whole.total);
    assert!(faults.is_empty(), "fewer evaluations pass than before:\n{faults}\nnow:\n{table}");
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("BELVEDERE_CORPUS holds promqltest/");
    let mut scripts: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "test"))
        .collect();
    scripts.sort();
    scripts
}

/// Reads how many evaluations of each file must pass.
fn floor() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(FLOOR).expect("the floor file is readable");
    let mut floor = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, count) = line.split_once(' ').expect("name and count");
        floor.insert(name.to_owned(), count.parse().expect("a count"));
    }
    floor
}
