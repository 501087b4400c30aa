//! What the engine says of its files.

use crate::engines::kit::partitions::Partition;
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::files::Files;
use crate::engines::metrics::places::Places;
use crate::model::store::{PartitionFacts, PartitionState, StoreFacts};

/// The most damaged places that are named.
const MAX_NAMED: usize = 100;

/// Returns the days on disk and what is damaged in them.
pub(super) fn of(places: &Places, files: &Files, quarantine: &Quarantine) -> StoreFacts {
    let on_disk = files.on_disk();
    let partition = |partition: &Partition| {
        let mark = places.day(partition.day).map(|file| file.mark());
        let bounds = mark.map(|mark| mark.bounds).filter(|bounds| !bounds.is_empty());
        PartitionFacts {
            day: partition.day,
            bytes: partition.bytes,
            state: match mark.and_then(|mark| mark.sealed) {
                Some(_) => PartitionState::Sealed,
                None => PartitionState::Live,
            },
            series: mark.map(|mark| u64::from(mark.series)),
            points: None,
            times: bounds,
        }
    };
    let partitions = on_disk.iter().map(partition).collect();
    let mut damage = quarantine.facts(MAX_NAMED);
    for name in files.put_aside() {
        damage.count += 1;
        damage.places.push(name);
    }
    damage.places.truncate(MAX_NAMED);
    StoreFacts { partitions, damage }
}
