//! The checkout: the longest visit, and the one that fails when the payment gateway does.

use crate::demo::journeys::{page, render};
use crate::demo::meters::Family;
use crate::demo::shop::Service;
use crate::demo::texts::TIMEOUT_STACK;
use crate::demo::weave::{Node, Outcome, Request, Weave};
use crate::model::log::Severity;
use crate::model::resource::AttrValue;
use crate::model::trace::SpanKind;

/// How often a charge is tried.
const ATTEMPTS: i64 = 2;
/// How long the payment service waits for the gateway.
const GATEWAY_TIMEOUT: i64 = 2_500_000_000;
const GATEWAY: &str = "api.paygate.example";
const QUEUE: &str = "orders";

/// An order on its way.
struct Order {
    id: String,
    euros: f64,
    method: &'static str,
    items: i64,
}

/// Weaves one checkout.
pub(crate) fn visit(weave: &mut Weave<'_>, at: i64) {
    let dice = &mut *weave.loom.dice;
    let order = Order {
        id: (70_000 + dice.below(9_000)).to_string(),
        euros: (dice.around(62.0, 0.7) * 100.0).round() / 100.0,
        method: dice.pick(&["card", "card", "card", "sepa", "paypal"]),
        items: 1 + dice.below(5) as i64,
    };
    page(weave, &Request::to("POST", "/checkout"), at, |weave, node, at| {
        let request = Request::to("POST", "/api/checkout");
        let done = weave.call(node, Service::Checkout, &request, at, |weave, node, at| {
            place(weave, node, &order, at)
        });
        match done.status {
            500.. => Outcome { end: render(weave, node, "sorry", done.end), status: done.status },
            _ => Outcome { end: done.end, status: 303 },
        }
    });
}

fn place(weave: &mut Weave<'_>, node: Node, order: &Order, at: i64) -> Outcome {
    weave.note(
        node,
        &[
            ("shop.order.id", AttrValue::Str(order.id.clone())),
            ("shop.order.items", AttrValue::Int(order.items)),
            ("shop.order.value", AttrValue::Double(order.euros)),
        ],
    );
    let asked = Request::with("GET", "/api/cart/{id}", "c-81f2");
    let cart = weave.call(node, Service::Cart, &asked, at, |weave, node, at| {
        Outcome::ok(weave.redis(node, "HGETALL", "cart:{id}", at))
    });
    let reserved = reserve(weave, node, order, cart.end);
    let request = Request::to("POST", "/api/charges");
    let charged = weave.call(node, Service::Payment, &request, reserved.end, |weave, node, at| {
        charge(weave, node, order, at)
    });
    let labels = |status| [("status", status), ("payment_method", order.method)];
    if charged.status >= 500 {
        let body = format!("checkout failed: payment answered {}", charged.status);
        weave.log(
            node,
            charged.end,
            (Severity::ERROR, &body),
            &[
                ("order.id", AttrValue::Str(order.id.clone())),
                ("payment.method", order.method.into()),
                ("error.type", "payment_unavailable".into()),
            ],
        );
        weave.count(node, charged.end, "orders_total", &labels("failed"), 1.0);
        return Outcome { end: charged.end, status: 502 };
    }
    let query = "INSERT INTO orders (id, customer, total) VALUES ($1, $2, $3)";
    let kept = weave.sql(node, ("INSERT", "orders", query), 5.0, charged.end);
    weave.log(
        node,
        kept,
        (Severity::INFO, "order placed"),
        &[
            ("order.id", AttrValue::Str(order.id.clone())),
            ("order.value_eur", AttrValue::Double(order.euros)),
            ("order.items", AttrValue::Int(order.items)),
            ("payment.method", order.method.into()),
        ],
    );
    weave.count(node, kept, "orders_total", &labels("placed"), 1.0);
    weave.count(
        node,
        kept,
        "revenue_euros_total",
        &[("payment_method", order.method)],
        order.euros,
    );
    weave.observe(node, kept, (Family::CartValue, order.euros), &[]);
    let sent = publish(weave, node, order, kept);
    Outcome { end: sent, status: 201 }
}

