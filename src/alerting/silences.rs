//! Silences: created, changed, expired, forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::silence::{Silence, SilenceState};
use crate::model::time::TimestampMs;

/// How long an expired silence is kept for readers.
const RETENTION: Duration = Duration::from_secs(120 * 3_600);
/// The most silences that are kept.
const MAX_SILENCES: usize = 10_000;
/// The longest texts of a silence.
const MAX_TEXT: usize = 16 << 10;

/// What somebody wants to be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRequest {
    /// The silence to change; `None` creates one.
    pub id: Option<String>,
    /// Which alerts.
    pub matchers: Vec<Matcher>,
    /// From when; the past means now.
    pub starts_at: TimestampMs,
    /// Until when.
    pub ends_at: TimestampMs,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Every silence by its id.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    silences: BTreeMap<String, Silence>,
}

/// What setting a silence changes: the silence, and the one that it replaces, already expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) set: Silence,
    pub(crate) expired: Option<Silence>,
}

impl Silences {
    /// Decides what a request changes, without keeping it yet; `fresh_id` names a new silence.
    ///
    /// # Errors
    /// `InvalidInput` for what makes no sense, `NotFound` for an unknown id, `LimitExceeded` when
    /// there are too many.
    pub(crate) fn change(
        &self,
        request: SilenceRequest,
        fresh_id: String,
        now: TimestampMs,
    ) -> Result<Change> {
        check(&request, now)?;
        let old = match &request.id {
            None => None,
            Some(id) => Some(self.silences.get(id).ok_or_else(|| not_found(id))?),
        };
        let SilenceRequest { matchers, starts_at, ends_at, created_by, comment, .. } = request;
        let mut set = Silence {
            id: fresh_id,
            matchers,
            starts_at,
            ends_at,
            updated_at: now,
            created_by,
            comment,
        };
        if let Some(old) = old
            && can_become(old, &set, now)
        {
            set.id.clone_from(&old.id);
            return Ok(Change { set, expired: None });
        }
        if self.silences.len() >= MAX_SILENCES {
            let text = format!("there are {MAX_SILENCES} silences already");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        set.starts_at = set.starts_at.max(now);
        let alive = old.filter(|old| old.state_at(now) != SilenceState::Expired);
        Ok(Change { set, expired: alive.map(|old| expired(old, now)) })
    }

    /// Decides what a silence becomes when it is expired, without keeping it yet.
    ///
    /// # Errors
    /// `NotFound` for an unknown id, `Conflict` when it has expired already.
    pub(crate) fn expire(&self, id: &str, now: TimestampMs) -> Result<Silence> {
        let silence = self.silences.get(id).ok_or_else(|| not_found(id))?;
        if silence.state_at(now) == SilenceState::Expired {
            return Err(Error::new(ErrorKind::Conflict, format!("silence {id} already expired")));
        }
        Ok(expired(silence, now))
    }

    /// Keeps a silence.
    pub(crate) fn keep(&mut self, silence: Silence) {
        self.silences.insert(silence.id.clone(), silence);
    }

    /// Forgets a silence.
    pub(crate) fn forget(&mut self, id: &str) {
        self.silences.remove(id);
    }

    /// Returns the silence, if it is kept.
    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.silences.get(id)
    }

    /// Returns the ids of those that expired too long ago.
    pub(crate) fn outlived(&self, now: TimestampMs) -> Vec<String> {
        let kept = i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
        let old = self.silences.values().filter(|one| one.ends_at.0.saturating_add(kept) <= now.0);
        old.map(|one| one.id.clone()).collect()
    }

    /// Returns the ids of the active silences that cover an alert.
    pub(crate) fn of(&self, labels: &Labels, now: TimestampMs) -> Vec<String> {
        let active = self.silences.values().filter(|one| one.state_at(now) == SilenceState::Active);
        active.filter(|one| one.covers(labels)).map(|one| one.id.clone()).collect()
    }

    /// Returns all, active ones first: those that end soonest, begin soonest, ended latest.
    pub(crate) fn sorted(&self, now: TimestampMs) -> Vec<Silence> {
        let mut all: Vec<Silence> = self.silences.values().cloned().collect();
        all.sort_by_key(|one| {
            let state = one.state_at(now);
            let order = match state {
                SilenceState::Active => one.ends_at.0,
                SilenceState::Pending => one.starts_at.0,
                SilenceState::Expired => -one.ends_at.0,
            };
            (state, order)
        });
        all
    }
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("silence {id} not found"))
}

