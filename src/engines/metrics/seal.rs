//! A day into its final form: a new file with whole days of series in place of their windows.
//!
//! Series are numbered anew in the order of their labels, so that what is alike lies together. The
//! old file stays as it is, and in use, until the new one takes its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::{Change, PAGE_SLACK};
use crate::engines::kit::new_container::NewContainer;
use crate::engines::metrics::aggregates;
use crate::engines::metrics::blob::{Limit, Packed, Packer};
use crate::engines::metrics::damage::{Damage, Quarantine};
use crate::engines::metrics::day::{
    AGGREGATES, DayFile, EXEMPLARS, FAMILIES, FAMILIES_KEY, MARK_KEY, META, QUARANTINE, SEALED,
    TIMES, blob_key, sealed_key, with_part,
};
use crate::engines::metrics::files::Files;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::record::put_exemplars;
use crate::engines::metrics::sealed::put_points;
use crate::engines::metrics::sealed_index;
use crate::engines::metrics::times::Streams;
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::view::DayView;
use crate::engines::metrics::window::Window;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::time::{TimeRange, TimestampMs};

/// A blob, cut where it is full, and its checksum just fit a page of 64 KiB of the container.
pub(super) const SEALED_BLOB_BYTES: usize = (64 << 10) - PAGE_SLACK - 4;

/// Blobs of exemplars fit a page of 32 KiB, as those of a live day do.
const EXEMPLAR_BLOB_BYTES: usize = (32 << 10) - PAGE_SLACK - 4;

/// Page cache of the file that is written.
const CACHE_BYTES: usize = 4 << 20;

/// One day on its way into its final form.
pub(super) struct Sealing {
    old: Arc<DayFile>,
    /// What the old file said of itself when sealing began.
    mark: Mark,
    tombstones: Arc<Tombstones>,
    view: DayView,
    damage: Damage,
    new: NewContainer,
    /// Series of the old file by labels, with their numbers there.
    order: std::vec::IntoIter<(Labels, SeriesRef)>,
    labels: Vec<Labels>,
    bounds: Mark,
    streams: Streams,
    times: Packer,
    whole: Packer,
    aggregates: Packer,
    exemplars: BTreeMap<Window, Packer>,
}

impl Sealing {
    /// Starts a new file.
    ///
    /// # Errors
    /// Those of the containers; likewise below.
    pub(super) fn start(old: Arc<DayFile>, files: &Files, quarantine: &Quarantine) -> Result<Self> {
        let (mark, tombstones) = (old.mark(), old.tombstones());
        let mut damage = quarantine.notes();
        let unreadable = || Error::corrupt("the day's file cannot be read");
        let mut view = old.view(&mut damage)?.ok_or_else(unreadable)?;
        view.reads_much();
        let order = by_labels(&view, &mut damage)?;
        let new = files.create(&files.new_path(old.day()), CACHE_BYTES)?;
        Ok(Sealing {
            old,
            mark,
            tombstones,
            view,
            damage,
            new,
            labels: Vec::with_capacity(order.len()),
            order: order.into_iter(),
            bounds: Mark::default(),
            streams: Streams::default(),
            times: Packer::cutting(Limit(SEALED_BLOB_BYTES)),
            whole: Packer::cutting(Limit(SEALED_BLOB_BYTES)),
            aggregates: Packer::cutting(Limit(SEALED_BLOB_BYTES)),
            exemplars: BTreeMap::new(),
        })
    }

    /// Seals the next `count` series. Returns whether there are more.
    pub(super) fn step(&mut self, count: usize) -> Result<bool> {
        let all = TimeRange::<TimestampMs>::ALL;
        for _ in 0..count {
            let Some((labels, series)) = self.order.next() else { break };
            let mut points = self.view.points(series, all, &mut self.damage)?;
            points.settle();
            let exemplars = self.view.exemplars(series, all, &mut self.damage)?;
            if points.is_empty() && exemplars.is_empty() {
                continue;
            }
            let number = self.labels.len() as SeriesRef;
            self.labels.push(labels);
            self.add_points(number, &points)?;
            self.add_exemplars(number, exemplars);
        }
        write_blobs(&mut self.new.change(), TIMES, self.times.take())?;
        write_blobs(&mut self.new.change(), SEALED, self.whole.take())?;
        write_blobs(&mut self.new.change(), AGGREGATES, self.aggregates.take())?;
        Ok(self.order.len() > 0)
    }