fn reserve(weave: &mut Weave<'_>, node: Node, order: &Order, at: i64) -> Outcome {
    let request = Request::to("POST", "/api/reservations");
    weave.call(node, Service::Inventory, &request, at, |weave, node, at| {
        let mut now = weave.sql(node, ("BEGIN", "", "BEGIN"), 0.4, at);
        for _ in 0..order.items {
            let query = "UPDATE stock SET reserved = reserved + $2 WHERE sku = $1";
            now = weave.sql(node, ("UPDATE", "stock", query), 2.5, now);
        }
        Outcome { end: weave.sql(node, ("COMMIT", "", "COMMIT"), 1.5, now), status: 201 }
    })
}

/// Charges at the gateway; what times out is tried once more.
fn charge(weave: &mut Weave<'_>, node: Node, order: &Order, at: i64) -> Outcome {
    let mut now = at;
    for attempt in 1..=ATTEMPTS {
        let (end, answered) = ask_gateway(weave, node, attempt, now);
        now = end;
        if answered {
            weave.log(
                node,
                now,
                (Severity::INFO, "charge accepted"),
                &[
                    ("order.id", AttrValue::Str(order.id.clone())),
                    ("attempt", AttrValue::Int(attempt)),
                    ("gateway", GATEWAY.into()),
                ],
            );
            return Outcome { end: now, status: 201 };
        }
        let severity = if attempt == ATTEMPTS { Severity::ERROR } else { Severity::WARN };
        let body = format!("charge attempt {attempt} of {ATTEMPTS} timed out after 2500 ms");
        weave.log(
            node,
            now,
            (severity, &body),
            &[
                ("order.id", AttrValue::Str(order.id.clone())),
                ("attempt", AttrValue::Int(attempt)),
                ("server.address", GATEWAY.into()),
                ("exception.type", "java.net.http.HttpTimeoutException".into()),
                ("exception.message", "request timed out".into()),
                ("exception.stacktrace", TIMEOUT_STACK.into()),
            ],
        );
        now += 200_000_000;
    }
    Outcome { end: now, status: 504 }
}

/// Returns when the gateway's answer, or the end of patience, has come, and whether it answered.
fn ask_gateway(weave: &mut Weave<'_>, node: Node, attempt: i64, at: i64) -> (i64, bool) {
    let conditions = weave.loom.conditions;
    let span = weave.begin(Some(node), Service::Payment, (SpanKind::Client, "POST"), at);
    weave.note(
        span,
        &[
            ("http.request.method", "POST".into()),
            ("url.full", AttrValue::Str(format!("https://{GATEWAY}/v1/charges"))),
            ("server.address", GATEWAY.into()),
            ("server.port", AttrValue::Int(443)),
        ],
    );
    if attempt > 1 {
        weave.note(span, &[("http.request.resend_count", AttrValue::Int(attempt - 1))]);
    }
    let takes = weave.loom.dice.millis(120.0 * conditions.gateway_slowdown);
    let silent = weave.loom.dice.happens(conditions.gateway_timeouts) || takes > GATEWAY_TIMEOUT;
    let end = at + if silent { GATEWAY_TIMEOUT } else { takes };
    let status = if silent {
        weave.fail(span, "timeout", "request timed out after 2500 ms");
        weave.event(
            span,
            "exception",
            end,
            &[
                ("exception.type", "java.net.http.HttpTimeoutException".into()),
                ("exception.message", "request timed out".into()),
                ("exception.stacktrace", TIMEOUT_STACK.into()),
            ],
        );
        "timeout"
    } else {
        weave.note(span, &[("http.response.status_code", AttrValue::Int(201))]);
        "201"
    };
    weave.end(span, end);
    let labels = [("server_address", GATEWAY), ("http_response_status_code", status)];
    weave.observe(span, end, (Family::HttpClient, weave.seconds(span)), &labels);
    (end, !silent)
}

