//! What is asked of the appliance's own metrics.

use crate::ui::chart::Unit;
use crate::ui::pages::health::{LossQuestion, TileQuestion};

pub(crate) const STORAGE: &str = "sum by (signal) (belvedere_storage_bytes)";

const fn tile(name: &'static str, query: &'static str, unit: Unit) -> TileQuestion {
    TileQuestion { name, query, unit, note: "", bad_from: f64::INFINITY, of_budget: false }
}

pub(crate) const TILES: [TileQuestion; 10] = [
    TileQuestion {
        note: "/s",
        ..tile("Requests", "sum(rate(belvedere_http_requests_total[$w]))", Unit::Number)
    },
    TileQuestion {
        bad_from: 5.0,
        ..tile(
            "Server errors",
            "100 * (sum(rate(belvedere_http_requests_total{status=~\"5..\"}[$w])) or vector(0)) / (sum(rate(belvedere_http_requests_total[$w])) > 0)",
            Unit::Percent,
        )
    },
    TileQuestion {
        bad_from: 5.0,
        ..tile(
            "Answer time, p95",
            "histogram_quantile(0.95, sum by (le) (rate(belvedere_http_request_duration_seconds_bucket[$w])))",
            Unit::Seconds,
        )
    },
    TileQuestion {
        of_budget: true,
        ..tile("Anonymous memory", "belvedere_process_anonymous_memory_bytes", Unit::Bytes)
    },
    TileQuestion {
        note: "of one core",
        ..tile("CPU", "100 * rate(process_cpu_seconds_total{job=\"belvedere\"}[$w])", Unit::Percent)
    },
    tile("On disk", "sum(belvedere_storage_bytes)", Unit::Bytes),
    tile("Active series", "belvedere_metrics_active_series", Unit::Number),
    TileQuestion {
        note: "/s",
        ..tile("Queries", "sum(rate(belvedere_queries_total[$w]))", Unit::Number)
    },
    TileQuestion {
        bad_from: 10.0,
        ..tile(
            "Query time, p95",
            "histogram_quantile(0.95, sum by (le) (rate(belvedere_query_duration_seconds_bucket[$w])))",
            Unit::Seconds,
        )
    },
    tile("Open files", "process_open_fds{job=\"belvedere\"}", Unit::Number),
];

pub(crate) const LOSSES: [LossQuestion; 9] = [
    LossQuestion {
        words: "Points refused at the doors",
        advice: "Ingest names door and reason.",
        query: "sum(increase(belvedere_ingest_rejected_total[$range]))",
    },
    LossQuestion {
        words: "Connections refused",
        advice: "Too many clients at once; see their reason.",
        query: "sum(increase(belvedere_http_connections_refused_total[$range]))",
    },
    LossQuestion {
        words: "Questions not answered",
        advice: "See the outcome by use case below.",
        query: "sum(increase(belvedere_queries_total{outcome!=\"ok\"}[$range]))",
    },
    LossQuestion {
        words: "Rules not evaluated",
        advice: "Alerts, Rules, Failing names them.",
        query: "sum(increase(belvedere_rule_evaluation_failures_total[$range]))",
    },
    LossQuestion {
        words: "Notifications that failed for good",
        advice: "Their receipts say what the receiver answered.",
        query: "sum(increase(belvedere_notifications_total{outcome=\"failed\"}[$range]))",
    },
    LossQuestion {
        words: "Own telemetry dropped",
        advice: "The appliance is too busy to describe itself.",
        query: "sum(increase(belvedere_own_telemetry_dropped_total[$range]))",
    },
    LossQuestion {
        words: "Damaged blocks left out",
        advice: "The log names files; restore them from a backup.",
        query: "sum(increase(belvedere_storage_damaged_blocks_total[$range]))",
    },
    LossQuestion {
        words: "Upkeep runs that failed",
        advice: "Flush or retention; the log says why.",
        query: "sum(increase(belvedere_upkeep_failed_total[$range]))",
    },
    LossQuestion {
        words: "Requests that met a fault of the code",
        advice: "Report it with the log's panic line.",
        query: "sum(increase(belvedere_http_panics_total[$range]))",
    },
];

/// Title, expressions, unit, and the label that names a line.
pub(crate) const CHARTS: [(&str, &[&str], Unit, &str); 4] = [
    (
        "Requests per second, by route",
        &["sum by (route) (rate(belvedere_http_requests_total[$w]))"],
        Unit::Number,
        "route",
    ),
    (
        "Memory",
        &[
            "belvedere_process_anonymous_memory_bytes",
            "process_resident_memory_bytes{job=\"belvedere\"}",
        ],
        Unit::Bytes,
        "__name__",
    ),
    (
        "Queries per second, by use case",
        &["sum by (use_case) (rate(belvedere_queries_total[$w]))"],
        Unit::Number,
        "use_case",
    ),
    (
        "Points accepted per second, by door",
        &["sum by (door) (rate(belvedere_ingest_accepted_total[$w]))"],
        Unit::Number,
        "door",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    #[test]
    fn every_question_is_promql() {
        let tiles = TILES.iter().map(|tile| tile.query);
        let losses = LOSSES.iter().map(|loss| loss.query);
        let charts = CHARTS.iter().flat_map(|(_, queries, _, _)| *queries).copied();
        for text in tiles.chain(losses).chain(charts).chain([STORAGE]) {
            let query = text.replace("$w", "60s").replace("$range", "3600s");
            let checked = Expression::parse(&query).and_then(|query| query.check_stepwise());
            assert_eq!(checked, Ok(()), "{query}");
        }
    }
}
