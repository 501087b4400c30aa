//! What processes and machines say of themselves: memory, CPU time, disks, queues.

use crate::demo::dice::Dice;
use crate::demo::incident::Conditions;
use crate::demo::meters::{Meters, series};
use crate::demo::shop::{NODES, Service};
use crate::model::batch::MetricType;

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1_024.0 * MIB;
/// What the cart's process may use.
const CART_LIMIT: f64 = 512.0 * MIB;
const SCRAPED: &str = "node";

/// Updates every gauge and every slow counter as of `at`, nanoseconds since the epoch, `seconds`
/// after the last update; `load` is how busy the shop is, about 1.
pub(crate) fn update(
    meters: &mut Meters,
    dice: &mut Dice,
    conditions: &Conditions,
    (at, seconds): (i64, f64),
    load: f64,
) {
    describe(meters);
    // A process of an older release is gone.
    let version = Service::Cart.version(conditions.cart_release);
    meters.forget(|labels| {
        labels.metric_name() == "target_info"
            && labels.get("job") == Some(Service::Cart.name())
            && labels.get("service_version") != Some(version.as_str())
    });
    for service in Service::ALL {
        for replica in 0..service.replicas() {
            process(meters, dice, conditions, (service, replica), (seconds, load));
        }
    }
    stores(meters, dice, conditions, (seconds, load));
    for (place, node) in NODES.into_iter().enumerate() {
        machine(meters, dice, (place, node), (at, seconds), load);
    }
}

fn describe(meters: &mut Meters) {
    let about = [
        ("process_resident_memory_bytes", MetricType::Gauge, "Resident memory size in bytes."),
        ("process_cpu_seconds_total", MetricType::Counter, "User and system CPU time in seconds."),
        ("process_open_fds", MetricType::Gauge, "Open file descriptors."),
        ("nodejs_eventloop_lag_seconds", MetricType::Gauge, "Lag of the event loop in seconds."),
        ("orders_total", MetricType::Counter, "Orders by status and payment method."),
        ("revenue_euros_total", MetricType::Counter, "Value of placed orders in euros."),
        ("cart_items_added_total", MetricType::Counter, "Items put into carts."),
        ("parcels_booked_total", MetricType::Counter, "Parcels booked, by carrier."),
        ("make_webhook_calls_total", MetricType::Counter, "Calls of Make.com webhooks."),
        ("messaging_queue_messages", MetricType::Gauge, "Messages that wait in a queue."),
        ("target_info", MetricType::Gauge, "Attributes of the resource."),
        ("pg_stat_activity_count", MetricType::Gauge, "Connections by state."),
        ("pg_stat_database_xact_commit", MetricType::Counter, "Committed transactions."),
        ("redis_memory_used_bytes", MetricType::Gauge, "Memory that redis uses."),
        ("redis_keyspace_hits_total", MetricType::Counter, "Keys that were found."),
        ("redis_keyspace_misses_total", MetricType::Counter, "Keys that were not found."),
    ];
    for (name, kind, help) in about {
        meters.describe(name, kind, help);
    }
}

fn process(
    meters: &mut Meters,
    dice: &mut Dice,
    conditions: &Conditions,
    (service, replica): (Service, usize),
    (seconds, load): (f64, f64),
) {
    let instance = service.instance(replica);
    let of = |name: &str, rest: &[(&str, &str)]| series(name, service.name(), &instance, rest);
    let usual = (90.0 + 40.0 * (service as usize as f64)) * MIB;
    let leak = if service == Service::Cart { conditions.cart_leak } else { 0.0 };
    let room = (CART_LIMIT - usual - 6.0 * MIB).max(0.0);
    let memory = usual + dice.between(0.0, 6.0) * MIB + leak * room;
    meters.set(of("process_resident_memory_bytes", &[]), memory.round());
    let busy = (0.03 + 0.02 * (service as usize % 4) as f64) * load + 0.5 * leak * leak;
    let spent = (seconds * busy * dice.between(0.9, 1.1) * 100.0).round() / 100.0;
    meters.add(of("process_cpu_seconds_total", &[]), spent);
    meters.set(of("process_open_fds", &[]), (24 + dice.below(20)) as f64);
    if service.language() == "nodejs" {
        let lag = dice.around(0.002, 0.4) + 0.2 * leak * leak;
        meters.set(of("nodejs_eventloop_lag_seconds", &[]), (lag * 1e4).round() / 1e4);
    }
    let version = service.version(conditions.cart_release);
    let target = [
        ("service_version", version.as_str()),
        ("host_name", service.node(replica)),
        ("telemetry_sdk_language", service.language()),
        ("deployment_environment_name", "demo"),
    ];
    meters.set(of("target_info", &target), 1.0);
}