    fn add_points(&mut self, series: SeriesRef, points: &Points) -> Result<()> {
        let Some(bounds) = points.bounds() else { return Ok(()) };
        self.bounds.include(bounds);
        let (streams, times) = (&mut self.streams, &mut self.times);
        let entry = put_points(points, |own| {
            let (number, row) = streams.number(own)?;
            row.into_iter().for_each(|row| times.push(number, row));
            Ok(number)
        });
        self.whole.push(series, entry?);
        if points.histograms.is_empty() && points.starts.is_empty() {
            let start = self.old.day().range_ms().start;
            let hours = aggregates::of_points(&points.floats, start);
            if !hours.is_empty() {
                self.aggregates.push(series, aggregates::put(&hours, start));
            }
        }
        Ok(())
    }

    fn add_exemplars(&mut self, series: SeriesRef, exemplars: Vec<Exemplar>) {
        let mut by_window: BTreeMap<Window, Vec<Exemplar>> = BTreeMap::new();
        for exemplar in exemplars {
            by_window.entry(Window::of(exemplar.timestamp.0)).or_default().push(exemplar);
        }
        for (window, own) in by_window {
            let new = || Packer::new(Limit(EXEMPLAR_BLOB_BYTES));
            let mut entry = Vec::new();
            put_exemplars(&own, &mut entry);
            self.exemplars.entry(window).or_insert_with(new).push(series, entry);
        }
    }

    /// Returns whether the old file changed after sealing began, so that the new one lacks something.
    pub(super) fn is_outdated(&self) -> bool {
        self.old.mark() != self.mark || self.old.tombstones() != self.tombstones
    }

    /// Completes the file. Nothing happens to the old one, not even if this fails.
    ///
    /// # Errors
    /// `Corrupt` when damaged blobs were met: the old file has to stay, for what may be rescued.
    pub(super) fn finish(self) -> Result<()> {
        if let Some(warning) = self.damage.warnings().first() {
            return Err(Error::corrupt(format!("not sealed: {warning}")));
        }
        let mut change = self.new.change();
        write_blobs(&mut change, TIMES, self.times.finish())?;
        write_blobs(&mut change, SEALED, self.whole.finish())?;
        write_blobs(&mut change, AGGREGATES, self.aggregates.finish())?;
        for (window, packer) in self.exemplars {
            let key = |blob: Packed| (blob_key(window, blob.first), blob.bytes);
            change.load(EXEMPLARS, packer.finish().into_iter().map(key))?;
        }
        sealed_index::write::write(&mut change, &self.labels)?;
        let before = self.view.snapshot();
        if let Some(families) = before.get(FAMILIES, FAMILIES_KEY)? {
            change.put(FAMILIES, FAMILIES_KEY, &families)?;
        }
        before.visit(QUARANTINE, |key, bytes| change.put(QUARANTINE, key, &bytes?))?;
        let (series, bounds) = (self.labels.len() as SeriesRef, self.bounds.bounds);
        let mark = Mark { bounds, series, sealed: Some(series), changed: false, ..self.mark };
        change.put(META, MARK_KEY, &mark.encode())?;
        self.new.finish()
    }
}

/// Returns the series that have something left by their labels.
fn by_labels(view: &DayView, damage: &mut Damage) -> Result<Vec<(Labels, SeriesRef)>> {
    let all = view.series().matching_any(&[], damage)?;
    let mut order = Vec::with_capacity(all.len() as usize);
    view.series().labels(&all, damage, |series, labels| order.push((labels.clone(), series)))?;
    order.sort();
    Ok(order)
}

fn write_blobs(change: &mut Change<'_>, table: &'static str, blobs: Vec<Packed>) -> Result<()> {
    if blobs.is_empty() {
        return Ok(());
    }
    let row = |blob: Packed| (with_part(&sealed_key(blob.first), blob.part), blob.bytes);
    change.load(table, blobs.into_iter().map(row))
}
