//! Brings messages from the outbox to their receivers and writes their receipts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use opentelemetry::KeyValue;
use tokio_util::sync::CancellationToken;

use crate::alerting::hub::{Alerting, State, delete, put};
use crate::alerting::outbox::Queued;
use crate::alerting::receivers::Delivery;
use crate::alerting::record::{OUTBOX, RECEIPTS, TOLD, id_key};
use crate::base::error::{Error, ErrorKind, Result};
use crate::model::delivery::{DeliveryOutcome, DeliveryReceipt};
use crate::model::time::TimestampMs;
use crate::storage::state_store::StateOp;

/// Messages that are delivered side by side.
const AT_ONCE: usize = 16;
/// How long one try may take, whatever the receiver's own limit is.
const LONGEST_TRY: Duration = Duration::from_secs(120);
/// How long tries that are under way may take once told to stop.
const LAST_TRIES: Duration = Duration::from_secs(10);
/// How long the deliveries rest when nothing is planned.
const IDLE: Duration = Duration::from_secs(60);
/// The longest answer that a receipt shows, in characters.
const MAX_ANSWER: usize = 500;

/// A try that came to its end.
struct Tried {
    queued: Queued,
    outcome: Result<String>,
    latency: Duration,
}

/// What a try changes.
struct Settlement {
    ops: Vec<StateOp>,
    receipt: Option<DeliveryReceipt>,
    retry: Option<Queued>,
}

impl Alerting {
    /// Delivers until told to stop; what is under way then has a little time to end.
    pub(crate) async fn deliver_until(self, stop: CancellationToken) {
        let mut under_way = FuturesUnordered::new();
        while !stop.is_cancelled() {
            let (taken, next) = {
                let mut state = self.0.state.lock().await;
                let taken = state.outbox.take(self.now(), AT_ONCE - under_way.len());
                (taken, state.outbox.next_try())
            };
            for queued in taken {
                under_way.push(self.try_once(queued));
            }
            let room = under_way.len() < AT_ONCE;
            let wait = next.filter(|_| room).map_or(IDLE, |next| {
                let wait = next.0.saturating_sub(self.now().0);
                Duration::from_millis(u64::try_from(wait).unwrap_or(0).max(1))
            });
            tokio::select! {
                () = stop.cancelled() => {}
                Some(tried) = under_way.next() => self.settle(tried).await,
                () = self.0.new_messages.notified() => {}
                () = self.0.clock.sleep(wait) => {}
            }
        }
        let mut end = self.0.clock.sleep(LAST_TRIES);
        loop {
            tokio::select! {
                tried = under_way.next() => match tried {
                    Some(tried) => self.settle(tried).await,
                    None => return,
                },
                // What did not end stays in the outbox for the next life.
                () = &mut end => return,
            }
        }
    }

    /// Tries everything whose time has come, until nothing is left to try now.
    #[cfg(test)]
    pub(crate) async fn deliver_due(&self) {
        loop {
            let taken = self.0.state.lock().await.outbox.take(self.now(), AT_ONCE);
            if taken.is_empty() {
                return;
            }
            for queued in taken {
                self.settle(self.try_once(queued).await).await;
            }
        }
    }

    async fn try_once(&self, queued: Queued) -> Tried {
        let begin = self.0.clock.now_ns();
        let key = (queued.message.receiver.clone(), queued.message.integration.clone());
        let outcome = match self.0.wiring().notifiers.get(&key).map(Arc::clone) {
            None => Err(Error::not_found("the configuration no longer knows this receiver")),
            Some(notifier) => {
                let delivery = Delivery {
                    id: queued.id,
                    message: &queued.message,
                    queued_at: queued.queued_at,
                    now: self.now(),
                };
                tokio::select! {
                    outcome = notifier.notify(&delivery) => outcome,
                    () = self.0.clock.sleep(LONGEST_TRY) => {
                        Err(Error::new(ErrorKind::Timeout, "the receiver did not answer in time"))
                    }
                }
            }
        };
        let latency = u64::try_from(self.0.clock.now_ns().saturating_sub(begin)).unwrap_or(0);
        Tried { queued, outcome, latency: Duration::from_nanos(latency) }
    }

    async fn settle(&self, tried: Tried) {
        let now = self.now();
        let mut state = self.0.state.lock().await;
        let lane = tried.queued.lane.clone();
        let id = tried.queued.id;
        let settled = match self.settlement(&state, &tried, now) {
            Ok(settlement) => self.0.commit(settlement.ops.clone()).await.map(|()| settlement),
            Err(error) => Err(error),
        };
        match settled {
            Ok(settlement) => self.conclude(&mut state, tried, settlement),
            // The message stays in the store; what it brought is remembered by this life at least.
            Err(error) => {
                tracing::error!(%error, id, "the end of a delivery cannot be stored");
                match &tried.outcome {
                    Ok(_) => state.outbox.remove(&lane, id),
                    Err(why) => {
                        let again = tried.queued.after_failure(why.message(), None, now, 0.5);
                        again.into_iter().for_each(|again| state.outbox.keep(again));
                    }
                }
            }
        }
        state.outbox.give_back(&lane);
        self.0.instruments.pending.record(state.outbox.len() as f64, &[]);
    }

