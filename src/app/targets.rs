//! Joins the scrape loop to the service that tells of targets.

use crate::collect::scrape::{Health, Scraper, TargetStatus};
use crate::service::{Target, TargetHealth, TargetSource};

/// The scraper as the service sees it.
pub(crate) struct ScrapedTargets(pub(crate) Scraper);

impl TargetSource for ScrapedTargets {
    fn targets(&self) -> Vec<Target> {
        self.0.targets().into_iter().map(target).collect()
    }
}

fn target(status: TargetStatus) -> Target {
    Target {
        job: status.job,
        discovered_labels: status.discovered,
        labels: status.labels,
        url: status.url,
        health: match status.health {
            Health::Unknown => TargetHealth::Unknown,
            Health::Up => TargetHealth::Up,
            Health::Down => TargetHealth::Down,
        },
        last_error: status.last_error,
        last_scrape: status.last_scrape,
        last_duration: status.last_duration,
        interval: status.interval,
        timeout: status.timeout,
    }
}
