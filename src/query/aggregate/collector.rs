//! Takes record after record and grows the buckets.

use std::collections::{HashMap, HashSet};

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::aggregation::{
    Aggregation, AggregationResult, MetricKind, NamedAggregation, Statistics,
};
use crate::model::log_filter::LogField;
use crate::model::resource::AttrValue;
use crate::query::aggregate::{MAX_BUCKETS, MAX_VALUES};

/// Collects the values of one request.
#[derive(Debug)]
pub struct Collector {
    asked: Vec<NamedAggregation>,
    fields: Vec<LogField>,
    root: Vec<State>,
    budget: Budget,
    fault: Option<Error>,
}

/// What one aggregation holds within one bucket of its parent.
#[derive(Debug)]
pub(crate) enum State {
    Buckets(HashMap<Key, Grown>),
    Numbers(Statistics),
    Distinct(HashSet<Key>),
    Values(Vec<f64>),
}

/// A bucket while it grows.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    pub(crate) count: u64,
    pub(crate) within: Vec<State>,
}

/// A bucket's key; numbers by their bits, so that they can be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(String),
    Number(u64),
    Bool(bool),
}

#[derive(Debug, Default)]
struct Budget {
    buckets: usize,
    values: usize,
}

impl Collector {
    /// Prepares for what is asked.
    pub fn new(asked: Vec<NamedAggregation>) -> Self {
        let mut fields = Vec::new();
        gather_fields(&asked, &mut fields);
        let root = asked.iter().map(|one| State::empty(&one.kind)).collect();
        Collector { asked, fields, root, budget: Budget::default(), fault: None }
    }

    /// Returns the fields whose values [`Collector::add`] wants, in this order.
    pub fn fields(&self) -> &[LogField] {
        &self.fields
    }

    /// Takes one record. Returns `false` once a budget is passed: the scan may end.
    pub fn add(&mut self, values: &[Option<AttrValue>]) -> bool {
        if self.fault.is_some() {
            return false;
        }
        let row = Row { fields: &self.fields, values };
        if let Err(fault) = add_all(&self.asked, &mut self.root, &row, &mut self.budget) {
            self.fault = Some(fault);
            return false;
        }
        true
    }

    /// Returns the results in the order asked.
    ///
    /// # Errors
    /// `LimitExceeded` when a budget was passed: a part of an aggregation would be a wrong number.
    pub fn finish(self) -> Result<Vec<(String, AggregationResult)>> {
        match self.fault {
            Some(fault) => Err(fault),
            None => crate::query::aggregate::finish::finish_all(&self.asked, self.root),
        }
    }
}

/// The values of one record.
struct Row<'a> {
    fields: &'a [LogField],
    values: &'a [Option<AttrValue>],
}

impl Row<'_> {
    /// Returns the values of a field; a list gives each of its items.
    fn of(&self, field: &LogField) -> &[AttrValue] {
        let place = self.fields.iter().position(|own| own == field);
        match place.and_then(|place| self.values.get(place)) {
            Some(Some(AttrValue::Array(items))) => items,
            Some(Some(one)) => std::slice::from_ref(one),
            _ => &[],
        }
    }
}

impl State {
    /// Returns what an aggregation holds before the first record.
    pub(crate) fn empty(kind: &Aggregation) -> State {
        match kind {
            Aggregation::Histogram { .. } | Aggregation::Terms { .. } => {
                State::Buckets(HashMap::new())
            }
            Aggregation::Metric(MetricKind::Cardinality, _) => State::Distinct(HashSet::new()),
            Aggregation::Metric(MetricKind::Percentiles(_), _) => State::Values(Vec::new()),
            Aggregation::Metric(..) => State::Numbers(Statistics::default()),
        }
    }
}

fn gather_fields(asked: &[NamedAggregation], fields: &mut Vec<LogField>) {
    for one in asked {
        let (Aggregation::Histogram { field, .. }
        | Aggregation::Terms { field, .. }
        | Aggregation::Metric(_, field)) = &one.kind;
        if !fields.contains(field) {
            fields.push(field.clone());
        }
        gather_fields(&one.within, fields);
    }
}

