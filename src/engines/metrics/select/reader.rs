//! Reads the points of series, one reader on one thread.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::base::error::Result;
use crate::engines::metrics::aggregates;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::head::Head;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::select::{Selected, Unread};
use crate::engines::metrics::view::DayView;
use crate::model::sample::Sample;
use crate::model::series::{SeriesData, SeriesHour};
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::hours;
use crate::storage::metric_store::SeriesBlock;

/// A block is closed once it holds this many points for each of the series that it may hold.
const SERIES_POINTS: usize = 1_024;

/// Room is made for at most this many points before they are there.
const MOST_AHEAD: usize = 65_536;

/// After this many points others get their turn, also within a block.
const TURN_POINTS: usize = 262_144;

/// Reads series of some places.
pub(super) struct Reader {
    range: TimeRange<TimestampMs>,
    /// In the order in which they win a timestamp: files by day, then memory, older first.
    days: Vec<DayView>,
    heads: Vec<Arc<RwLock<Head>>>,
    /// The function that hours may be given for in place of points.
    hourly: Option<String>,
    /// How many floats the series had that was read last.
    last_floats: usize,
    damage: Damage,
}

/// What a reader met so far.
#[derive(Clone, Default)]
pub(super) struct Met {
    /// Blobs that were opened, and their bytes.
    pub(super) blobs: u64,
    pub(super) bytes: u64,
    /// Such as damage.
    pub(super) warnings: BTreeSet<String>,
}

impl Met {
    /// Adds what another reader met.
    pub(super) fn add(&mut self, other: Met) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.warnings.extend(other.warnings);
    }
}

impl Reader {
    /// Starts with places of which nothing was read but the series.
    pub(super) fn new(
        range: TimeRange<TimestampMs>,
        days: Vec<DayView>,
        heads: Vec<Arc<RwLock<Head>>>,
        hourly: Option<String>,
        damage: Damage,
    ) -> Self {
        Reader { range, days, heads, hourly, last_floats: 0, damage }
    }

    /// Returns a reader of the same places, which met nothing yet.
    pub(super) fn twin(&self) -> Self {
        Reader {
            range: self.range,
            days: self.days.iter().map(DayView::twin).collect(),
            heads: self.heads.clone(),
            hourly: self.hourly.clone(),
            last_floats: self.last_floats,
            damage: self.damage.apart(),
        }
    }

    /// Returns how many points the next series will have, very likely; at least 1.
    pub(super) fn likely_points(&self) -> usize {
        self.last_floats.max(1)
    }

    /// Returns what was met so far.
    pub(super) fn met(&self) -> Met {
        let warnings = self.damage.warnings().into_iter().collect();
        let mut met = Met { warnings, ..Met::default() };
        for (blobs, bytes) in self.days.iter().map(DayView::touched) {
            met.blobs += blobs;
            met.bytes += bytes;
        }
        met
    }

    /// Reads the next of some series: until `most` of them have points, or they have as many as that
    /// many may. Empty when none had any.
    ///
    /// # Errors
    /// `Internal` from the container; what is damaged is noted and left out.
    pub(super) async fn block(&mut self, unread: &mut Unread, most: usize) -> Result<SeriesBlock> {
        let mut block = SeriesBlock::new();
        let mut points = 0;
        while block.len() < most && points < most * SERIES_POINTS {
            let Some(selected) = unread.next() else { break };
            let data = self.series(&selected).await?;
            let own = data.samples.len() + data.histograms.len() + data.hours.len();
            if own > 0 {
                points += own;
                block.push(data);
            }
        }
        Ok(block)
    }

    /// Reads a series as hours where that will do, else its points.
    async fn series(&mut self, selected: &Selected) -> Result<SeriesData> {
        let labels = selected.labels.clone();
        if let Some(function) = self.hourly.clone()
            && let Some(hours) = self.hours(selected).await?
            && hours::will_do(&function, &hours)
        {
            return Ok(SeriesData { labels, hours, ..SeriesData::default() });
        }
        let Points { floats: samples, histograms, starts } = self.points(selected).await?;
        Ok(SeriesData { labels, samples, histograms, starts, hours: Vec::new() })
    }

    /// Returns the hours of a series; `None` when no day is sealed, when it has more than floats, and
    /// when points came to a sealed day that are in memory still.
    async fn hours(&mut self, selected: &Selected) -> Result<Option<Vec<SeriesHour>>> {
        let mut hours: Vec<SeriesHour> = Vec::new();
        let mut sealed = Vec::new();
        let mut others = Selected { in_days: Vec::new(), ..selected.clone() };
        for (place, series) in &selected.in_days {
            let Some(day) = self.days.get_mut(*place as usize) else { continue };
            match day.aggregates(*series, self.range, &mut self.damage)? {
                Some(own) => {
                    sealed.push(day.day().range_ms());
                    hours.extend(own.into_iter().map(SeriesHour::from));
                }
                None => others.in_days.push((*place, *series)),
            }
        }
        if sealed.is_empty() {
            return Ok(None);
        }
        let rest = self.points(&others).await?;
        let late = |one: &Sample| sealed.iter().any(|day| day.contains(one.timestamp));
        if !rest.histograms.is_empty() || !rest.starts.is_empty() || rest.floats.iter().any(late) {
            return Ok(None);
        }
        for day in rest
            .floats
            .chunk_by(|one, next| Day::of_ms(one.timestamp) == Day::of_ms(next.timestamp))
        {
            let Some(first) = day.first() else { continue };
            let start = Day::of_ms(first.timestamp).range_ms().start;
            hours.extend(aggregates::of_points(day, start).into_iter().map(SeriesHour::from));
        }
        hours.sort_by_key(|hour| hour.first.timestamp);
        Ok(Some(hours))
    }

    async fn points(&mut self, selected: &Selected) -> Result<Points> {
        let mut points = Points::default();
        // Series that are read together mostly have as many points, or a few more.
        points.floats.reserve_exact((self.last_floats + self.last_floats / 64).min(MOST_AHEAD));
        let mut turn = TURN_POINTS;
        for (place, series) in &selected.in_days {
            let Some(day) = self.days.get_mut(*place as usize) else { continue };
            day.add_points(*series, self.range, &mut self.damage, &mut points)?;
            if points.len() >= turn {
                turn = points.len() + TURN_POINTS;
                tokio::task::yield_now().await;
            }
        }
        for (place, series) in &selected.in_heads {
            let Some(head) = self.heads.get(*place as usize) else { continue };
            let own = head.read().points(*series).within(self.range)?;
            points.add(own);
        }
        self.last_floats = points.floats.len();
        if points.floats.capacity() / 2 > self.last_floats {
            points.floats.shrink_to_fit();
        }
        Ok(points)
    }
}
