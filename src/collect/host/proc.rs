//! What sysinfo does not tell: the texts of Linux' `/proc`.

use std::fs;

use crate::collect::host::measured::Measured;

/// The unit of times in `/proc/stat`, which Linux has fixed for all machines.
const TICKS_PER_SECOND: f64 = 100.0;
/// `/proc/diskstats` counts sectors of 512 bytes, whatever the disk's own are.
const SECTOR_BYTES: f64 = 512.0;

/// Adds what can be read.
pub(crate) fn measure(measured: &mut Measured) {
    if let Ok(text) = fs::read_to_string("/proc/stat") {
        stat(&text, measured);
    }
    if let Ok(text) = fs::read_to_string("/proc/meminfo") {
        meminfo(&text, measured);
    }
    if let Ok(text) = fs::read_to_string("/proc/diskstats") {
        diskstats(&text, measured);
    }
    if let Ok(text) = fs::read_to_string("/proc/sys/fs/file-nr") {
        file_nr(&text, measured);
    }
}

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

fn stat(text: &str, measured: &mut Measured) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        let values: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
        match (key, key.strip_prefix("cpu")) {
            // The line without a number is the sum, which a query can make itself.
            (_, Some("")) => {}
            (_, Some(cpu)) => {
                let help = "Seconds the CPUs spent in each mode.";
                for (mode, ticks) in MODES.iter().zip(&values) {
                    let labels = [("cpu", cpu), ("mode", *mode)];
                    let seconds = ticks / TICKS_PER_SECOND;
                    measured.counter("node_cpu_seconds_total", help, &labels, seconds);
                }
            }
            _ => single_stat(key, values.first(), measured),
        }
    }
}

fn single_stat(key: &str, value: Option<&f64>, measured: &mut Measured) {
    let Some(&value) = value else { return };
    match key {
        "intr" => measured.counter("node_intr_total", "Interrupts serviced.", &[], value),
        "ctxt" => measured.counter("node_context_switches_total", "Context switches.", &[], value),
        "processes" => measured.counter("node_forks_total", "Forks.", &[], value),
        "procs_running" => {
            measured.gauge("node_procs_running", "Processes that can run.", &[], value);
        }
        "procs_blocked" => {
            measured.gauge("node_procs_blocked", "Processes that wait for I/O.", &[], value);
        }
        _ => {}
    }
}

fn meminfo(text: &str, measured: &mut Measured) {
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(':') else { continue };
        let mut words = rest.split_whitespace();
        let Some(value) = words.next().and_then(|word| word.parse::<f64>().ok()) else { continue };
        // "Active(anon)" is written Active_anon.
        let key = key.trim_end_matches(')').replace('(', "_");
        let help = format!("Memory information field {key}.");
        match words.next() {
            Some("kB") => {
                let name = format!("node_memory_{key}_bytes");
                measured.gauge(&name, &help, &[], value * 1024.0);
            }
            _ => measured.gauge(&format!("node_memory_{key}"), &help, &[], value),
        }
    }
}

/// Name, help and factor of the columns of `/proc/diskstats` behind the device; milliseconds become
/// seconds.
const DISK_COLUMNS: [(&str, &str, f64); 11] = [
    ("node_disk_reads_completed_total", "Reads completed.", 1.0),
    ("node_disk_reads_merged_total", "Reads merged.", 1.0),
    ("node_disk_read_bytes_total", "Bytes read.", SECTOR_BYTES),
    ("node_disk_read_time_seconds_total", "Seconds spent by reads.", 0.001),
    ("node_disk_writes_completed_total", "Writes completed.", 1.0),
    ("node_disk_writes_merged_total", "Writes merged.", 1.0),
    ("node_disk_written_bytes_total", "Bytes written.", SECTOR_BYTES),
    ("node_disk_write_time_seconds_total", "Seconds spent by writes.", 0.001),
    ("node_disk_io_now", "I/Os in progress.", 1.0),
    ("node_disk_io_time_seconds_total", "Seconds spent doing I/Os.", 0.001),
    ("node_disk_io_time_weighted_seconds_total", "Seconds spent, weighted by I/Os.", 0.001),
];

