//! Fetches metrics from targets, as Prometheus does.
//!
//! In: jobs with static targets. Out: their samples, the series every scrape adds (`up` …), stale
//! markers for what vanished, and the state of each target. Deliberately absent: discovery and TLS
//! settings of one's own.

mod job;
mod relabel;
mod target;
mod fetch;
mod samples;
mod scraper;

pub use job::{Authorization, Protocol, ScrapeJob, ScrapeLimits, TargetGroup};
pub use relabel::{RelabelAction, RelabelRule};
pub use scraper::Scraper;
pub use target::{Health, TargetStatus};
