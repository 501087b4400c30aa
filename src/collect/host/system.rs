//! What sysinfo tells on every system.

use sysinfo::{Disks, Networks, System};

use crate::collect::host::measured::Measured;

/// Lists that sysinfo refreshes in place.
pub(crate) struct Lists {
    disks: Option<Disks>,
    networks: Option<Networks>,
}

/// File systems that hold no data of their own.
const PSEUDO: [&str; 12] = [
    "autofs",
    "binfmt_misc",
    "cgroup2fs",
    "debugfs",
    "devpts",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "squashfs",
    "sysfs",
    "tracefs",
];

impl Lists {
    /// Reads the lists for the first time; what the system refuses is left out.
    pub(crate) fn new() -> Self {
        Lists {
            disks: Disks::new_with_refreshed_list().ok(),
            networks: Networks::new_with_refreshed_list().ok(),
        }
    }

    /// Reads the lists again and adds everything.
    pub(crate) fn measure(&mut self, measured: &mut Measured) {
        if let Some(disks) = &mut self.disks {
            disks.refresh(true);
            filesystems(disks, measured);
        }
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
            network(networks, measured);
        }
        machine(measured);
    }
}

/// Returns the machine's name, for the label `instance`.
pub(crate) fn host_name() -> String {
    System::host_name().unwrap_or_else(|_| "localhost".to_owned())
}

fn machine(measured: &mut Measured) {
    let now = measured.now_seconds();
    measured.gauge("node_time_seconds", "System time in seconds since the epoch.", &[], now);
    if let Ok(boot) = System::boot_time() {
        let help = "When the machine started, in seconds since the epoch.";
        measured.gauge("node_boot_time_seconds", help, &[], boot as f64);
    }
    if let Ok(load) = System::load_average() {
        measured.gauge("node_load1", "1m load average.", &[], load.one);
        measured.gauge("node_load5", "5m load average.", &[], load.five);
        measured.gauge("node_load15", "15m load average.", &[], load.fifteen);
    }
    let release = System::kernel_version().unwrap_or_default();
    let (node, arch) = (host_name(), System::cpu_arch());
    let labels = [
        ("machine", arch.as_str()),
        ("nodename", &node),
        ("release", &release),
        ("sysname", if cfg!(target_os = "linux") { "Linux" } else { std::env::consts::OS }),
    ];
    measured.gauge("node_uname_info", "Names of the machine and its kernel.", &labels, 1.0);
}

fn filesystems(disks: &Disks, measured: &mut Measured) {
    let mut seen = Vec::new();
    for disk in disks.iter() {
        let device = disk.name().to_string_lossy();
        let kind = disk.file_system().to_string_lossy();
        let mount = disk.mount_point().to_string_lossy();
        if PSEUDO.contains(&kind.as_ref()) || seen.contains(&mount) || disk.total_space() == 0 {
            continue;
        }
        let labels = [("device", &*device), ("fstype", &*kind), ("mountpoint", &*mount)];
        let help = "File system size in bytes.";
        measured.gauge("node_filesystem_size_bytes", help, &labels, disk.total_space() as f64);
        let help = "File system space that a process without privileges may use, in bytes.";
        let available = disk.available_space() as f64;
        measured.gauge("node_filesystem_avail_bytes", help, &labels, available);
        let read_only = f64::from(u8::from(disk.is_read_only()));
        let help = "Whether the file system is mounted read-only.";
        measured.gauge("node_filesystem_readonly", help, &labels, read_only);
        seen.push(mount);
    }
}

fn network(networks: &Networks, measured: &mut Measured) {
    for (device, counts) in networks.iter() {
        let device = device.to_string_lossy();
        let labels = [("device", &*device)];
        let columns = [
            ("node_network_receive_bytes_total", "Bytes received.", counts.total_received()),
            ("node_network_transmit_bytes_total", "Bytes sent.", counts.total_transmitted()),
            (
                "node_network_receive_packets_total",
                "Packets received.",
                counts.total_packets_received(),
            ),
            (
                "node_network_transmit_packets_total",
                "Packets sent.",
                counts.total_packets_transmitted(),
            ),
            (
                "node_network_receive_errs_total",
                "Errors while receiving.",
                counts.total_errors_on_received(),
            ),
            (
                "node_network_transmit_errs_total",
                "Errors while sending.",
                counts.total_errors_on_transmitted(),
            ),
        ];
        for (name, help, count) in columns {
            measured.counter(name, help, &labels, count as f64);
        }
    }
}