    /// Decides what a try changes.
    fn settlement(&self, state: &State, tried: &Tried, now: TimestampMs) -> Result<Settlement> {
        let queued = &tried.queued;
        if let Err(error) = &tried.outcome
            && is_temporary(error.kind())
        {
            let asked = error.retry_after();
            let again = queued.after_failure(error.message(), asked, now, rand::random());
            if let Some(again) = again {
                let ops = vec![put(OUTBOX, id_key(again.id), &again)?];
                return Ok(Settlement { ops, receipt: None, retry: Some(again) });
            }
        }
        let receipt = receipt(tried, now);
        let mut ops = vec![delete(OUTBOX, id_key(queued.id))];
        ops.push(put(RECEIPTS, id_key(receipt.id), &receipt)?);
        ops.extend(state.receipts.outgoing().map(|id| delete(RECEIPTS, id_key(id))));
        if tried.outcome.is_err() && is_last_word(state, queued) {
            ops.push(match &queued.before {
                Some(before) => put(TOLD, queued.lane.0.as_bytes(), before)?,
                None => delete(TOLD, queued.lane.0.as_bytes()),
            });
        }
        Ok(Settlement { ops, receipt: Some(receipt), retry: None })
    }

    /// Takes over what a try changed, once it is stored.
    fn conclude(&self, state: &mut State, tried: Tried, settlement: Settlement) {
        let kind = kind_of(&tried.queued.message.integration);
        let integration = KeyValue::new("integration", kind);
        let Settlement { receipt, retry, .. } = settlement;
        if let (Some(again), Err(error)) = (retry, &tried.outcome) {
            let message = &again.message;
            tracing::warn!(
                receiver = message.receiver,
                integration = message.integration,
                attempts = again.attempts,
                %error,
                "a notification will be tried again"
            );
            let reason = KeyValue::new("reason", error.kind().as_str());
            self.0.instruments.retried.add(1, &[integration, reason]);
            state.outbox.keep(again);
            return;
        }
        let Some(receipt) = receipt else { return };
        let outcome = KeyValue::new("outcome", receipt.outcome.as_str());
        self.0.instruments.ended.add(1, &[integration, outcome]);
        if let Err(error) = &tried.outcome {
            let (receiver, integration) = (&receipt.receiver, &receipt.integration);
            tracing::error!(receiver, integration, %error, "a notification failed");
            self.take_back(state, &tried.queued);
        }
        state.outbox.remove(&tried.queued.lane, tried.queued.id);
        state.receipts.keep(receipt);
    }

    /// Notes again what was told before a message that failed, and keeps the ends it told in their
    /// groups, so that they are told at the group's next time.
    fn take_back(&self, state: &mut State, queued: &Queued) {
        if !is_last_word(state, queued) {
            return;
        }
        match queued.before.clone() {
            Some(before) => state.told.note(queued.lane.clone(), before),
            None => state.told.forget(&queued.lane),
        }
        let now = self.now();
        let wiring = self.0.wiring();
        let ended = queued.message.alerts.iter().filter(|alert| alert.resolved);
        for alert in ended {
            state.groups.put_back(&wiring.config.route, alert.fingerprint, &alert.alert, now);
        }
    }
}

/// Whether nothing was noted about the lane after this message was.
fn is_last_word(state: &State, queued: &Queued) -> bool {
    state.told.get(&queued.lane).is_some_and(|told| told.at == queued.told_at)
}

/// Whether a later try may succeed.
fn is_temporary(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::Timeout)
}

/// Returns `slack` of `slack[0]`.
fn kind_of(integration: &str) -> String {
    integration.split('[').next().unwrap_or_default().to_owned()
}

fn receipt(tried: &Tried, now: TimestampMs) -> DeliveryReceipt {
    let Tried { queued, outcome, latency } = tried;
    let (answer, ended) = match outcome {
        Ok(answer) => (answer.as_str(), DeliveryOutcome::Delivered),
        Err(error) => (error.message(), DeliveryOutcome::Failed),
    };
    DeliveryReceipt {
        id: queued.id,
        receiver: queued.message.receiver.clone(),
        integration: queued.message.integration.clone(),
        group_key: queued.message.group_key.clone(),
        firing: queued.message.is_firing(),
        outcome: ended,
        attempts: queued.attempts.saturating_add(1),
        answer: answer.chars().take(MAX_ANSWER).collect(),
        queued_at: queued.queued_at,
        finished_at: now,
        latency: *latency,
        alerts: queued.message.fingerprints(),
    }
}
