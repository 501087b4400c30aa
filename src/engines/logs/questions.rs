//! Answers from what memory and files held at one time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::DocAddress;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::logs::apply::State;
use crate::engines::logs::day::DayView;
use crate::engines::logs::plan::{Plan, has_term, narrowed};
use crate::engines::logs::schema::read_known;
use crate::model::cut::Cut;
use crate::model::log_filter::LogField;
use crate::model::log_query::{
    Direction, FieldType, IndexSummary, LogHit, LogPage, LogPosition, LogSearch, LogSelect,
    index_matches,
};
use crate::model::time::{Day, TimeRange, TimestampNs};
use crate::storage::log_eval::CompiledFilter;
use crate::storage::log_fields::{FieldTypes, for_each_field};
use crate::storage::log_store::LogVisitor;

/// Places that a search may keep beyond its page before it sorts some out.
const SPARE_PLACES: usize = 4_096;

/// What the store held at one time.
pub(super) struct Snapshot {
    memory: Vec<Arc<LogHit>>,
    days: Vec<DayView>,
    hidden: Arc<HashMap<u64, Day>>,
    warnings: Vec<String>,
}

/// Where a matching record is.
#[derive(Clone)]
enum Place {
    Memory(Arc<LogHit>),
    File { day: usize, address: DocAddress },
}

impl Snapshot {
    /// Takes what may lie in `range`.
    pub(super) fn of(state: &State, range: TimeRange<TimestampNs>) -> Self {
        let first = LogPosition { timestamp: range.start, sequence: 0 };
        let last = LogPosition { timestamp: range.end, sequence: u64::MAX };
        let mut memory = Vec::new();
        let mut days = Vec::new();
        if !range.is_empty() {
            if let Some(flushing) = &state.flushing {
                let known = flushing.head.records.range(first..=last).map(|(_, hit)| hit);
                let shown = |hit: &&Arc<LogHit>| !state.hidden.contains_key(&hit.position.sequence);
                memory.extend(known.filter(shown).cloned());
            }
            memory.extend(state.active.records.range(first..=last).map(|(_, hit)| hit).cloned());
            let (first, last) = (Day::of_ns(range.start), Day::of_ns(range.end));
            days.extend(state.days.range(first..=last).map(|(_, view)| view.clone()));
        }
        let (hidden, warnings) = (Arc::clone(&state.hidden), state.warnings.clone());
        Snapshot { memory, days, hidden, warnings }
    }

