//! What goes wrong when: a schedule that repeats, so that there is always something to find.

const SECOND: i64 = 1_000_000_000;
/// After this long the same incidents come again.
const PERIOD: i64 = 720 * SECOND;
/// How long before the demo's start the first incident began: alerts are alive within a minute.
const HEAD_START: i64 = 90 * SECOND;
/// When the cart is released, after the beginning of a period.
const RELEASE: i64 = 420 * SECOND;
/// How long an incident takes to reach its full strength.
const RAMP: f64 = 20.0;

/// Something that goes wrong in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incident {
    /// The payment gateway answers late or not at all; checkouts fail and take seconds.
    PaymentTimeouts,
    /// A new release of the cart loses memory until the kernel kills it.
    CartMemoryLeak,
    /// An index is missing; searching products takes seconds.
    SlowSearch,
}

impl Incident {
    /// Every incident.
    pub const ALL: [Incident; 3] =
        [Incident::PaymentTimeouts, Incident::CartMemoryLeak, Incident::SlowSearch];

    /// Returns what a person reads.
    pub fn about(self) -> &'static str {
        match self {
            Incident::PaymentTimeouts => {
                "the payment gateway times out: checkouts are slow and fail"
            }
            Incident::CartMemoryLeak => "a new release of the cart leaks memory until it is killed",
            Incident::SlowSearch => "a missing index makes the product search slow",
        }
    }

    /// Returns begin and end, after the beginning of a period.
    fn span(self) -> (i64, i64) {
        match self {
            Incident::PaymentTimeouts => (0, 330 * SECOND),
            Incident::CartMemoryLeak => (RELEASE, 660 * SECOND),
            Incident::SlowSearch => (480 * SECOND, 600 * SECOND),
        }
    }
}

/// One occurrence of an incident, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// What.
    pub incident: Incident,
    /// The first instant.
    pub begin: i64,
    /// The first instant after it.
    pub end: i64,
}

/// What holds at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conditions {
    /// The share of charges that the gateway does not answer.
    pub(crate) gateway_timeouts: f64,
    /// How many times longer the gateway takes when it answers.
    pub(crate) gateway_slowdown: f64,
    /// How many times longer a product search takes.
    pub(crate) search_slowdown: f64,
    /// The share of its memory that the cart has lost, 0 to 1.
    pub(crate) cart_leak: f64,
    /// The cart's release, counted from the first one of the history.
    pub(crate) cart_release: u32,
}

/// When incidents happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    origin: i64,
}

impl Schedule {
    /// Arranges incidents around the demo's start, nanoseconds since the epoch.
    pub fn around(start_ns: i64) -> Self {
        Schedule { origin: start_ns.saturating_sub(HEAD_START) }
    }

    /// Returns which incidents run at an instant.
    pub fn running(&self, at_ns: i64) -> Vec<Occurrence> {
        let period = self.period(at_ns);
        let all = Incident::ALL.map(|incident| occurrence(incident, period));
        all.into_iter().filter(|one| (one.begin..one.end).contains(&at_ns)).collect()
    }

    /// Returns what begins next after an instant.
    pub fn next(&self, at_ns: i64) -> Option<Occurrence> {
        let period = self.period(at_ns);
        let coming = [period, period.saturating_add(PERIOD)]
            .into_iter()
            .flat_map(|period| Incident::ALL.map(|incident| occurrence(incident, period)));
        coming.filter(|one| one.begin > at_ns).min_by_key(|one| one.begin)
    }

    /// Returns what holds at an instant.
    pub(crate) fn conditions(&self, at_ns: i64) -> Conditions {
        let since = at_ns.saturating_sub(self.origin).rem_euclid(PERIOD);
        let share = |incident: Incident| {
            let (begin, end) = incident.span();
            if !(begin..end).contains(&since) {
                return (0.0, 0.0);
            }
            let seconds = (since - begin) as f64 / 1e9;
            ((seconds / RAMP).min(1.0), (since - begin) as f64 / (end - begin) as f64)
        };
        let (payment, _) = share(Incident::PaymentTimeouts);
        let (search, _) = share(Incident::SlowSearch);
        let (_, leak) = share(Incident::CartMemoryLeak);
        let releases = at_ns.saturating_sub(self.origin + RELEASE).div_euclid(PERIOD);
        Conditions {
            gateway_timeouts: 0.65 * payment,
            gateway_slowdown: 1.0 + 4.0 * payment,
            search_slowdown: 1.0 + 24.0 * search,
            cart_leak: leak,
            // An hour of history holds five periods and a part of a sixth.
            cart_release: u32::try_from(releases + 7).unwrap_or(0),
        }
    }

    /// Returns when the period of an instant began.
    fn period(&self, at_ns: i64) -> i64 {
        at_ns - at_ns.saturating_sub(self.origin).rem_euclid(PERIOD)
    }
}

fn occurrence(incident: Incident, period: i64) -> Occurrence {
    let (begin, end) = incident.span();
    Occurrence { incident, begin: period + begin, end: period + end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_392_000 * SECOND;

    #[test]
    fn an_incident_runs_at_the_start_and_others_follow() {
        let schedule = Schedule::around(START);
        let running = schedule.running(START);
        assert_eq!(running.len(), 1);
        assert_eq!(running[0].incident, Incident::PaymentTimeouts);
        assert_eq!(schedule.conditions(START).gateway_timeouts, 0.65);
        let after = running[0].end;
        assert_eq!(schedule.running(after), []);
        assert_eq!(schedule.conditions(after).gateway_timeouts, 0.0);
        let next = schedule.next(after).unwrap();
        assert_eq!(next.incident, Incident::CartMemoryLeak);
        let (before, released) =
            (schedule.conditions(next.begin - 1), schedule.conditions(next.begin));
        assert_eq!(released.cart_release, before.cart_release + 1);
    }

    #[test]
    fn every_incident_comes_again_after_a_period() {
        let schedule = Schedule::around(START);
        for second in 0..720 {
            let (now, then) = (START + second * SECOND, START + second * SECOND - PERIOD);
            let names = |at| -> Vec<Incident> {
                schedule.running(at).into_iter().map(|one| one.incident).collect()
            };
            assert_eq!(names(now), names(then), "at {second} s");
        }
        let next = schedule.next(START + 700 * SECOND).unwrap();
        assert_eq!(next.incident, Incident::CartMemoryLeak);
    }
}
