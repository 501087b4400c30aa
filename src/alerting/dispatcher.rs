//! Looks at groups when their time has come and puts what has to be told into the outbox.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::alerting::group::{GroupPlace, later};
use crate::alerting::hub::{Alerting, Shared, State, put};
use crate::alerting::inhibit::Inhibitors;
use crate::alerting::outbox::Queued;
use crate::alerting::pipeline::{self, Decision, Pipeline};
use crate::alerting::record::{OUTBOX, TOLD, id_key};
use crate::alerting::told::Reason;
use crate::base::error::{Error, ErrorKind, Result};
use crate::model::time::TimestampMs;

/// The groups that share a transaction.
const GROUPS_AT_ONCE: usize = 64;
/// How long groups wait after the store refused.
const PUT_OFF: Duration = Duration::from_secs(10);
/// How often what nobody needs is forgotten.
const TIDY: Duration = Duration::from_secs(60);
/// The most messages on their way; more are decided when some have ended.
const MAX_PENDING: usize = 20_000;

impl Alerting {
    /// Looks at groups until told to stop.
    pub(crate) async fn look_until(self, stop: CancellationToken) {
        let mut next_tidy = later(self.now(), TIDY);
        loop {
            let next = self.look().await;
            if self.now() >= next_tidy {
                next_tidy = later(self.now(), TIDY);
                if let Err(error) = self.tidy().await {
                    tracing::error!(%error, "old alerts and silences cannot be forgotten");
                }
            }
            let until = next.map_or(next_tidy, |next| next.min(next_tidy));
            let wait = until.0.saturating_sub(self.now().0);
            let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0).max(1));
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.new_alerts.notified() => {}
                () = self.0.clock.sleep(wait) => {}
            }
        }
    }

    /// Looks at every group whose time has come; returns when the next one's comes.
    pub(crate) async fn look(&self) -> Option<TimestampMs> {
        let now = self.now();
        let mut state = self.0.state.lock().await;
        let due = state.groups.due(now);
        for places in due.chunks(GROUPS_AT_ONCE) {
            if let Err(error) = self.0.look_at(&mut state, places, now).await {
                tracing::error!(%error, groups = places.len(), "alert groups are put off");
                for place in places {
                    state.groups.put_off(place, later(now, PUT_OFF));
                }
            }
        }
        let next = state.groups.next_look();
        drop(state);
        if !due.is_empty() {
            self.0.new_messages.notify_one();
        }
        next
    }
}

impl Shared {
    async fn look_at(
        &self,
        state: &mut State,
        places: &[GroupPlace],
        now: TimestampMs,
    ) -> Result<()> {
        if state.outbox.len() >= MAX_PENDING {
            let text = format!("there are {MAX_PENDING} messages on their way already");
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        let mut ops = Vec::new();
        let mut notes = Vec::new();
        for decision in self.decisions(state, places, now) {
            // A reminder of what is still on its way says nothing new.
            if decision.reason == Reason::Reminder && state.outbox.is_pending(&decision.key) {
                continue;
            }
            let queued = queue(state, &decision, now);
            if let Some(queued) = &queued {
                ops.push(put(OUTBOX, id_key(queued.id), queued)?);
            }
            ops.push(put(TOLD, decision.key.0.as_bytes(), &decision.told)?);
            notes.push((decision.key, decision.told, queued));
        }
        self.commit(ops).await?;
        for (key, told, queued) in notes {
            state.told.note(key, told);
            if let Some(queued) = queued {
                state.outbox.keep(queued);
            }
        }
        self.instruments.pending.record(state.outbox.len() as f64, &[]);
        let wiring = self.wiring();
        for place in places {
            let Some(group) = state.groups.get(place).cloned() else { continue };
            let told = &state.told;
            let owed = |alert| pipeline::is_owed(&wiring.config, told, &group, alert);
            state.groups.looked_at(place, now, owed);
        }
        Ok(())
    }

    fn decisions(&self, state: &State, places: &[GroupPlace], now: TimestampMs) -> Vec<Decision> {
        let wiring = self.wiring();
        let inhibitors = Inhibitors::new(&wiring.config.inhibit_rules, state.alerts.iter(), now);
        let pipeline = Pipeline {
            config: &wiring.config,
            inhibitors: &inhibitors,
            silences: &state.silences,
            told: &state.told,
            now,
        };
        let groups = places.iter().filter_map(|place| state.groups.get(place));
        groups.flat_map(|group| pipeline.decide(group)).collect()
    }
}

/// Builds the row of a decision's message; what a full lane held last is joined with it.
fn queue(state: &mut State, decision: &Decision, now: TimestampMs) -> Option<Queued> {
    let message = decision.message.clone()?;
    let queued = Queued {
        id: state.outbox.fresh_id(),
        lane: decision.key.clone(),
        message,
        told_at: now,
        before: state.told.get(&decision.key).cloned(),
        queued_at: now,
        attempts: 0,
        next_try: now,
        last_error: String::new(),
    };
    Some(state.outbox.joined(queued))
}