fn check(request: &SilenceRequest, now: TimestampMs) -> Result<()> {
    if request.starts_at >= request.ends_at {
        return Err(Error::invalid("failed to create silence: start time must be before end time"));
    }
    if request.ends_at < now {
        return Err(Error::invalid("failed to create silence: end time can't be in the past"));
    }
    if request.matchers.is_empty() {
        return Err(Error::invalid("invalid silence: at least one matcher required"));
    }
    if request.matchers.iter().all(Matcher::matches_absent) {
        let text = "invalid silence: at least one matcher must not match the empty string";
        return Err(Error::invalid(text));
    }
    let texts = request.created_by.len().max(request.comment.len());
    if texts > MAX_TEXT || request.matchers.iter().any(|one| one.value.len() > MAX_TEXT) {
        let text = format!("invalid silence: a text is longer than {MAX_TEXT} bytes");
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    Ok(())
}

/// Whether a silence can be changed in place: its history must stay true.
fn can_become(old: &Silence, new: &Silence, now: TimestampMs) -> bool {
    if old.matchers != new.matchers {
        return false;
    }
    match old.state_at(now) {
        SilenceState::Active => {
            old.starts_at.0.div_euclid(1_000) == new.starts_at.0.div_euclid(1_000)
        }
        SilenceState::Pending => new.starts_at >= now,
        SilenceState::Expired => false,
    }
}

fn expired(silence: &Silence, now: TimestampMs) -> Silence {
    let starts_at = silence.starts_at.min(now);
    Silence { starts_at, ends_at: now, updated_at: now, ..silence.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::matchers;

    fn request(matchers: &str, start: i64, end: i64) -> SilenceRequest {
        SilenceRequest {
            id: None,
            matchers: matchers::parse(matchers).unwrap(),
            starts_at: TimestampMs(start),
            ends_at: TimestampMs(end),
            created_by: "me".to_owned(),
            comment: "why".to_owned(),
        }
    }

    fn with_one(request: SilenceRequest, now: i64) -> Silences {
        let mut silences = Silences::default();
        let change = silences.change(request, "one".to_owned(), TimestampMs(now)).unwrap();
        silences.keep(change.set);
        silences
    }

    #[test]
    fn a_silence_covers_what_it_matches_from_start_to_end() {
        let silences = with_one(request("a=~\"x.*\"", 50, 100), 0);
        let labels = Labels::from_pairs([("a", "xy"), ("b", "z")]);
        for (now, expected) in [(49, 0), (50, 1), (99, 1), (100, 0)] {
            assert_eq!(silences.of(&labels, TimestampMs(now)).len(), expected, "at {now}");
        }
        assert_eq!(silences.of(&Labels::from_pairs([("a", "y")]), TimestampMs(60)).len(), 0);
    }

    #[test]
    fn a_start_in_the_past_becomes_now_and_nonsense_is_refused() {
        let silences = with_one(request("a=b", 10, 100), 50);
        assert_eq!(silences.get("one").unwrap().starts_at, TimestampMs(50));
        let refused = |request| {
            let result = Silences::default().change(request, "x".to_owned(), TimestampMs(50));
            result.unwrap_err().kind()
        };
        assert_eq!(refused(request("a=b", 100, 100)), ErrorKind::InvalidInput);
        assert_eq!(refused(request("a=b", 10, 40)), ErrorKind::InvalidInput);
        assert_eq!(refused(request("{}", 60, 100)), ErrorKind::InvalidInput);
        assert_eq!(refused(request("a=~\".*\",b=\"\"", 60, 100)), ErrorKind::InvalidInput);
        let unknown = SilenceRequest { id: Some("no".to_owned()), ..request("a=b", 60, 100) };
        assert_eq!(refused(unknown), ErrorKind::NotFound);
    }

    #[test]
    fn an_active_silence_is_prolonged_in_place_and_replaced_when_its_matchers_change() {
        let silences = with_one(request("a=b", 50_000, 100_000), 50_000);
        let now = TimestampMs(60_000);
        let edit = |matchers| SilenceRequest {
            id: Some("one".to_owned()),
            ..request(matchers, 50_000, 200_000)
        };
        let longer = silences.change(edit("a=b"), "two".to_owned(), now).unwrap();
        assert_eq!((longer.set.id.as_str(), longer.expired), ("one", None));
        let other = silences.change(edit("a=c"), "two".to_owned(), now).unwrap();
        assert_eq!((other.set.id.as_str(), other.set.starts_at), ("two", now));
        assert_eq!(other.expired.unwrap().ends_at, now);
    }

    #[test]
    fn expiring_ends_a_silence_once_and_later_it_is_forgotten() {
        let mut silences = with_one(request("a=b", 50, 100), 0);
        let expired = silences.expire("one", TimestampMs(60)).unwrap();
        assert_eq!((expired.starts_at, expired.ends_at), (TimestampMs(50), TimestampMs(60)));
        silences.keep(expired);
        let again = silences.expire("one", TimestampMs(61)).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        assert_eq!(silences.expire("no", TimestampMs(61)).unwrap_err().kind(), ErrorKind::NotFound);
        let kept = RETENTION.as_millis() as i64;
        assert!(silences.outlived(TimestampMs(59 + kept)).is_empty());
        assert_eq!(silences.outlived(TimestampMs(60 + kept)), ["one"]);
    }

    #[test]
    fn lists_show_active_then_pending_then_expired() {
        let mut silences = Silences::default();
        for (id, start, end) in [("e", 10, 40), ("p", 80, 90), ("a2", 40, 90), ("a1", 40, 60)] {
            let change = silences.change(request("a=b", start, end), id.to_owned(), TimestampMs(0));
            silences.keep(change.unwrap().set);
        }
        let order: Vec<_> =
            silences.sorted(TimestampMs(50)).into_iter().map(|silence| silence.id).collect();
        assert_eq!(order, ["a1", "a2", "p", "e"]);
    }
}
