//! What the system knows of this process, under the names that Prometheus' clients share.

use std::fs;
use std::time::Duration;

use parking_lot::Mutex;

use crate::collect::own::families::Families;
use crate::model::batch::MetricType;
use crate::telemetry::names;

/// The unit of times in `/proc`, which Linux has fixed for all machines.
const TICKS_PER_SECOND: f64 = 100.0;

/// The shortest time over which a share of CPU is measured.
const SHARE_WINDOW: Duration = Duration::from_secs(1);

/// The share of CPU time between two readings.
#[derive(Debug, Default)]
pub(crate) struct CpuShare(Mutex<Option<Reading>>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    at_ns: i64,
    cpu_ticks: u64,
    percent: f64,
}

impl CpuShare {
    /// Returns percent of one core since the last reading, or what that one returned if it is not
    /// old enough; 0 at first.
    fn percent(&self, now_ns: i64, cpu_ticks: u64) -> f64 {
        let mut last = self.0.lock();
        let Some(before) = *last else {
            *last = Some(Reading { at_ns: now_ns, cpu_ticks, percent: 0.0 });
            return 0.0;
        };
        let seconds = now_ns.saturating_sub(before.at_ns) as f64 / 1e9;
        if seconds < SHARE_WINDOW.as_secs_f64() {
            return before.percent;
        }
        let used = cpu_ticks.saturating_sub(before.cpu_ticks) as f64 / TICKS_PER_SECOND;
        let percent = used / seconds * 100.0;
        *last = Some(Reading { at_ns: now_ns, cpu_ticks, percent });
        percent
    }
}

/// Adds what can be read; on systems without `/proc` that is nothing.
pub(crate) fn measure(families: &mut Families<'_>, share: &CpuShare, now_ns: i64) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse)
    {
        let help = "User and system CPU time of the process in seconds.";
        let seconds = stat.cpu_ticks as f64 / TICKS_PER_SECOND;
        families.single(names::PROCESS_CPU, MetricType::Counter, help, seconds);
        if let Some(boot) = boot_time() {
            let help = "When the process started, in seconds since the epoch.";
            let start = boot + stat.start_ticks as f64 / TICKS_PER_SECOND;
            families.single(names::PROCESS_START, MetricType::Gauge, help, start);
        }
        let help = "Virtual memory of the process in bytes.";
        families.single(names::PROCESS_VIRTUAL, MetricType::Gauge, help, stat.virtual_bytes as f64);
        let help = "CPU time of the process over the last interval, in percent of one core.";
        let percent = share.percent(now_ns, stat.cpu_ticks);
        families.single(names::CPU_USAGE, MetricType::Gauge, help, percent);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let mut line = |key: &str, name: &str, help: &str| {
            if let Some(kilobytes) = field(&status, key) {
                families.single(name, MetricType::Gauge, help, kilobytes * 1024.0);
            }
        };
        line("VmRSS:", names::PROCESS_RESIDENT, "Resident memory of the process in bytes.");
        let help = "Anonymous resident memory, which budget.memory bounds, in bytes.";
        line("RssAnon:", names::PROCESS_ANONYMOUS, help);
        let types = [("rss", "VmRSS:"), ("anonymous", "RssAnon:"), ("virtual", "VmSize:")];
        families.by_label(
            names::MEMORY_USAGE,
            "Memory of the process in bytes, by type.",
            "type",
            types.into_iter().filter_map(|(kind, key)| Some((kind, field(&status, key)? * 1024.0))),
        );
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // Reading the directory opens it, which must not count.
        let open = entries.count().saturating_sub(1) as f64;
        let help = "Open file descriptors of the process.";
        families.single(names::PROCESS_OPEN_FDS, MetricType::Gauge, help, open);
    }
}

/// The fields of `/proc/self/stat` that we use.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
}

impl Stat {
    /// Reads the line; the process's name may hold blanks and parentheses.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // proc(5) counts from 1 and the state, field 3, is the first one here.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: field(14)? + field(15)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
        })
    }
}

fn boot_time() -> Option<f64> {
    field(&fs::read_to_string("/proc/stat").ok()?, "btime")
}

fn field(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_cpu_is_that_of_the_time_between_readings() {
        let share = CpuShare::default();
        assert_eq!(share.percent(0, 100), 0.0);
        assert_eq!(share.percent(2_000_000_000, 200), 50.0);
        assert_eq!(share.percent(2_100_000_000, 900), 50.0, "too soon to tell");
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b) S 1 7 7 0 -1 4 9 0 0 0 30 12 0 0 20 0 5 0 99 4096 10 18446744";
        let expected = Stat { cpu_ticks: 42, start_ticks: 99, virtual_bytes: 4096 };
        assert_eq!(Stat::parse(line), Some(expected));
    }
}
