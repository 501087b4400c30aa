//! Sixteen queries at a time, each of which wants more than there is, beside five hundred rules.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::appliance::start;
use crate::budget::{Sender, anonymous_bytes, most_during, now_ms};

const MINUTE: i64 = 60_000;
const SERIES: usize = 4_000;
const QUERIES: usize = 16;
const RULES: usize = 500;
const LENGTH: Duration = Duration::from_secs(21);

/// Asks for every series at every second of half an hour: 7.2 million samples, where the queries of
/// 128 MiB share a quarter.
fn greedy(query: &str, end: i64) -> String {
    format!("/api/v1/query_range?query={query}&start={}&end={end}&step=1", end - 1_800)
}

#[test]
fn queries_over_their_budget_end_with_the_right_error_and_rules_keep_their_interval() {
    let folder = tempfile::tempdir().unwrap();
    let rules: String = (0..RULES)
        .map(|n| format!("      - {{record: 'of:{n}', expr: 'sum(driven{{n=\"{n}\"}})'}}\n"))
        .collect();
    let rules = format!("groups:\n  - name: many\n    interval: 10s\n    rules:\n{rules}");
    std::fs::write(folder.path().join("many.yml"), rules).unwrap();
    let config = "budget: {memory: 128MiB}\nrule_files: [many.yml]\n\
         ingest: {limits: {series_per_metric: 0, new_series_per_second: 1000000, new_series_burst: 1000000}}\n";
    let appliance = start(folder.path(), config);
    let mut sender = Sender { appliance: &appliance, refused: 0 };
    let end = now_ms();
    for at in (0..30).rev().map(|minute| end - minute * MINUTE) {
        for first in (0..SERIES).step_by(1_000) {
            let numbers = first..first + 1_000;
            sender.send(numbers.map(|n| (n.to_string(), (n % 97) as f64)), at);
        }
    }
    let (refused, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let pid = appliance.child.id();
    let most = most_during(
        || anonymous_bytes(pid),
        || {
            thread::scope(|scope| {
                for number in 0..QUERIES {
                    let (appliance, refused, answered) = (&appliance, &refused, &answered);
                    scope.spawn(move || {
                        let begin = Instant::now();
                        while begin.elapsed() < LENGTH {
                            let query = if number % 2 == 0 { "driven" } else { "driven%20%2B%201" };
                            let answer = appliance.ask("GET", &greedy(query, end / 1_000), "");
                            let (status, text) = answer.split_at(12);
                            let own = "query processing would load too many samples into memory";
                            let others = "the queries that run now hold all the memory";
                            match status {
                                "HTTP/1.1 422" => assert!(text.contains(own), "{text}"),
                                "HTTP/1.1 503" => {
                                    assert!(text.contains(others), "{text}");
                                    let head = text.to_ascii_lowercase();
                                    assert!(head.contains("retry-after: 1"), "{text}");
                                }
                                _ => panic!("{}", answer.chars().take(400).collect::<String>()),
                            }
                            refused.fetch_add(1, Ordering::Relaxed);
                            let small =
                                appliance.ask("GET", "/api/v1/query?query=count(driven)", "");
                            assert!(
                                small.contains("\"4000\"") || small.contains(" 503 "),
                                "{small}"
                            );
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
        },
    );
    assert!(most <= 128 << 20, "at most {} MiB of 128", most >> 20);
    assert!(refused.into_inner() >= QUERIES as u64 && answered.into_inner() >= QUERIES as u64);
    let metrics = appliance.ask("GET", "/metrics", "");
    let told = |name: &str| {
        let of_group = |line: &&str| line.starts_with(name) && line.contains("many");
        let line = metrics.lines().find(of_group);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    assert!(told("belvedere_rule_group_iterations_total") >= 2.0, "{metrics}");
    let missed = told("belvedere_rule_group_iterations_missed_total");
    assert!(missed <= 0.0, "{missed} evaluations were left out");
    let last = appliance.ask("GET", "/api/v1/query?query=count({__name__=~%22of:.*%22})", "");
    assert!(last.contains("\"500\""), "{last}");
}
