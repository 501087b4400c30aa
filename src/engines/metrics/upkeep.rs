//! What the engine does with whole days: seal, delete, purge, copy.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::engines::metrics::Engine;
use crate::engines::metrics::day::DayFile;
use crate::engines::metrics::delete::delete_from_day;
use crate::engines::metrics::seal::Sealing;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::Deleted;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// Series of one step, after which sealing rests: some ten milliseconds.
const SERIES_A_STEP: usize = 64;

/// How much of a core sealing takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All of it.
    Full,
    /// A third: every step is followed by a rest twice as long.
    Third,
}

impl Pace {
    async fn rest(self, clock: &SharedClock, worked: Duration) {
        match self {
            Pace::Full => {}
            Pace::Third if worked.is_zero() => {}
            Pace::Third => clock.sleep(worked * 2).await,
        }
    }
}

impl Engine {
    /// Seals the days up to `through` that are not in their final form. Returns how many.
    pub(super) async fn seal_days(&self, through: Day, pace: Pace) -> Result<usize> {
        let _one = self.sealing.lock().await;
        if pace == Pace::Full {
            self.flush_all().await?;
        }
        self.rewrite_days(pace, |file| {
            // A damaged day stays as it is; only who asks for it hears that again.
            let hopeless = pace == Pace::Third && self.shared.quarantine.met_in(file.day());
            file.day() <= through && !file.mark().is_final() && !hopeless
        })
        .await
    }

    /// Seals the days again that hold what was deleted.
    pub(super) async fn purge_days(&self) -> Result<()> {
        let _one = self.sealing.lock().await;
        self.rewrite_days(Pace::Full, |file| file.tombstones().hides_sealed()).await?;
        Ok(())
    }

    async fn rewrite_days(&self, pace: Pace, asked: impl Fn(&DayFile) -> bool) -> Result<usize> {
        let places = self.shared.places.read().clone();
        let asked: Vec<_> = places.all_days().filter(|file| asked(file)).cloned().collect();
        // Whoever reads a file holds it; this list should not keep the old ones.
        drop(places);
        let mut outcome = Ok(0);
        for file in asked {
            let day = file.day();
            let done = self.seal_day(file, pace).await.map_err(|error| error.context(day));
            if done.is_err() {
                self.files.drop_new(day);
            }
            match (&mut outcome, done) {
                (Ok(sealed), Ok(done)) => *sealed += usize::from(done),
                (Ok(_), Err(error)) => outcome = Err(error),
                (Err(_), _) => {}
            }
        }
        outcome
    }

    /// Builds the final form of a day beside the upkeep of the others, and puts it in place unless
    /// the day was dropped meanwhile. A day that changed meanwhile is built again while nothing else
    /// changes it.
    async fn seal_day(&self, file: Arc<DayFile>, pace: Pace) -> Result<bool> {
        let mut built = self.build(&file, pace).await?;
        // It goes along into the work, which goes on when the caller goes away.
        let still = Arc::clone(&self.upkeep).lock_owned().await;
        if !self.shared.places.read().holds(&file) {
            self.files.drop_new(file.day());
            return Ok(false);
        }
        if built.is_outdated() {
            drop(built);
            built = self.build(&file, Pace::Full).await?;
        }
        let (shared, files) = (Arc::clone(&self.shared), Arc::clone(&self.files));
        blocking(move || {
            let _still = still;
            built.finish()?;
            files.replace(&shared, file.day())
        })
        .await?;
        Ok(true)
    }

    async fn build(&self, file: &Arc<DayFile>, pace: Pace) -> Result<Sealing> {
        let (old, files) = (Arc::clone(file), Arc::clone(&self.files));
        let quarantine = self.shared.quarantine.clone();
        let mut sealing = blocking(move || Sealing::start(old, &files, &quarantine)).await?;
        loop {
            let began = self.clock.now_ns();
            let more;
            (sealing, more) = blocking(move || {
                let more = sealing.step(SERIES_A_STEP)?;
                Ok((sealing, more))
            })
            .await?;
            if !more {
                return Ok(sealing);
            }
            let worked = self.clock.now_ns().saturating_sub(began);
            pace.rest(&self.clock, Duration::from_nanos(worked.max(0).unsigned_abs())).await;
        }
    }

    /// Deletes points and exemplars from memory and from all days.
    pub(super) async fn delete_series(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Deleted> {
        let _no_seal = self.sealing.lock().await;
        self.flush_all().await?;
        let one = Arc::clone(&self.upkeep).lock_owned().await;
        let (shared, files) = (Arc::clone(&self.shared), Arc::clone(&self.files));
        let deleted = blocking(move || {
            let _one = one;
            let _changing = shared.changes.begin(range.start);
            let places = shared.places.read().clone();
            let mut damage = shared.quarantine.notes();
            let mut deleted: HashSet<Labels> = HashSet::new();
            for file in places.days_around(range) {
                deleted.extend(files.rescuing(&shared, file, |file| {
                    delete_from_day(file, &match_sets, range, &mut damage)
                })?);
            }
            Ok(deleted.len() as u64)
        });
        Ok(Deleted { series: deleted.await? })
    }

    /// Copies all days into the new directory `to`.
    pub(super) async fn copy_days(&self, to: &Path) -> Result<()> {
        let _no_seal = self.sealing.lock().await;
        self.flush_all().await?;
        let one = Arc::clone(&self.upkeep).lock_owned().await;
        let (shared, files) = (Arc::clone(&self.shared), Arc::clone(&self.files));
        let to = to.to_owned();
        blocking(move || {
            let _one = one;
            let places = shared.places.read().clone();
            files.copy(places.all_days(), &to, &mut shared.quarantine.notes())
        })
        .await
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal(format!("metric upkeep: {error}")))?
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;

    use parking_lot::Mutex;

    use super::*;
    use crate::base::clock::Clock;

    /// Notes every wait, and ends it at once.
    #[derive(Default)]
    struct Waits(Mutex<Vec<Duration>>);

    impl Clock for Waits {
        fn now_ns(&self) -> i64 {
            0
        }

        fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            self.0.lock().push(duration);
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_third_of_a_core_is_one_part_work_and_two_parts_rest() {
        let waits = Arc::new(Waits::default());
        let clock: SharedClock = waits.clone();
        let worked = Duration::from_millis(15);
        Pace::Full.rest(&clock, worked).await;
        Pace::Third.rest(&clock, worked).await;
        Pace::Third.rest(&clock, Duration::ZERO).await;
        assert_eq!(*waits.0.lock(), [Duration::from_millis(30)]);
    }
}
