//! The rows of the list of hosts.

use std::collections::BTreeMap;

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::ui::ask::Asker;
use crate::ui::chart::Unit;
use crate::ui::format;
use crate::ui::gauge::Gauge;
use crate::ui::pages::infrastructure::questions;
use crate::ui::sparkline::Sparkline;

/// A host.
pub(crate) struct HostRow {
    pub(crate) name: String,
    pub(crate) instance: String,
    /// Kernel and machine.
    pub(crate) about: String,
    pub(crate) href: String,
    pub(crate) uptime: String,
    pub(crate) cpu: Measure,
    pub(crate) memory: Measure,
    pub(crate) filesystem: Measure,
    pub(crate) disk: Measure,
    pub(crate) load: Measure,
    pub(crate) received: Measure,
    pub(crate) sent: Measure,
    /// The highest share of CPU, memory and filesystem, in percent.
    pressure: f64,
}

/// A number with its course, and what it is a number of.
#[derive(Default)]
pub(crate) struct Measure {
    pub(crate) value: String,
    pub(crate) note: String,
    pub(crate) gauge: Gauge,
    pub(crate) sparkline: Sparkline,
    pub(crate) href: String,
}

type Key = (String, String);
type Courses = BTreeMap<Key, Vec<f64>>;
type Values = BTreeMap<Key, f64>;

/// Everything that was answered, by host.
struct Answers {
    cpu: Courses,
    memory: Courses,
    received: Courses,
    sent: Courses,
    disk: Values,
    load: Values,
    uptime: Values,
    cores: Values,
    memory_total: Values,
    /// The fullest filesystem with its mount point.
    fullest: BTreeMap<Key, (f64, String)>,
    free: Vec<(Labels, f64)>,
}

/// Writes the matchers of one host, each followed by a comma.
pub(crate) fn selector(job: &str, instance: &str) -> String {
    match job {
        "" => format!("instance={instance:?},"),
        job => format!("job={job:?},instance={instance:?},"),
    }
}

/// Returns the hosts that `selector` chooses, those under the highest pressure first.
pub(crate) async fn of(asker: &Asker<'_>, selector: &str) -> Result<Vec<HostRow>> {
    let fill = |text: &str| text.replace("$s", selector);
    let (names, filesystems) = (fill(questions::NAMES), fill(questions::FILESYSTEMS));
    let free = fill(questions::FREE);
    let (names, filesystems, free, cpu, memory, received, sent, disk, load, rest) = tokio::try_join!(
        asker.at_end(&names),
        asker.at_end(&filesystems),
        asker.at_end(&free),
        courses(asker, fill(questions::CPU)),
        courses(asker, fill(questions::MEMORY)),
        courses(asker, fill(questions::RECEIVED)),
        courses(asker, fill(questions::SENT)),
        values(asker, fill(questions::DISK_BUSY)),
        values(asker, fill(questions::LOAD)),
        async {
            tokio::try_join!(
                values(asker, fill(questions::UPTIME)),
                values(asker, fill(questions::CORES)),
                values(asker, fill(questions::MEMORY_TOTAL)),
            )
        },
    )?;
    let (uptime, cores, memory_total) = rest;
    let fullest = fullest(&filesystems);
    let answers = Answers {
        cpu,
        memory,
        received,
        sent,
        disk,
        load,
        uptime,
        cores,
        memory_total,
        fullest,
        free,
    };
    let abouts: BTreeMap<Key, &Labels> =
        names.iter().map(|(labels, _)| (key(labels), labels)).collect();
    let keys = answers.cpu.keys().chain(answers.memory.keys()).chain(abouts.keys());
    let keys: std::collections::BTreeSet<&Key> = keys.collect();
    let row = |key: &&Key| row(asker, key, abouts.get(*key).copied(), &answers);
    let mut rows: Vec<HostRow> = keys.iter().map(row).collect();
    rows.sort_by(|a, b| b.pressure.total_cmp(&a.pressure));
    Ok(rows)
}