    /// Shows `visit` every match until it returns `false`.
    fn for_each(
        &self,
        select: &LogSelect,
        cancelled: &AtomicBool,
        visit: &mut dyn FnMut(LogPosition, Match<'_>) -> Result<bool>,
    ) -> Result<()> {
        let filter = CompiledFilter::new(&select.filter)?;
        let chosen = |hit: &LogHit| {
            select.range.contains(hit.position.timestamp)
                && index_matches(&select.indices, &hit.record.index)
                && filter.matches(&hit.record)
        };
        for hit in self.memory.iter().filter(|hit| chosen(hit)) {
            check(cancelled)?;
            if !visit(hit.position, Match::Memory(hit))? {
                return Ok(());
            }
        }
        for (day, view) in self.days.iter().enumerate() {
            let plan = self.plan(view, select)?;
            let exact = plan.is_exact();
            let go_on = view.for_each(&plan, &mut |position, address| {
                check(cancelled)?;
                if self.hidden.contains_key(&position.sequence)
                    || !select.range.contains(position.timestamp)
                {
                    return Ok(true);
                }
                if exact {
                    return visit(position, Match::File { day, view, address });
                }
                let hit = view.read(address)?;
                if chosen(&hit) {
                    visit(position, Match::Read { day, hit, address })
                } else {
                    Ok(true)
                }
            })?;
            if !go_on {
                return Ok(());
            }
        }
        Ok(())
    }

    fn plan(&self, view: &DayView, select: &LogSelect) -> Result<Plan> {
        let plan = Plan::of(&select.filter, view.fields());
        if select.indices.is_empty() {
            return Ok(plan);
        }
        let mut names = Vec::new();
        view.for_each_term(view.fields().index, &self.hidden, &mut |name, _| {
            if index_matches(&select.indices, name) {
                names.push(name.to_owned());
            }
        })?;
        let of_names = names.iter().map(|name| has_term(view.fields().index, name, true));
        Ok(Plan::all_of([Plan::any_of(of_names), plan].into_iter()))
    }

    /// Answers a search.
    pub(super) fn search(&self, search: &LogSearch, cancelled: &AtomicBool) -> Result<LogPage> {
        let mut page = LogPage { warnings: self.warnings.clone(), ..LogPage::default() };
        let mut top = Top::new(search);
        self.for_each(&search.select, cancelled, &mut |position, found| {
            page.total += 1;
            top.add(position, || found.place());
            Ok(true)
        })?;
        for (_, place) in top.finish() {
            page.hits.push(match place {
                Place::Memory(hit) => hit.as_ref().clone(),
                Place::File { day, address } => self.days[day].read(address)?,
            });
        }
        Ok(page)
    }

    /// Counts matches.
    pub(super) fn count(&self, select: &LogSelect, cancelled: &AtomicBool) -> Result<u64> {
        let mut count = 0;
        self.for_each(select, cancelled, &mut |_, _| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }

    /// Shows `visitor` the named fields of every match.
    pub(super) fn scan(
        &self,
        select: &LogSelect,
        fields: &[LogField],
        visitor: &mut dyn LogVisitor,
        cancelled: &AtomicBool,
    ) -> Result<()> {
        let mut show = |hit: &LogHit| {
            let values: Vec<_> = fields.iter().map(|field| field.value_of(&hit.record)).collect();
            visitor.visit(hit.position, &values)
        };
        self.for_each(select, cancelled, &mut |_, found| match found {
            Match::Memory(hit) => Ok(show(hit)),
            Match::File { view, address, .. } => Ok(show(&view.read(address)?)),
            Match::Read { hit, .. } => Ok(show(&hit)),
        })
    }

    /// Returns the fields of the living records of these indices.
    pub(super) fn fields(&self, indices: &[String]) -> Result<Cut<FieldType>> {
        let mut types = FieldTypes::default();
        for hit in &self.memory {
            if index_matches(indices, &hit.record.index) {
                for_each_field(&hit.record, &mut |field, kind| types.add(field, kind));
            }
        }
        for view in &self.days {
            view.for_each_term(view.fields().known, &self.hidden, &mut |term, _| {
                if let Some((index, field, kind)) = read_known(term)
                    && index_matches(indices, index)
                {
                    types.add(field, kind);
                }
            })?;
        }
        let mut fields = types.finish();
        fields.warnings.extend(self.warnings.iter().cloned());
        Ok(fields)
    }

    /// Returns the indices that hold records.
    pub(super) fn indices(&self) -> Result<Vec<IndexSummary>> {
        let mut counts = BTreeMap::<String, u64>::new();
        let mut add = |name: &str, records: u64| match counts.get_mut(name) {
            Some(count) => *count += records,
            None => drop(counts.insert(name.to_owned(), records)),
        };
        self.memory.iter().for_each(|hit| add(&hit.record.index, 1));
        for view in &self.days {
            view.for_each_term(view.fields().index, &self.hidden, &mut add)?;
        }
        Ok(counts.into_iter().map(|(name, records)| IndexSummary { name, records }).collect())
    }
}

/// Narrows the range of a selection to what its filter lets through.
pub(super) fn range_of(select: &LogSelect) -> TimeRange<TimestampNs> {
    narrowed(select.range, &select.filter)
}

fn check(cancelled: &AtomicBool) -> Result<()> {
    match cancelled.load(Ordering::Relaxed) {
        true => Err(Error::new(ErrorKind::Timeout, "nobody waits for the answer any more")),
        false => Ok(()),
    }
}

/// A match, read as far as deciding it took.
#[allow(clippy::large_enum_variant, reason = "matches live one at a time")]
enum Match<'a> {
    Memory(&'a Arc<LogHit>),
    File { day: usize, view: &'a DayView, address: DocAddress },
    Read { day: usize, hit: LogHit, address: DocAddress },
}

impl Match<'_> {
    fn place(&self) -> Place {
        match self {
            Match::Memory(hit) => Place::Memory(Arc::clone(hit)),
            Match::File { day, address, .. } | Match::Read { day, address, .. } => {
                Place::File { day: *day, address: *address }
            }
        }
    }
}

/// The first places of a page, out of many.
struct Top<'a> {
    search: &'a LogSearch,
    places: Vec<(LogPosition, Place)>,
    /// Once the page is full, what lies behind this cannot be on it.
    last: Option<LogPosition>,
}

impl<'a> Top<'a> {
    fn new(search: &'a LogSearch) -> Self {
        Top { search, places: Vec::new(), last: None }
    }

    fn add(&mut self, position: LogPosition, place: impl FnOnce() -> Place) {
        let comes_first = |one: LogPosition, other: LogPosition| match self.search.direction {
            Direction::Forward => one < other,
            Direction::Backward => one > other,
        };
        let behind_start = self.search.after.is_none_or(|after| comes_first(after, position));
        let before_end = self.last.is_none_or(|last| comes_first(position, last));
        if self.search.limit == 0 || !behind_start || !before_end {
            return;
        }
        self.places.push((position, place()));
        if self.places.len() > self.search.limit.saturating_add(SPARE_PLACES) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.places.sort_by_key(|(position, _)| *position);
        if self.search.direction == Direction::Backward {
            self.places.reverse();
        }
        self.places.truncate(self.search.limit);
        if self.places.len() == self.search.limit {
            self.last = self.places.last().map(|(position, _)| *position);
        }
    }

    fn finish(mut self) -> Vec<(LogPosition, Place)> {
        self.cut();
        self.places
    }
}