fn add_all(
    asked: &[NamedAggregation],
    states: &mut [State],
    row: &Row<'_>,
    budget: &mut Budget,
) -> Result<()> {
    for (one, state) in asked.iter().zip(states) {
        add_one(one, state, row, budget)?;
    }
    Ok(())
}

fn add_one(
    one: &NamedAggregation,
    state: &mut State,
    row: &Row<'_>,
    budget: &mut Budget,
) -> Result<()> {
    match (&one.kind, state) {
        (Aggregation::Metric(kind, field), state) => {
            row.of(field).iter().try_for_each(|value| add_value(kind, state, value, budget))
        }
        (Aggregation::Histogram { field, interval, offset, .. }, State::Buckets(buckets)) => {
            let starts: HashSet<Key> = row
                .of(field)
                .iter()
                .filter_map(number_of)
                .map(|number| {
                    number_key(((number - offset) / interval).floor() * interval + offset)
                })
                .collect();
            starts.into_iter().try_for_each(|key| grow(one, buckets, key, row, budget))
        }
        (Aggregation::Terms { field, missing, .. }, State::Buckets(buckets)) => {
            let values = row.of(field);
            let mut keys: HashSet<Key> = values.iter().filter_map(key_of).collect();
            if keys.is_empty() {
                keys.extend(missing.clone().map(Key::Text));
            }
            keys.into_iter().try_for_each(|key| grow(one, buckets, key, row, budget))
        }
        (_, State::Numbers(_) | State::Distinct(_) | State::Values(_)) => Ok(()),
    }
}

fn grow(
    one: &NamedAggregation,
    buckets: &mut HashMap<Key, Grown>,
    key: Key,
    row: &Row<'_>,
    budget: &mut Budget,
) -> Result<()> {
    let is_new = !buckets.contains_key(&key);
    if is_new {
        budget.buckets += 1;
        if budget.buckets > MAX_BUCKETS {
            return Err(too_many(format!(
                "Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}]; narrow the time range or widen the interval"
            )));
        }
    }
    let grown = buckets.entry(key).or_default();
    if is_new {
        grown.within = one.within.iter().map(|inner| State::empty(&inner.kind)).collect();
    }
    grown.count += 1;
    add_all(&one.within, &mut grown.within, row, budget)
}

fn add_value(
    kind: &MetricKind,
    state: &mut State,
    value: &AttrValue,
    budget: &mut Budget,
) -> Result<()> {
    match (kind, state) {
        (MetricKind::ValueCount, State::Numbers(numbers)) => {
            numbers.count += u64::from(*value != AttrValue::Empty);
        }
        (_, State::Numbers(numbers)) => {
            if let Some(number) = number_of(value) {
                numbers.add(number);
            }
        }
        (_, State::Distinct(seen)) => {
            if key_of(value).is_some_and(|key| seen.insert(key)) {
                budget.values += 1;
            }
        }
        (_, State::Values(values)) => {
            if let Some(number) = number_of(value) {
                values.push(number);
                budget.values += 1;
            }
        }
        (_, State::Buckets(_)) => {}
    }
    if budget.values > MAX_VALUES {
        return Err(too_many(format!(
            "the aggregation holds more than {MAX_VALUES} values; narrow the time range"
        )));
    }
    Ok(())
}

fn too_many(message: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, message)
}

/// Numbers, and texts that are numbers.
fn number_of(value: &AttrValue) -> Option<f64> {
    match value {
        AttrValue::Int(number) => Some(*number as f64),
        AttrValue::Double(number) => Some(*number),
        AttrValue::Bool(flag) => Some(f64::from(u8::from(*flag))),
        AttrValue::Str(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn number_key(number: f64) -> Key {
    // Minus zero is the same bucket as zero.
    Key::Number((number + 0.0).to_bits())
}

fn key_of(value: &AttrValue) -> Option<Key> {
    match value {
        AttrValue::Str(text) => Some(Key::Text(text.clone())),
        AttrValue::Int(number) => Some(number_key(*number as f64)),
        AttrValue::Double(number) => Some(number_key(*number)),
        AttrValue::Bool(flag) => Some(Key::Bool(*flag)),
        AttrValue::Empty => None,
        nested => Some(Key::Text(nested.to_text())),
    }
}
