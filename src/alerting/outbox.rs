//! Messages on their way, in lanes: what one integration is told of one group keeps its order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::alerting::group::later;
use crate::alerting::message::Message;
use crate::alerting::told::{Told, ToldKey};
use crate::base::backoff::Backoff;
use crate::model::delivery::PendingDelivery;
use crate::model::time::TimestampMs;

/// The messages of one lane; further ones are joined with the last.
const LANE: usize = 3;
/// The wait after the first failure; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The longest wait a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// How long a message is tried.
const TRIED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Queued {
    /// Rises with every message.
    pub(crate) id: u64,
    /// The integration and the group.
    pub(crate) lane: ToldKey,
    /// What is told.
    pub(crate) message: Message,
    /// Under which instant it was noted as told.
    pub(crate) told_at: TimestampMs,
    /// What was told before, in case that this cannot be.
    pub(crate) before: Option<Told>,
    /// When it was decided.
    pub(crate) queued_at: TimestampMs,
    /// Tries so far.
    pub(crate) attempts: u32,
    /// When it is tried next.
    pub(crate) next_try: TimestampMs,
    /// Why the last try failed.
    pub(crate) last_error: String,
}

/// Every message on its way.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lanes: BTreeMap<ToldKey, VecDeque<Queued>>,
    /// Lanes whose first message is being tried.
    busy: BTreeSet<ToldKey>,
    last_id: u64,
}

impl Outbox {
    /// Returns a fresh id.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Makes sure that fresh ids lie above `id`.
    pub(crate) fn skip_to(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
    }

    /// Returns whether a message of the lane is on its way.
    pub(crate) fn is_pending(&self, lane: &ToldKey) -> bool {
        self.lanes.contains_key(lane)
    }

    /// Returns the number of messages.
    pub(crate) fn len(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    /// Returns the message to keep for `queued`: itself, or the last of a full lane joined with it.
    pub(crate) fn joined(&self, queued: Queued) -> Queued {
        let Some(last) = self.lanes.get(&queued.lane).filter(|lane| lane.len() >= LANE) else {
            return queued;
        };
        let Some(last) = last.back() else { return queued };
        let mut joined = Queued { id: last.id, before: last.before.clone(), ..queued };
        joined.message.absorb(last.message.clone());
        joined
    }

    /// Keeps a message: in place of the one with its id, or at the end of its lane.
    pub(crate) fn keep(&mut self, queued: Queued) {
        self.skip_to(queued.id);
        let lane = self.lanes.entry(queued.lane.clone()).or_default();
        match lane.iter_mut().find(|own| own.id == queued.id) {
            Some(own) => *own = queued,
            None => lane.push_back(queued),
        }
    }

    /// Takes up to `most` messages whose time has come, each the first of its lane.
    pub(crate) fn take(&mut self, now: TimestampMs, most: usize) -> Vec<Queued> {
        let ready =
            |lane: &VecDeque<Queued>| lane.front().filter(|one| one.next_try <= now).cloned();
        let idle = self.lanes.iter().filter(|(key, _)| !self.busy.contains(*key));
        let mut taken: Vec<Queued> = idle.filter_map(|(_, lane)| ready(lane)).collect();
        taken.sort_by_key(|one| (one.next_try, one.id));
        taken.truncate(most);
        self.busy.extend(taken.iter().map(|one| one.lane.clone()));
        taken
    }

    /// Returns when the next message of an idle lane is to be tried.
    pub(crate) fn next_try(&self) -> Option<TimestampMs> {
        let idle = self.lanes.iter().filter(|(key, _)| !self.busy.contains(*key));
        idle.filter_map(|(_, lane)| lane.front().map(|one| one.next_try)).min()
    }

    /// Ends a try: the lane is idle again.
    pub(crate) fn give_back(&mut self, lane: &ToldKey) {
        self.busy.remove(lane);
    }

    /// Removes a message that came to its end.
    pub(crate) fn remove(&mut self, lane: &ToldKey, id: u64) {
        let Some(queue) = self.lanes.get_mut(lane) else { return };
        queue.retain(|own| own.id != id);
        if queue.is_empty() {
            self.lanes.remove(lane);
        }
    }

    /// Returns what is on its way, oldest first.
    pub(crate) fn pending(&self) -> Vec<PendingDelivery> {
        let mut all: Vec<PendingDelivery> =
            self.lanes.values().flatten().map(Queued::pending).collect();
        all.sort_by_key(|one| one.id);
        all
    }
}

impl Queued {
    /// Returns the message as it is kept after a failed try that will be repeated; `None` when it
    /// was tried long enough. `random` is uniform in 0..1.
    pub(crate) fn after_failure(
        &self,
        why: &str,
        asked_wait: Option<Duration>,
        now: TimestampMs,
        random: f64,
    ) -> Option<Queued> {
        if later(self.queued_at, TRIED_FOR) <= now {
            return None;
        }
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, 0.2);
        // The wait stops growing long before the sixteenth failure.
        for _ in 0..self.attempts.min(16) {
            backoff.next_wait(random);
        }
        let own = backoff.next_wait(random);
        let wait = asked_wait.map_or(own, |asked| asked.min(LONGEST_ASKED).max(own));
        Some(Queued {
            attempts: self.attempts.saturating_add(1),
            next_try: later(now, wait),
            last_error: why.to_owned(),
            ..self.clone()
        })
    }

