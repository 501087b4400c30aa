//! What happens without visitors: releases, restarts, the database's own log, a clock that is wrong.

use std::sync::Arc;

use crate::demo::dice::Dice;
use crate::demo::incident::Schedule;
use crate::demo::shop::{Service, Shop};
use crate::demo::texts::OUT_OF_MEMORY;
use crate::demo::weave::{Happening, Pairs, What, line};
use crate::model::log::Severity;
use crate::model::resource::{AttrValue, Resource};

const SECOND: i64 = 1_000_000_000;
/// Every so many seconds postgres and redis write down what they have.
const CHECKPOINT: i64 = 30;
/// Every so many seconds a device with a wrong clock reports, and is refused.
const WRONG_CLOCK: i64 = 20;
/// How wrong its clock is: beyond every retention.
const WRONG_BY: i64 = 400 * 86_400 * SECOND;

/// Tells what happens in the second that begins at `at`, nanoseconds since the epoch.
pub(crate) fn second(
    dice: &mut Dice,
    shop: &mut Shop,
    schedule: &Schedule,
    at: i64,
) -> Vec<Happening> {
    let (before, now) = (schedule.conditions(at - SECOND), schedule.conditions(at));
    let mut told = Vec::new();
    let mut tell = |service: Service, at: i64, message: (Severity, &str), pairs: Pairs<'_>| {
        let resource = shop.resource(service, 0, now.cart_release);
        told.push(happening(service, resource, at, message, pairs));
    };
    if now.cart_release != before.cart_release {
        let version = Service::Cart.version(now.cart_release);
        let body = format!("deployed cart {version}");
        tell(
            Service::Cart,
            at,
            (Severity::INFO, &body),
            &[
                ("event.name", "deployment".into()),
                ("deployment.name", "cart".into()),
                ("deployment.status", "succeeded".into()),
                (
                    "vcs.ref.head.revision",
                    AttrValue::Str(format!("{:07x}", 0xbe1_7ede + now.cart_release)),
                ),
            ],
        );
    }
    if before.cart_leak > 0.5 && now.cart_leak == 0.0 {
        tell(
            Service::Cart,
            at,
            (Severity::FATAL, OUT_OF_MEMORY),
            &[
                ("event.name", "process.oom_killed".into()),
                ("container.memory.limit_mib", AttrValue::Int(512)),
            ],
        );
        let body = "container restarted, reason OOMKilled, exit code 137";
        tell(
            Service::Cart,
            at + SECOND / 2,
            (Severity::WARN, body),
            &[("k8s.container.restart_count", AttrValue::Int(i64::from(now.cart_release)))],
        );
    }
    let seconds = at / SECOND;
    if seconds % CHECKPOINT == 0 {
        let written = 40 + dice.below(200);
        let body = format!("checkpoint complete: wrote {written} buffers");
        tell(Service::Postgres, at, (Severity::INFO, &body), &[]);
        let body = format!("{written} changes in {CHECKPOINT} seconds. Saving...");
        tell(Service::Redis, at + SECOND / 3, (Severity::INFO, &body), &[]);
    }
    if now.search_slowdown > 2.0 && dice.happens(0.3) {
        let milliseconds = dice.around(40.0 * now.search_slowdown, 0.3);
        let body = format!(
            "duration: {milliseconds:.3} ms  statement: SELECT sku, name FROM products WHERE \
             search @@ plainto_tsquery($1)"
        );
        tell(Service::Postgres, at + SECOND / 5, (Severity::WARN, &body), &[]);
    }
    told
}

/// Tells what a device with a wrong clock reports in the second that begins at `at`.
pub(crate) fn wrong_clock(shop: &mut Shop, at: i64) -> Option<Happening> {
    if (at / SECOND) % WRONG_CLOCK != 0 {
        return None;
    }
    let body = "point of sale 4 came back after its battery was changed";
    let (pairs, resource) = ([("pos.id", AttrValue::Int(4))], shop.resource(Service::Web, 0, 0));
    Some(happening(Service::Web, resource, at - WRONG_BY, (Severity::INFO, body), &pairs))
}

fn happening(
    service: Service,
    resource: Arc<Resource>,
    at: i64,
    message: (Severity, &str),
    pairs: Pairs<'_>,
) -> Happening {
    let record = line(service, resource, at, message, pairs);
    Happening { at, service, what: What::Log(Box::new(record)) }
}