fn stores(
    meters: &mut Meters,
    dice: &mut Dice,
    conditions: &Conditions,
    (seconds, load): (f64, f64),
) {
    let (postgres, redis) = (Service::Postgres.instance(0), Service::Redis.instance(0));
    let pg = |name: &str, rest: &[(&str, &str)]| series(name, "postgres", &postgres, rest);
    let active = 2.0 + load * 3.0 + (conditions.search_slowdown - 1.0) / 2.0;
    meters.set(pg("pg_stat_activity_count", &[("state", "active")]), active.round());
    meters.set(pg("pg_stat_activity_count", &[("state", "idle")]), (12 + dice.below(4)) as f64);
    meters.add(
        pg("pg_stat_database_xact_commit", &[("datname", "shop")]),
        (seconds * load * 5.0).round(),
    );
    let of = |name: &str, rest: &[(&str, &str)]| series(name, "redis", &redis, rest);
    let used = (64.0 + 3.0 * load + dice.between(0.0, 1.0)) * MIB;
    meters.set(of("redis_memory_used_bytes", &[]), used.round());
    meters.add(of("redis_keyspace_hits_total", &[]), (seconds * load * 9.0).round());
    meters.add(
        of("redis_keyspace_misses_total", &[]),
        (seconds * load * dice.between(0.4, 0.9)).round(),
    );
    let waiting = dice.below(3) as f64;
    meters.set(of("messaging_queue_messages", &[("queue", "orders")]), waiting);
}

/// What node_exporter tells of a machine.
fn machine(
    meters: &mut Meters,
    dice: &mut Dice,
    (place, node): (usize, &str),
    (at, seconds): (i64, f64),
    load: f64,
) {
    let instance = format!("{node}:9100");
    let of = |name: &str, rest: &[(&str, &str)]| series(name, SCRAPED, &instance, rest);
    meters.set(of("up", &[]), 1.0);
    let names =
        [("nodename", node), ("sysname", "Linux"), ("release", "6.12.48"), ("machine", "x86_64")];
    meters.set(of("node_uname_info", &names), 1.0);
    meters.set(of("node_time_seconds", &[]), (at / 1_000_000_000) as f64);
    meters.set(of("node_boot_time_seconds", &[]), 1_790_000_000.0 + place as f64 * 7_200.0);
    let busy = (0.18 + 0.08 * place as f64) * load;
    for (mode, share) in [
        ("user", busy * 0.7),
        ("system", busy * 0.25),
        ("iowait", busy * 0.05),
        ("idle", 1.0 - busy),
    ] {
        for cpu in ["0", "1"] {
            let spent = (seconds * share * dice.between(0.97, 1.03) * 100.0).round() / 100.0;
            meters.add(of("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)]), spent);
        }
    }
    for (name, share) in [("node_load1", 1.0), ("node_load5", 0.95), ("node_load15", 0.9)] {
        let value = 2.0 * busy * share * dice.between(0.95, 1.05);
        meters.set(of(name, &[]), (value * 100.0).round() / 100.0);
    }
    let total = 8.0 * GIB;
    let free = total * (0.55 - 0.1 * place as f64 - 0.05 * load) + dice.between(0.0, 64.0) * MIB;
    meters.set(of("node_memory_MemTotal_bytes", &[]), total);
    meters.set(of("node_memory_MemAvailable_bytes", &[]), free.round());
    let disk = [("device", "/dev/sda1"), ("fstype", "ext4"), ("mountpoint", "/")];
    let size = 80.0 * GIB;
    // Disks fill within a day and are tidied at its end.
    let day = at.rem_euclid(86_400_000_000_000) as f64 / 86_400e9;
    meters.set(of("node_filesystem_size_bytes", &disk), size);
    meters.set(of("node_filesystem_readonly", &disk), 0.0);
    let left = size * (0.62 - 0.12 * place as f64 - 0.1 * day);
    meters.set(of("node_filesystem_avail_bytes", &disk), (left / 4_096.0).round() * 4_096.0);
    let card = [("device", "eth0")];
    let bytes = seconds * load * 180e3 * dice.between(0.9, 1.1);
    meters.add(of("node_network_receive_bytes_total", &card), bytes.round());
    meters.add(of("node_network_transmit_bytes_total", &card), (bytes * 1.4).round());
    let disk = [("device", "sda")];
    meters.add(of("node_disk_written_bytes_total", &disk), (bytes * 0.3).round());
    meters.add(of("node_disk_read_bytes_total", &disk), (bytes * 0.1).round());
    let spent = (seconds * 0.04 * load * 100.0).round() / 100.0;
    meters.add(of("node_disk_io_time_seconds_total", &disk), spent);
}
