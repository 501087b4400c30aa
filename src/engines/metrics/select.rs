//! The cursor: day files and memory joined, series by series.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::head::{Head, HeadSeries};
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::view::DayView;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::SeriesData;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::metric_store::{SeriesBlock, SeriesCursor};

/// A block holds at most this many series …
const BLOCK_SERIES: usize = 64;

/// … and is closed once it holds this many points.
const BLOCK_POINTS: usize = 65_536;

/// Selected series of the store as it was when the selection was opened.
pub(super) struct Selection {
    range: TimeRange<TimestampMs>,
    /// In the order in which they win a timestamp: files by day, then memory, older first.
    days: Vec<DayView>,
    memory: Vec<HeadSeries>,
    series: std::vec::IntoIter<Selected>,
    samples_left: u64,
    damage: Damage,
}

/// Where one series is.
struct Selected {
    labels: Labels,
    /// Place in `days`, and the number there.
    in_days: Vec<(u32, SeriesRef)>,
    /// Places in `memory`.
    in_memory: Vec<u32>,
}

/// Finds the series of a selection, place by place in the order in which they win.
pub(super) struct Collector<'a> {
    matchers: &'a [Matcher],
    range: TimeRange<TimestampMs>,
    days: Vec<DayView>,
    memory: Vec<HeadSeries>,
    found: Vec<Selected>,
    by_labels: HashMap<Labels, usize>,
}

impl<'a> Collector<'a> {
    /// Starts with no place searched.
    pub(super) fn new(matchers: &'a [Matcher], range: TimeRange<TimestampMs>) -> Self {
        Collector {
            matchers,
            range,
            days: Vec::new(),
            memory: Vec::new(),
            found: Vec::new(),
            by_labels: HashMap::new(),
        }
    }

    /// Searches a day.
    pub(super) fn add_day(&mut self, view: DayView) {
        let place = self.days.len() as u32;
        {
            let index = view.index().read();
            for series in index.matching(self.matchers) {
                if view.gone().contains(&series) {
                    continue;
                }
                self.selected(index.labels(series)).in_days.push((place, series));
            }
        }
        self.days.push(view);
    }

    /// Searches a head and copies what is selected.
    pub(super) fn add_head(&mut self, head: &Head) {
        for series in head.index().matching(self.matchers) {
            let own = head.points(series);
            if own.overlaps(self.range) {
                let place = self.memory.len() as u32;
                self.memory.push(own.copy(self.range));
                self.selected(head.index().labels(series)).in_memory.push(place);
            }
        }
    }

    fn selected(&mut self, labels: &Labels) -> &mut Selected {
        let place = match self.by_labels.get(labels) {
            Some(place) => *place,
            None => {
                self.by_labels.insert(labels.clone(), self.found.len());
                self.found.push(Selected {
                    labels: labels.clone(),
                    in_days: Vec::new(),
                    in_memory: Vec::new(),
                });
                self.found.len() - 1
            }
        };
        &mut self.found[place]
    }

    /// Ends the search. The selection reads up to `max_samples` points.
    pub(super) fn finish(self, max_samples: Option<u64>, damage: Damage) -> Selection {
        Selection {
            range: self.range,
            days: self.days,
            memory: self.memory,
            series: self.found.into_iter(),
            samples_left: max_samples.unwrap_or(u64::MAX),
            damage,
        }
    }
}

impl Selection {
    fn read(&mut self, selected: &Selected) -> Result<Points> {
        let mut points = Points::default();
        for (place, series) in &selected.in_days {
            let Some(day) = self.days.get_mut(*place as usize) else { continue };
            points.add(day.points(*series, self.range, &mut self.damage)?);
        }
        for place in &selected.in_memory {
            let Some(own) = self.memory.get(*place as usize) else { continue };
            points.add(own.within(self.range)?);
        }
        Ok(points)
    }

    fn count(&mut self, points: &Points) -> Result<()> {
        let Some(left) = self.samples_left.checked_sub(points.len() as u64) else {
            let message = "the selection holds more samples than one query may read";
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        };
        self.samples_left = left;
        Ok(())
    }
}

#[async_trait]
impl SeriesCursor for Selection {
    async fn next_block(&mut self) -> Result<Option<SeriesBlock>> {
        // Reading is quick but not free: others get their turn between blocks.
        tokio::task::yield_now().await;
        let mut block = SeriesBlock::new();
        let mut block_points = 0;
        while block.len() < BLOCK_SERIES && block_points < BLOCK_POINTS {
            let Some(selected) = self.series.next() else { break };
            let points = self.read(&selected)?;
            self.count(&points)?;
            if points.is_empty() {
                continue;
            }
            block_points += points.len();
            block.push(SeriesData {
                labels: selected.labels,
                samples: points.floats,
                histograms: points.histograms,
                starts: points.starts,
            });
        }
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    fn warnings(&self) -> Vec<String> {
        self.damage.warnings()
    }
}
