//! The cursor: day files and memory joined, series by series.
//!
//! Opening finds the series of every place and reads no point. A [`reader`] reads the points of some
//! series: of memory straight from the head, which is held for no longer than one series takes; of
//! files in the order in which their packed blobs hold the series, so that each blob is read once.
//! Many points are read by a [`crew`] of readers, on the processors that are free.

mod crew;
mod cursor;
mod reader;

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::base::error::Result;
use crate::base::task::heavy;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::head::Head;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::index::table::Table;
use crate::engines::metrics::places::Places;
use crate::engines::metrics::select::cursor::Selection;
use crate::engines::metrics::select::reader::Reader;
use crate::engines::metrics::view::DayView;
use crate::model::labels::Labels;
use crate::storage::hours;
use crate::storage::metric_store::{SelectQuery, SeriesCursor};

/// From this many series on their labels are read aside, and what other queries wanted is left in memory.
const MANY_SERIES: u64 = 256;

/// Where one series is.
#[derive(Clone)]
struct Selected {
    labels: Labels,
    /// Place among the days, and the number there.
    in_days: Vec<(u32, SeriesRef)>,
    /// Place among the heads, and the number there.
    in_heads: Vec<(u32, SeriesRef)>,
}

/// Series that nobody has read yet.
type Unread = std::vec::IntoIter<Selected>;

/// Opens a selection; `damage` notes what cannot be read. Points that come while it is read may be
/// seen.
///
/// # Errors
/// `Internal` from the container.
pub(super) async fn open(
    places: &Places,
    query: &SelectQuery,
    mut damage: Damage,
) -> Result<Box<dyn SeriesCursor>> {
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
    let reader = Reader::new(query.range, days, heads, hourly(query), damage);
    Ok(Box::new(Selection::new(reader, found.in_file_order().into_iter(), query.max_samples)))
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