fn row(asker: &Asker<'_>, key: &Key, about: Option<&Labels>, answers: &Answers) -> HostRow {
    let (job, instance) = key;
    let link = |text: &str| asker.href(&text.replace("$s", &selector(job, instance)));
    let label = |name: &str| about.and_then(|labels| labels.get(name)).unwrap_or_default();
    let share = |courses: &Courses, text: &str, note: String| {
        let course = courses.get(key).map(Vec::as_slice).unwrap_or_default();
        let value = last(course);
        Measure {
            value: Unit::Percent.write(value),
            note,
            gauge: Gauge::of(value, 75.0, 90.0),
            sparkline: Sparkline::of(course),
            href: link(text),
        }
    };
    let rate = |courses: &Courses, text: &str| {
        let course = courses.get(key).map(Vec::as_slice).unwrap_or_default();
        Measure {
            value: format!("{}/s", Unit::Bytes.write(last(course))).replace("—/s", format::MISSING),
            sparkline: Sparkline::of(course),
            href: link(text),
            ..Measure::default()
        }
    };
    let cores = answers.cores.get(key).map(|count| format!("{} cores", format::number(*count)));
    let total = answers.memory_total.get(key).map(|bytes| format!("of {}", format::bytes(*bytes)));
    let busy = answers.disk.get(key).copied().unwrap_or(f64::NAN);
    let load = answers.load.get(key).copied().unwrap_or(f64::NAN);
    let full = answers.fullest.get(key).map_or(f64::NAN, |(share, _)| *share);
    let now = |courses: &Courses| courses.get(key).map_or(f64::NAN, |course| last(course));
    let address = asker.address.jump("/ui/infrastructure").with("instance", instance.as_str());
    HostRow {
        name: if label("nodename").is_empty() {
            instance.clone()
        } else {
            label("nodename").to_owned()
        },
        instance: instance.clone(),
        about: format!("{} {} {}", label("sysname"), label("release"), label("machine")),
        href: address.with("job", job.as_str()).to_string(),
        uptime: answers.uptime.get(key).map_or_else(
            || format::MISSING.to_owned(),
            |seconds| Unit::Seconds.write(seconds.floor()),
        ),
        cpu: share(&answers.cpu, questions::CPU, cores.unwrap_or_default()),
        memory: share(&answers.memory, questions::MEMORY, total.unwrap_or_default()),
        filesystem: filesystem(key, answers, link(questions::FILESYSTEMS)),
        disk: Measure {
            value: Unit::Percent.write(busy),
            gauge: Gauge::of(busy, 75.0, 90.0),
            href: link(questions::DISK_BUSY),
            ..Measure::default()
        },
        load: Measure {
            value: Unit::Number.write(load),
            href: link(questions::LOAD),
            ..Measure::default()
        },
        received: rate(&answers.received, questions::RECEIVED),
        sent: rate(&answers.sent, questions::SENT),
        pressure: [now(&answers.cpu), now(&answers.memory), full]
            .into_iter()
            .filter(|share| share.is_finite())
            .fold(0.0, f64::max),
    }
}

fn filesystem(key: &Key, answers: &Answers, href: String) -> Measure {
    let Some((share, mount)) = answers.fullest.get(key) else {
        return Measure { value: format::MISSING.to_owned(), href, ..Measure::default() };
    };
    let here = |labels: &Labels| {
        self::key(labels) == *key && labels.get("mountpoint") == Some(mount.as_str())
    };
    let free = answers.free.iter().find(|(labels, _)| here(labels));
    let free = free.map(|(_, bytes)| format!(", {} free", format::bytes(*bytes)));
    Measure {
        value: Unit::Percent.write(*share),
        note: format!("{mount}{}", free.unwrap_or_default()),
        gauge: Gauge::of(*share, 80.0, 90.0),
        href,
        ..Measure::default()
    }
}

/// The fullest filesystem of each host: a mean would hide the one that stops everything.
fn fullest(filesystems: &[(Labels, f64)]) -> BTreeMap<Key, (f64, String)> {
    let mut found: BTreeMap<Key, (f64, String)> = BTreeMap::new();
    for (labels, share) in filesystems.iter().filter(|(_, share)| share.is_finite()) {
        let mount = labels.get("mountpoint").unwrap_or_default();
        let known = found.entry(key(labels)).or_insert_with(|| (*share, mount.to_owned()));
        if *share > known.0 {
            *known = (*share, mount.to_owned());
        }
    }
    found
}

async fn courses(asker: &Asker<'_>, text: String) -> Result<Courses> {
    let series = asker.courses(&text).await?;
    Ok(series.into_iter().map(|(labels, values)| (key(&labels), values)).collect())
}

async fn values(asker: &Asker<'_>, text: String) -> Result<Values> {
    let series = asker.at_end(&text).await?;
    Ok(series.into_iter().map(|(labels, value)| (key(&labels), value)).collect())
}

/// The host that a series belongs to.
fn key(labels: &Labels) -> Key {
    let label = |name: &str| labels.get(name).unwrap_or_default().to_owned();
    (label("job"), label("instance"))
}

fn last(course: &[f64]) -> f64 {
    course.last().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_filesystem_counts_and_unknown_ones_do_not() {
        let disk = |mount: &str, share: f64| {
            let pairs = [("job", "node"), ("instance", "a"), ("mountpoint", mount)];
            (Labels::from_pairs(pairs), share)
        };
        let found = fullest(&[disk("/", 40.0), disk("/data", 97.0), disk("/odd", f64::NAN)]);
        let host = ("node".to_owned(), "a".to_owned());
        assert_eq!(found.get(&host), Some(&(97.0, "/data".to_owned())));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn the_matchers_of_a_host_escape_its_name() {
        assert_eq!(selector("node", "a\"b"), "job=\"node\",instance=\"a\\\"b\",");
        assert_eq!(selector("", "a"), "instance=\"a\",");
    }
}