    fn pending(&self) -> PendingDelivery {
        PendingDelivery {
            id: self.id,
            receiver: self.message.receiver.clone(),
            integration: self.message.integration.clone(),
            group_key: self.message.group_key.clone(),
            queued_at: self.queued_at,
            attempts: self.attempts,
            next_try: self.next_try,
            last_error: self.last_error.clone(),
            alerts: self.message.fingerprints(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::message::tests::message;

    const NOW: TimestampMs = TimestampMs(1_000_000);

    fn queued(id: u64, lane: &str, alerts: &[(&str, bool)]) -> Queued {
        Queued {
            id,
            lane: ToldKey(lane.to_owned()),
            message: message(alerts),
            told_at: NOW,
            before: None,
            queued_at: NOW,
            attempts: 0,
            next_try: NOW,
            last_error: String::new(),
        }
    }

    #[test]
    fn a_lane_is_tried_one_message_at_a_time_and_in_order() {
        let mut outbox = Outbox::default();
        outbox.keep(queued(1, "a", &[("A", false)]));
        outbox.keep(queued(2, "a", &[("A", true)]));
        outbox.keep(queued(3, "b", &[("B", false)]));
        let taken: Vec<u64> = outbox.take(NOW, 10).iter().map(|one| one.id).collect();
        assert_eq!(taken, [1, 3]);
        assert!(outbox.take(NOW, 10).is_empty() && outbox.next_try().is_none());
        outbox.give_back(&ToldKey("a".to_owned()));
        outbox.remove(&ToldKey("a".to_owned()), 1);
        assert_eq!(outbox.take(NOW, 10)[0].id, 2);
        assert_eq!(outbox.fresh_id(), 4);
    }

    #[test]
    fn a_full_lane_joins_what_comes_and_loses_no_alert() {
        let mut outbox = Outbox::default();
        for id in 1..=3 {
            outbox.keep(queued(id, "a", &[("A", id == 3)]));
        }
        let joined = outbox.joined(queued(9, "a", &[("B", false)]));
        assert_eq!((joined.id, joined.message.alerts.len()), (3, 2));
        outbox.keep(joined);
        assert_eq!(outbox.len(), 3);
        let free = outbox.joined(queued(10, "b", &[("B", false)]));
        assert_eq!(free.id, 10);
    }

    #[test]
    fn waits_grow_honour_the_receiver_and_end_after_a_day() {
        let mut one = queued(1, "a", &[("A", false)]);
        let mut waits = Vec::new();
        for _ in 0..12 {
            one = one.after_failure("no", None, NOW, 0.5).unwrap();
            waits.push((one.next_try.0 - NOW.0) / 1_000);
        }
        assert_eq!(waits[..4], [1, 2, 4, 8]);
        assert_eq!(waits[11], 300);
        let fresh = queued(1, "a", &[("A", false)]);
        let asked = fresh.after_failure("no", Some(Duration::from_secs(77)), NOW, 0.5).unwrap();
        assert_eq!(asked.next_try.0 - NOW.0, 77_000);
        let next_day = later(NOW, TRIED_FOR);
        assert_eq!(fresh.after_failure("no", None, next_day, 0.5), None);
    }
}
