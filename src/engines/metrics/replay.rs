//! A record of the log applied again after a crash, straight from its bytes into the head.

use std::collections::HashMap;

use parking_lot::RwLockWriteGuard;

use crate::base::error::{Error, Result};
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::apply::Shared;
use crate::engines::metrics::head::{Head, Limits};
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::record::Visit;
use crate::model::batch::SeriesWrite;
use crate::model::labels::Labels;
use crate::model::receipt::Receipt;
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::storage::metric_store::KEEPABLE;

/// By how much the number of a new series may lie beyond those that are known: records between may
/// be damaged, but a number must not ask for much memory.
const MAX_GAP: usize = 1 << 20;

/// The numbers that series had in the heads of an earlier process, and have now.
#[derive(Default)]
pub(super) struct Lives(HashMap<Lsn, Numbers>);

/// The number of a series in the head now, by its number in an earlier one.
#[derive(Default)]
pub(super) struct Numbers(Vec<Option<SeriesRef>>);

impl Lives {
    /// Returns the numbers of one head.
    pub(super) fn of(&mut self, life: Lsn) -> &mut Numbers {
        self.0.entry(life).or_default()
    }
}

impl Numbers {
    fn get(&self, series: SeriesRef) -> Option<SeriesRef> {
        self.0.get(series as usize).copied().flatten()
    }

    fn set(&mut self, series: SeriesRef, now: SeriesRef) -> Result<()> {
        let place = series as usize;
        if place >= self.0.len() {
            if place - self.0.len() > MAX_GAP {
                return Err(Error::corrupt(format!("a new series has the number {series}")));
            }
            self.0.resize(place + 1, None);
        }
        self.0[place] = Some(now);
        Ok(())
    }
}

/// A record that is being applied.
pub(super) struct Replayed<'a> {
    shared: &'a Shared,
    lsn: Lsn,
    limits: Limits,
    numbers: &'a mut Numbers,
    head: RwLockWriteGuard<'a, Head>,
    /// The newest point that can be kept, `i64::MIN` while there is none.
    newest: i64,
    lost: u64,
}

impl<'a> Replayed<'a> {
    /// Starts with nothing seen.
    pub(super) fn new(
        shared: &'a Shared,
        lsn: Lsn,
        limits: Limits,
        numbers: &'a mut Numbers,
        head: RwLockWriteGuard<'a, Head>,
    ) -> Self {
        Replayed { shared, lsn, limits, numbers, head, newest: i64::MIN, lost: 0 }
    }

    /// Returns the newest point, and how many series had lost their labels.
    pub(super) fn finish(self) -> (i64, u64) {
        (self.newest, self.lost)
    }

    fn see(&mut self, at: TimestampMs) {
        if at <= KEEPABLE.end {
            self.newest = self.newest.max(at.0);
        }
    }
}

impl Visit for Replayed<'_> {
    fn labels(&mut self, series: SeriesRef, labels: Labels) -> Result<()> {
        // What was logged was let in: the limit of today does not take it back.
        match self.head.add(&labels, usize::MAX) {
            Some(now) => self.numbers.set(series, now),
            None => Err(Error::internal("a head has no numbers left for new series")),
        }
    }

    fn float(&mut self, series: SeriesRef, sample: Sample) -> Result<()> {
        let at = sample.timestamp;
        self.see(at);
        let Some(now) = self.numbers.get(series) else {
            self.lost += 1;
            return Ok(());
        };
        if self.limits.take(at) && !self.shared.is_flushed(self.lsn, at) {
            // A contradiction was refused then as it is now.
            self.head.write_float(now, sample)?;
        }
        Ok(())
    }

    fn points(&mut self, series: SeriesRef, mut write: SeriesWrite) -> Result<()> {
        write.samples.iter().for_each(|one| self.see(one.timestamp));
        write.histograms.iter().for_each(|one| self.see(one.timestamp));
        let Some(now) = self.numbers.get(series) else {
            self.lost += 1;
            return Ok(());
        };
        let kept = |at| !self.shared.is_flushed(self.lsn, at);
        write.samples.retain(|one| kept(one.timestamp));
        write.histograms.retain(|one| kept(one.timestamp));
        write.starts.retain(|one| kept(one.timestamp));
        write.exemplars.retain(|one| kept(one.timestamp));
        let mut receipt = Receipt::default();
        self.head.write(0, Some(now), &write, self.limits, &mut receipt)
    }
}
