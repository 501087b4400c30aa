//! The shop second by second: who comes, what happens, and what is sent of it when.

use std::collections::BTreeMap;

use crate::demo::background;
use crate::demo::dice::Dice;
use crate::demo::incident::Schedule;
use crate::demo::journeys;
use crate::demo::machines;
use crate::demo::meters::Meters;
use crate::demo::shop::{Service, Shop};
use crate::demo::weave::{Happening, Loom, What};
use crate::ingest::Door;
use crate::model::batch::{LogBatch, LogOp, MetricBatch, SpanBatch};
use crate::model::time::TimestampMs;

pub(crate) const SECOND: i64 = 1_000_000_000;
/// How often metrics are told, in seconds.
pub(crate) const METRICS_EVERY: i64 = 10;
/// Visits a second once the demo runs.
const VISITS: f64 = 6.0;
/// Of the history every so many visits only one is told; counters count them all.
const THINNED: f64 = 6.0;

/// What is sent at one time, by door.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shipment {
    /// Spans that ended.
    pub(crate) spans: Vec<(Door, SpanBatch)>,
    /// Log lines.
    pub(crate) logs: Vec<(Door, LogBatch)>,
    /// Every series as of one or more moments.
    pub(crate) metrics: Vec<(Door, MetricBatch)>,
}

/// The shop's traffic; the same seed and times give the same.
pub(crate) struct Traffic {
    dice: Dice,
    shop: Shop,
    meters: Meters,
    schedule: Schedule,
    /// What was begun and cannot be known yet, by time and order.
    pending: BTreeMap<(i64, u64), Happening>,
    begun: u64,
    /// The beginning of the next second.
    next: i64,
    /// From here on every visit is told.
    live_from: i64,
}

impl Traffic {
    /// Begins `history_s` seconds before `start_ns`, from which on every visit is told.
    pub(crate) fn new(seed: u64, start_ns: i64, history_s: i64) -> Self {
        let start = start_ns.div_euclid(SECOND) * SECOND;
        Traffic {
            dice: Dice::of_seed(seed),
            shop: Shop::default(),
            meters: Meters::default(),
            schedule: Schedule::around(start),
            pending: BTreeMap::new(),
            begun: 0,
            next: start - history_s * SECOND,
            live_from: start,
        }
    }

    /// Returns when incidents happen.
    pub(crate) fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Returns the end of the next second: when [`Traffic::step`] may be called.
    pub(crate) fn next_end(&self) -> i64 {
        self.next + SECOND
    }

    /// Returns whether the next second lies before the start.
    pub(crate) fn is_history(&self) -> bool {
        self.next < self.live_from
    }

    /// Leaves out what nobody was there to see.
    pub(crate) fn skip_to(&mut self, at_ns: i64) {
        self.next = self.next.max(at_ns.div_euclid(SECOND) * SECOND);
    }

    /// Lives through the next second and adds what is sent at its end; metrics are told every
    /// [`METRICS_EVERY`] seconds.
    pub(crate) fn step(&mut self, shipment: &mut Shipment) {
        let begin = self.next;
        let weight = if self.is_history() { THINNED } else { 1.0 };
        let load = load(begin);
        for _ in 0..self.dice.arrivals(VISITS / weight * load) {
            let at = begin + (self.dice.between(0.0, 1.0) * SECOND as f64) as i64;
            let conditions = self.schedule.conditions(at);
            let loom = Loom { dice: &mut self.dice, shop: &mut self.shop, conditions, weight };
            let happened = journeys::visit(loom, at);
            self.expect(happened);
        }
        let happened = background::second(&mut self.dice, &mut self.shop, &self.schedule, begin);
        self.expect(happened);
        if !self.is_history() {
            let refused = background::wrong_clock(&mut self.shop, begin);
            self.expect(refused);
        }
        self.next += SECOND;
        let later = self.pending.split_off(&(self.next, 0));
        for (_, happening) in std::mem::replace(&mut self.pending, later) {
            self.send(happening, shipment);
        }
        if (self.next / SECOND) % METRICS_EVERY == 0 {
            let conditions = self.schedule.conditions(self.next);
            let times = (self.next, METRICS_EVERY as f64);
            machines::update(&mut self.meters, &mut self.dice, &conditions, times, load);
            let told = self.meters.read(TimestampMs(self.next / 1_000_000), door_of);
            shipment.metrics.extend(told);
        }
    }

    fn expect(&mut self, happened: impl IntoIterator<Item = Happening>) {
        for happening in happened {
            self.begun += 1;
            self.pending.insert((happening.at, self.begun), happening);
        }
    }

    fn send(&mut self, happening: Happening, shipment: &mut Shipment) {
        let Happening { at, service, what } = happening;
        match what {
            What::Span(span) => {
                let batch = entry(&mut shipment.spans, service.door());
                batch.spans.push(*span);
            }
            What::Log(record) => {
                let batch = entry(&mut shipment.logs, service.log_door());
                batch.ops.push(LogOp::Put { record, replace: false });
            }
            What::Measure(measure, weight) => {
                self.meters.take(measure, weight, TimestampMs(at / 1_000_000));
            }
        }
    }
}

fn entry<B: Default>(batches: &mut Vec<(Door, B)>, door: Door) -> &mut B {
    let place = batches.iter().position(|(own, _)| *own == door).unwrap_or(batches.len());
    if place == batches.len() {
        batches.push((door, B::default()));
    }
    &mut batches[place].1
}

/// Returns how busy the shop is, about 1: people come in waves.
fn load(at: i64) -> f64 {
    let minutes = at as f64 / 60e9;
    1.0 + 0.2 * (minutes / 9.0).sin() + 0.08 * (minutes / 2.3).sin()
}

fn door_of(job: &str) -> Door {
    let service = Service::ALL.into_iter().find(|service| service.name() == job);
    service.map_or(Door::RemoteWrite, Service::door)
}

#[cfg(test)]
mod tests;