/// Tells the others of the order; returns when the queue has it.
fn publish(weave: &mut Weave<'_>, node: Node, order: &Order, at: i64) -> i64 {
    let name = format!("send {QUEUE}");
    let send = weave.begin(Some(node), Service::Checkout, (SpanKind::Producer, &name), at);
    weave.note(
        send,
        &[
            ("messaging.system", "redis".into()),
            ("messaging.destination.name", QUEUE.into()),
            ("messaging.operation.type", "send".into()),
            ("messaging.operation.name", "XADD".into()),
            ("messaging.message.id", AttrValue::Str(format!("order-{}", order.id))),
        ],
    );
    let sent = at + weave.loom.dice.millis(1.0);
    weave.end(send, sent);
    let arrives = sent + weave.loom.dice.millis(25.0);
    ship(weave, send, order, arrives);
    notify(weave, send, order, arrives);
    sent
}

fn consume(weave: &mut Weave<'_>, send: Node, service: Service, at: i64) -> Node {
    let name = format!("process {QUEUE}");
    let node = weave.begin(Some(send), service, (SpanKind::Consumer, &name), at);
    weave.note(
        node,
        &[
            ("messaging.system", "redis".into()),
            ("messaging.destination.name", QUEUE.into()),
            ("messaging.operation.type", "process".into()),
            ("messaging.consumer.group.name", service.name().into()),
        ],
    );
    weave.link(node, send);
    node
}

fn ship(weave: &mut Weave<'_>, send: Node, order: &Order, at: i64) {
    let node = consume(weave, send, Service::Shipping, at);
    let query = "INSERT INTO parcels (order_id, carrier) VALUES ($1, $2)";
    let end = weave.sql(node, ("INSERT", "parcels", query), 4.0, at + 200_000);
    let carrier = weave.loom.dice.pick(&["dhl", "dpd", "post"]);
    weave.log(
        node,
        end,
        (Severity::INFO, "parcel booked"),
        &[("order.id", AttrValue::Str(order.id.clone())), ("carrier", carrier.into())],
    );
    weave.count(node, end, "parcels_booked_total", &[("carrier", carrier)], 1.0);
    weave.end(node, end + 300_000);
}

/// Calls the webhook of a Make.com scenario.
fn notify(weave: &mut Weave<'_>, send: Node, order: &Order, at: i64) {
    let node = consume(weave, send, Service::MakeWebhook, at);
    let begin = at + 300_000;
    let span = weave.begin(Some(node), Service::MakeWebhook, (SpanKind::Client, "POST"), begin);
    weave.note(
        span,
        &[
            ("http.request.method", "POST".into()),
            ("url.full", "https://hook.eu1.make.com/demo-orders".into()),
            ("server.address", "hook.eu1.make.com".into()),
            ("server.port", AttrValue::Int(443)),
        ],
    );
    let end = begin + weave.loom.dice.millis(140.0);
    let refused = weave.loom.dice.happens(0.02);
    let status = if refused { "429" } else { "200" };
    let code = AttrValue::Int(if refused { 429 } else { 200 });
    weave.note(span, &[("http.response.status_code", code)]);
    if refused {
        weave.fail(span, status, "");
    }
    weave.end(span, end);
    let (severity, body) = match refused {
        true => (Severity::WARN, "Make.com refused the webhook; it will be sent again"),
        false => (Severity::INFO, "Make.com was told of the order"),
    };
    weave.log(
        node,
        end,
        (severity, body),
        &[
            ("order.id", AttrValue::Str(order.id.clone())),
            ("make.scenario.id", AttrValue::Int(1_204)),
            ("http.response.status_code", AttrValue::Int(if refused { 429 } else { 200 })),
        ],
    );
    weave.count(node, end, "make_webhook_calls_total", &[("status_code", status)], 1.0);
    weave.end(node, end + 200_000);
}
