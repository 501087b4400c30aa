//! The cursor: day files and memory joined, series by series.
//!
//! Opening finds the series of every place and reads no point. A block reads the points of its own
//! series: of memory straight from the head, which is held for no longer than one series takes; of
//! files in the order in which their packed blobs hold the series, so that each blob is read once.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::base::error::{Error, ErrorKind, Result};
use crate::base::task::heavy;
use crate::engines::metrics::aggregates;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::head::Head;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::index::table::Table;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::places::Places;
use crate::engines::metrics::view::DayView;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::series::{SelectStats, SeriesData, SeriesHour};
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::hours;
use crate::storage::metric_store::{SelectQuery, SeriesBlock, SeriesCursor};

/// A block holds at most this many series, the first ones fewer, so that they come soon …
const BLOCK_SERIES: usize = 64;
const FIRST_BLOCK_SERIES: usize = 8;

/// … and is closed once it holds this many points for each of the series that it may hold.
const SERIES_POINTS: usize = 1_024;

/// What a selected series takes of memory, its labels included, about.
const SELECTED_BYTES: u64 = 512;

/// From this many series on their labels are read aside, and what other queries wanted is left in memory.
const MANY_SERIES: u64 = 256;

/// Room is made for at most this many points before they are there.
const MOST_AHEAD: usize = 65_536;

/// After this many points others get their turn, also within a block.
const TURN_POINTS: usize = 262_144;

/// Selected series of the store. Points that come while the selection is read may be seen.
pub(super) struct Selection {
    range: TimeRange<TimestampMs>,
    /// In the order in which they win a timestamp: files by day, then memory, older first.
    days: Vec<DayView>,
    heads: Vec<Arc<RwLock<Head>>>,
    series: std::vec::IntoIter<Selected>,
    block_series: usize,
    max_samples: u64,
    /// The function that hours may be given for in place of points.
    hourly: Option<String>,
    /// How many floats the series had that was read last.
    last_floats: usize,
    stats: SelectStats,
    damage: Damage,
}

/// Where one series is.
#[derive(Clone)]
struct Selected {
    labels: Labels,
    /// Place in `days`, and the number there.
    in_days: Vec<(u32, SeriesRef)>,
    /// Place in `heads`, and the number there.
    in_heads: Vec<(u32, SeriesRef)>,
}

/// Opens a selection; `damage` notes what cannot be read.
///
/// # Errors
/// `Internal` from the container.
pub(super) async fn open(
    places: &Places,
    query: &SelectQuery,
    mut damage: Damage,
) -> Result<Selection> {
    let mut found = Found::default();
    let (mut days, mut heads) = (Vec::new(), Vec::new());
    if !query.range.is_empty() {
        // Heads are kept before files are opened: what a flush moves meanwhile is in both.
        for head in places.heads() {
            found.add_head(heads.len() as u32, &head.read(), query);
            heads.push(Arc::clone(head));
            tokio::task::yield_now().await;
        }
        for day in places.days(query.range) {
            let Some(mut view) = day.view(&mut damage)? else { continue };
            let sets = std::slice::from_ref(&query.matchers);
            let series = view.series().matching_any(sets, &mut damage)?;
            if series.len() > MANY_SERIES {
                view.reads_much();
                heavy().await;
            }
            found.add_day(days.len() as u32, &view, &series, &mut damage)?;
            days.push(view);
            tokio::task::yield_now().await;
        }
    }
    Ok(Selection {
        range: query.range,
        days,
        heads,
        series: found.in_file_order().into_iter(),
        block_series: FIRST_BLOCK_SERIES,
        max_samples: query.max_samples.unwrap_or(u64::MAX),
        hourly: hourly(query),
        last_floats: 0,
        stats: SelectStats::default(),
        damage,
    })
}

/// Returns the function that hours may be given for.
fn hourly(query: &SelectQuery) -> Option<String> {
    let hints = &query.hints;
    let may_do = hints.whole_hours && hours::may_do(&hints.function);
    may_do.then(|| hints.function.clone())
}

/// Series that were found so far.
#[derive(Default)]
struct Found {
    series: Vec<Selected>,
    by_labels: Table,
}

impl Found {
    fn add_head(&mut self, place: u32, head: &Head, query: &SelectQuery) {
        let index = head.index();
        for series in index.matching(&query.matchers) {
            if head.points(series).overlaps(query.range) {
                self.selected(index.labels(series)).in_heads.push((place, series));
            }
        }
    }

    fn add_day(
        &mut self,
        place: u32,
        view: &DayView,
        found: &RoaringBitmap,
        damage: &mut Damage,
    ) -> Result<()> {
        view.series().labels(found, damage, |series, labels| {
            self.selected(labels).in_days.push((place, series));
        })
    }

    fn selected(&mut self, labels: &Labels) -> &mut Selected {
        let hash = labels.hash64();
        let known =
            self.by_labels.find(hash, |place| self.series[place as usize].labels == *labels);
        let place = known.unwrap_or_else(|| {
            let place = self.series.len() as u32;
            self.by_labels.add(hash, place);
            let (in_days, in_heads) = (Vec::new(), Vec::new());
            self.series.push(Selected { labels: labels.clone(), in_days, in_heads });
            place
        });
        &mut self.series[place as usize]
    }

    /// Returns the series in the order in which the file of the first day holds them; those that
    /// no file has come last.
    fn in_file_order(mut self) -> Vec<Selected> {
        let in_no_file = (u32::MAX, 0);
        self.series.sort_by_key(|one| one.in_days.first().copied().unwrap_or(in_no_file));
        self.series
    }
}

impl Selection {
    /// Reads a series as hours where that will do, else its points.
    async fn read(&mut self, selected: &Selected) -> Result<SeriesData> {
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
        // Series that are read together mostly have as many points.
        points.floats.reserve_exact(self.last_floats.min(MOST_AHEAD));
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

    /// Counts what a series has, and returns how much that is.
    fn count(&mut self, data: &SeriesData) -> Result<usize> {
        let points = data.samples.len() + data.histograms.len();
        let all = points + data.hours.len();
        self.stats.series += u64::from(all > 0);
        self.stats.samples += points as u64;
        self.stats.hours += data.hours.len() as u64;
        if self.stats.samples + self.stats.hours > self.max_samples {
            let message = "the selection holds more samples than one query may read";
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(all)
    }
}

#[async_trait]
impl SeriesCursor for Selection {
    async fn next_block(&mut self) -> Result<Option<SeriesBlock>> {
        // Reading is quick but not free: others get their turn between blocks.
        tokio::task::yield_now().await;
        let mut block = SeriesBlock::new();
        let (most, mut block_points) = (self.block_series, 0);
        self.block_series = (most * 2).min(BLOCK_SERIES);
        while block.len() < most && block_points < most * SERIES_POINTS {
            let Some(selected) = self.series.next() else { break };
            let data = self.read(&selected).await?;
            let points = self.count(&data)?;
            if points > 0 {
                block_points += points;
                block.push(data);
            }
        }
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    fn held_bytes(&self) -> u64 {
        self.series.len() as u64 * SELECTED_BYTES
    }

    fn stats(&self) -> SelectStats {
        let mut stats = self.stats;
        for (blobs, bytes) in self.days.iter().map(DayView::touched) {
            stats.blobs += blobs;
            stats.bytes += bytes;
        }
        stats
    }

    fn warnings(&self) -> Vec<String> {
        self.damage.warnings()
    }
}