fn diskstats(text: &str, measured: &mut Measured) {
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(device) = words.get(2).filter(|device| is_disk(device)) else { continue };
        for ((name, help, factor), word) in DISK_COLUMNS.iter().zip(&words[3..]) {
            let Ok(value) = word.parse::<f64>() else { continue };
            let labels = [("device", *device)];
            match name.ends_with("_total") {
                true => measured.counter(name, help, &labels, value * factor),
                false => measured.gauge(name, help, &labels, value * factor),
            }
        }
    }
}

/// Leaves out what node exporter leaves out: ram and loop devices, floppies and partitions.
fn is_disk(device: &str) -> bool {
    let numbered = |prefix: &str| {
        let rest = device.strip_prefix(prefix).unwrap_or("");
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    let ends_in_number = device.ends_with(|c: char| c.is_ascii_digit());
    let partition = match device.strip_prefix("nvme") {
        Some(rest) => rest.contains('p'),
        None => {
            ["sd", "hd", "vd", "xvd"].iter().any(|kind| device.starts_with(kind)) && ends_in_number
        }
    };
    !partition && !["ram", "loop", "fd"].into_iter().any(numbered)
}

fn file_nr(text: &str, measured: &mut Measured) {
    let mut words = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let (Some(allocated), _, Some(maximum)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    let help = "File descriptors allocated on the whole machine.";
    measured.gauge("node_filefd_allocated", help, &[], allocated);
    let help = "File descriptors the whole machine may allocate.";
    measured.gauge("node_filefd_maximum", help, &[], maximum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;

    fn measured(read: impl FnOnce(&mut Measured)) -> Measured {
        let mut measured = Measured::new(Labels::empty(), 1_000);
        read(&mut measured);
        measured
    }

    #[test]
    fn cpu_ticks_become_seconds_by_mode_and_the_sum_is_left_out() {
        let text = "cpu  9 9 9 9\ncpu0 250 1 2 3 4 5 6 7 8 9\nctxt 42\nprocs_running 3\n";
        let measured = measured(|m| stat(text, m));
        let user = r#"{__name__="node_cpu_seconds_total", cpu="0", mode="user"}"#;
        assert_eq!(measured.value(user), Some(2.5));
        let steal = r#"{__name__="node_cpu_seconds_total", cpu="0", mode="steal"}"#;
        assert_eq!(measured.value(steal), Some(0.07));
        assert_eq!(measured.value(r#"{__name__="node_context_switches_total"}"#), Some(42.0));
        assert_eq!(measured.batch().series.len(), 10);
    }

    #[test]
    fn memory_fields_get_node_exporters_names_and_bytes() {
        let text = "MemTotal:  2 kB\nActive(anon): 1 kB\nHugePages_Total:   7\n";
        let measured = measured(|m| meminfo(text, m));
        assert_eq!(measured.value(r#"{__name__="node_memory_MemTotal_bytes"}"#), Some(2_048.0));
        assert_eq!(measured.value(r#"{__name__="node_memory_Active_anon_bytes"}"#), Some(1_024.0));
        assert_eq!(measured.value(r#"{__name__="node_memory_HugePages_Total"}"#), Some(7.0));
    }

    #[test]
    fn whole_disks_count_and_partitions_and_loops_do_not() {
        let line = |device: &str| format!("8 0 {device} 10 1 4 2000 5 6 7 8 9 10 11\n");
        let text = ["sda", "sda1", "loop0", "nvme0n1", "nvme0n1p1", "dm-0"].map(line).concat();
        let measured = measured(|m| diskstats(&text, m));
        let read = r#"{__name__="node_disk_read_bytes_total", device="sda"}"#;
        assert_eq!(measured.value(read), Some(2_048.0));
        let time = r#"{__name__="node_disk_read_time_seconds_total", device="nvme0n1"}"#;
        assert_eq!(measured.value(time), Some(2.0));
        assert_eq!(measured.batch().series.len(), 3 * DISK_COLUMNS.len());
    }
}
