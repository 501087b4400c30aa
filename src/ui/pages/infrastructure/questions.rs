//! What is asked of hosts. `$s` stands for the matchers of one host, each followed by a comma.

use crate::ui::chart::Unit;
use crate::ui::pages::infrastructure::ChartQuestion;

pub(crate) const CPU: &str =
    "100 * (1 - avg by (job, instance) (rate(node_cpu_seconds_total{$s mode=\"idle\"}[$w])))";
pub(crate) const MEMORY: &str =
    "100 * (1 - node_memory_MemAvailable_bytes{$s} / node_memory_MemTotal_bytes{$s})";
pub(crate) const MEMORY_TOTAL: &str = "node_memory_MemTotal_bytes{$s}";
/// One value a filesystem that holds data: the fullest one counts, never a mean.
pub(crate) const FILESYSTEMS: &str = "100 * (1 - node_filesystem_avail_bytes{$s fstype!~\"tmpfs|ramfs|devtmpfs|squashfs|iso9660\"} / (node_filesystem_size_bytes{$s} > 0))";
pub(crate) const FREE: &str = "node_filesystem_avail_bytes{$s}";
pub(crate) const DISK_BUSY: &str =
    "100 * max by (job, instance) (rate(node_disk_io_time_seconds_total{$s}[$w]))";
pub(crate) const RECEIVED: &str = "sum by (job, instance) (rate(node_network_receive_bytes_total{$s device!~\"lo|veth.*|docker.*|br-.*\"}[$w]))";
pub(crate) const SENT: &str = "sum by (job, instance) (rate(node_network_transmit_bytes_total{$s device!~\"lo|veth.*|docker.*|br-.*\"}[$w]))";
pub(crate) const UPTIME: &str = "time() - node_boot_time_seconds{$s}";
pub(crate) const CORES: &str =
    "count by (job, instance) (node_cpu_seconds_total{$s mode=\"idle\"})";
pub(crate) const NAMES: &str = "node_uname_info{$s}";
pub(crate) const LOAD: &str = "node_load1{$s}";

pub(crate) const CHARTS: [ChartQuestion; 9] = [
    ChartQuestion {
        title: "CPU by mode",
        queries: &["100 * avg by (mode) (rate(node_cpu_seconds_total{$s mode!=\"idle\"}[$w]))"],
        unit: Unit::Percent,
        label: "mode",
        level: None,
    },
    ChartQuestion {
        title: "Load",
        queries: &["node_load1{$s}", "node_load5{$s}", "node_load15{$s}"],
        unit: Unit::Number,
        label: "__name__",
        level: None,
    },
    ChartQuestion {
        title: "Memory used",
        queries: &[MEMORY],
        unit: Unit::Percent,
        label: "instance",
        level: Some(90.0),
    },
    ChartQuestion {
        title: "Filesystems, used",
        queries: &[FILESYSTEMS],
        unit: Unit::Percent,
        label: "mountpoint",
        level: Some(90.0),
    },
    ChartQuestion {
        title: "Disk reads per second",
        queries: &["sum by (device) (rate(node_disk_read_bytes_total{$s}[$w]))"],
        unit: Unit::Bytes,
        label: "device",
        level: None,
    },
    ChartQuestion {
        title: "Disk writes per second",
        queries: &["sum by (device) (rate(node_disk_written_bytes_total{$s}[$w]))"],
        unit: Unit::Bytes,
        label: "device",
        level: None,
    },
    ChartQuestion {
        title: "Disks busy",
        queries: &["100 * sum by (device) (rate(node_disk_io_time_seconds_total{$s}[$w]))"],
        unit: Unit::Percent,
        label: "device",
        level: None,
    },
    ChartQuestion {
        title: "Network, received per second",
        queries: &["sum by (device) (rate(node_network_receive_bytes_total{$s}[$w]))"],
        unit: Unit::Bytes,
        label: "device",
        level: None,
    },
    ChartQuestion {
        title: "Network, sent per second",
        queries: &["sum by (device) (rate(node_network_transmit_bytes_total{$s}[$w]))"],
        unit: Unit::Bytes,
        label: "device",
        level: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Expression;

    #[test]
    fn every_question_is_promql_for_all_hosts_and_for_one() {
        let rows = [
            CPU,
            MEMORY,
            MEMORY_TOTAL,
            FILESYSTEMS,
            FREE,
            DISK_BUSY,
            RECEIVED,
            SENT,
            UPTIME,
            CORES,
            NAMES,
            LOAD,
        ];
        let charts = CHARTS.iter().flat_map(|chart| chart.queries).copied();
        for text in rows.into_iter().chain(charts) {
            for selector in ["", "job=\"node\",instance=\"a\","] {
                let query = text.replace("$s", selector).replace("$w", "60s");
                let checked = Expression::parse(&query).and_then(|query| query.check_stepwise());
                assert_eq!(checked, Ok(()), "{query}");
            }
        }
    }
}
