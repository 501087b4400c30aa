//! What visitors do, each visit one trace.

use crate::demo::checkout;
use crate::demo::shop::Service;
use crate::demo::texts::{AGENTS, PRODUCTS, REVIEWS, SEARCHES};
use crate::demo::weave::{Happening, Loom, Node, Outcome, Request, Weave};
use crate::model::log::Severity;
use crate::model::resource::AttrValue;
use crate::model::trace::SpanKind;

/// What a visitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journey {
    Home,
    Product,
    Search,
    AddToCart,
    Checkout,
    OrderStatus,
    Review,
    Stranger,
}

/// How many of a hundred visits are of each kind.
const SHARES: [(Journey, usize); 8] = [
    (Journey::Home, 18),
    (Journey::Product, 27),
    (Journey::Search, 15),
    (Journey::AddToCart, 13),
    (Journey::Checkout, 15),
    (Journey::OrderStatus, 6),
    (Journey::Review, 3),
    (Journey::Stranger, 3),
];

/// Weaves the visit of somebody who arrives at `at`, nanoseconds since the epoch.
pub(crate) fn visit(loom: Loom<'_>, at: i64) -> Vec<Happening> {
    let mut weave = Weave::new(loom);
    let mut place = weave.loom.dice.below(100);
    let mut journey = Journey::Home;
    for (one, share) in SHARES {
        journey = one;
        if place < share {
            break;
        }
        place -= share;
    }
    match journey {
        Journey::Home => home(&mut weave, at),
        Journey::Product => product(&mut weave, at),
        Journey::Search => search(&mut weave, at),
        Journey::AddToCart => add_to_cart(&mut weave, at),
        Journey::Checkout => checkout::visit(&mut weave, at),
        Journey::OrderStatus => order_status(&mut weave, at),
        Journey::Review => review(&mut weave, at),
        Journey::Stranger => stranger(&mut weave, at),
    }
    weave.finish()
}

/// Serves a browser: the root of every visit, with its access log.
pub(crate) fn page(
    weave: &mut Weave<'_>,
    request: &Request,
    at: i64,
    work: impl FnOnce(&mut Weave<'_>, Node, i64) -> Outcome,
) {
    let agent = weave.loom.dice.pick(&AGENTS);
    let client = format!("203.0.113.{}", 1 + weave.loom.dice.below(250));
    let mut root = 0;
    let outcome = weave.serve(None, Service::Web, request, at, |weave, node, at| {
        root = node;
        weave.note(
            node,
            &[
                ("user_agent.original", agent.into()),
                ("client.address", AttrValue::Str(client.clone())),
                ("server.address", "shop.example".into()),
            ],
        );
        let session = weave.redis(node, "GET", "session:{id}", at);
        work(weave, node, session)
    });
    let severity = match outcome.status {
        500.. => Severity::ERROR,
        400.. => Severity::WARN,
        _ => Severity::INFO,
    };
    let body = format!("{} {} {}", request.method, request.path, outcome.status);
    let milliseconds = weave.seconds(root) * 1e3;
    weave.log(
        root,
        outcome.end,
        (severity, &body),
        &[
            ("http.request.method", request.method.into()),
            ("url.path", AttrValue::Str(request.path.clone())),
            ("http.response.status_code", AttrValue::Int(i64::from(outcome.status))),
            ("duration_ms", AttrValue::Double((milliseconds * 10.0).round() / 10.0)),
            ("client.address", AttrValue::Str(client)),
            ("user_agent.original", agent.into()),
        ],
    );
}

/// Draws a page within the web service; returns when it is drawn.
pub(crate) fn render(weave: &mut Weave<'_>, node: Node, template: &str, at: i64) -> i64 {
    let span = weave.begin(Some(node), Service::Web, (SpanKind::Internal, "render"), at);
    weave.note(span, &[("view.template", template.into())]);
    let end = at + weave.loom.dice.millis(4.0);
    weave.end(span, end);
    end
}

fn home(weave: &mut Weave<'_>, at: i64) {
    page(weave, &Request::to("GET", "/"), at, |weave, node, at| {
        let featured = Request::to("GET", "/api/products");
        let products = weave.call(node, Service::Inventory, &featured, at, |weave, node, at| {
            let cached = weave.redis(node, "GET", "featured", at);
            match weave.loom.dice.happens(0.8) {
                true => Outcome::ok(cached),
                false => {
                    let query = "SELECT sku, name, price FROM products WHERE featured LIMIT 12";
                    let read = weave.sql(node, ("SELECT", "products", query), 6.0, cached);
                    Outcome::ok(weave.redis(node, "SETEX", "featured", read))
                }
            }
        });
        Outcome { end: render(weave, node, "home", products.end), status: 200 }
    });
}

fn product(weave: &mut Weave<'_>, at: i64) {
    let (sku, name) = PRODUCTS[weave.loom.dice.below(PRODUCTS.len())];
    page(weave, &Request::with("GET", "/products/{sku}", sku), at, |weave, node, at| {
        weave.note(node, &[("shop.product.name", name.into())]);
        let request = Request::with("GET", "/api/products/{sku}", sku);
        let found = weave.call(node, Service::Inventory, &request, at, |weave, node, at| {
            let query = "SELECT * FROM products WHERE sku = $1";
            let read = weave.sql(node, ("SELECT", "products", query), 3.0, at);
            let query = "SELECT sum(quantity) FROM stock WHERE sku = $1";
            let stock = weave.sql(node, ("SELECT", "stock", query), 2.0, read);
            weave.log(
                node,
                stock,
                (Severity::DEBUG, "stock looked up"),
                &[("sku", sku.into()), ("quantity", AttrValue::Int(3 + (stock / 1_000) % 40))],
            );
            Outcome::ok(stock)
        });
        Outcome { end: render(weave, node, "product", found.end), status: found.status }
    });
}

fn search(weave: &mut Weave<'_>, at: i64) {
    let words = weave.loom.dice.pick(&SEARCHES);
    page(weave, &Request::to("GET", "/search"), at, |weave, node, at| {
        weave.note(node, &[("url.query", AttrValue::Str(format!("q={words}")))]);
        let request = Request::to("GET", "/api/search");
        let found = weave.call(node, Service::Inventory, &request, at, |weave, node, at| {
            let slower = weave.loom.conditions.search_slowdown;
            let query = "SELECT sku, name FROM products WHERE search @@ plainto_tsquery($1)";
            let read = weave.sql(node, ("SELECT", "products", query), 40.0 * slower, at);
            let hits = AttrValue::Int((read / 1_000) % 12);
            let milliseconds = (read - at) / 1_000_000;
            if milliseconds > 500 {
                weave.log(
                    node,
                    read,
                    (Severity::WARN, "slow search"),
                    &[
                        ("search.words", words.into()),
                        ("search.hits", hits),
                        ("duration_ms", AttrValue::Int(milliseconds)),
                        (
                            "db.plan",
                            "Seq Scan on products (missing index products_search_idx)".into(),
                        ),
                    ],
                );
            } else {
                weave.log(
                    node,
                    read,
                    (Severity::INFO, "search answered"),
                    &[("search.words", words.into()), ("search.hits", hits)],
                );
            }
            Outcome::ok(read)
        });
        Outcome { end: render(weave, node, "search", found.end), status: found.status }
    });
}

fn add_to_cart(weave: &mut Weave<'_>, at: i64) {
    let (sku, _) = PRODUCTS[weave.loom.dice.below(PRODUCTS.len())];
    page(weave, &Request::to("POST", "/cart"), at, |weave, node, at| {
        let request = Request::to("POST", "/api/cart/items");
        let added = weave.call(node, Service::Cart, &request, at, |weave, node, at| {
            let read = weave.redis(node, "HGETALL", "cart:{id}", at);
            let asked = Request::with("GET", "/api/stock/{sku}", sku);
            let stock = weave.call(node, Service::Inventory, &asked, read, |weave, node, at| {
                let query = "SELECT sum(quantity) FROM stock WHERE sku = $1";
                Outcome::ok(weave.sql(node, ("SELECT", "stock", query), 2.0, at))
            });
            // A process that is short of memory collects garbage instead of working.
            let leak = weave.loom.conditions.cart_leak;
            let pause = (leak * leak * 400e6) as i64;
            if pause > 100_000_000 {
                weave.log(
                    node,
                    stock.end + pause,
                    (Severity::WARN, "event loop was blocked"),
                    &[
                        ("gc.pause_ms", AttrValue::Int(pause / 1_000_000)),
                        ("heap.used_share", AttrValue::Double((leak * 100.0).round() / 100.0)),
                    ],
                );
            }
            let written = weave.redis(node, "HSET", "cart:{id}", stock.end + pause);
            weave.log(
                node,
                written,
                (Severity::INFO, "item added to cart"),
                &[("sku", sku.into()), ("quantity", AttrValue::Int(1))],
            );
            weave.count(node, written, "cart_items_added_total", &[("sku", sku)], 1.0);
            Outcome { end: written, status: 201 }
        });
        Outcome { end: added.end, status: 303 }
    });
}

fn order_status(weave: &mut Weave<'_>, at: i64) {
    let order = format!("{}", 70_000 + weave.loom.dice.below(9_000));
    let is_known = weave.loom.dice.happens(0.9);
    page(weave, &Request::with("GET", "/orders/{id}", &order), at, |weave, node, at| {
        let request = Request::with("GET", "/api/orders/{id}", &order);
        let found = weave.call(node, Service::Checkout, &request, at, |weave, node, at| {
            let query = "SELECT * FROM orders WHERE id = $1";
            let read = weave.sql(node, ("SELECT", "orders", query), 3.0, at);
            Outcome { end: read, status: if is_known { 200 } else { 404 } }
        });
        Outcome { end: render(weave, node, "order", found.end), status: found.status }
    });
}

fn review(weave: &mut Weave<'_>, at: i64) {
    let (sku, _) = PRODUCTS[weave.loom.dice.below(PRODUCTS.len())];
    let text = weave.loom.dice.pick(&REVIEWS);
    let stars = 1 + weave.loom.dice.below(5);
    page(weave, &Request::with("POST", "/products/{sku}/reviews", sku), at, |weave, node, at| {
        let body = format!("review of {sku}: {text}");
        weave.log(
            node,
            at,
            (Severity::INFO, &body),
            &[
                ("review.text", text.into()),
                ("review.stars", AttrValue::Int(stars as i64)),
                (
                    "review.meta",
                    AttrValue::Map(vec![
                        ("source".to_owned(), "form".into()),
                        (
                            "tags".to_owned(),
                            AttrValue::Array(vec!["new".into(), "<unread>".into()]),
                        ),
                    ]),
                ),
            ],
        );
        Outcome { end: render(weave, node, "review", at), status: 201 }
    });
}

/// Somebody who looks for doors that are not there.
fn stranger(weave: &mut Weave<'_>, at: i64) {
    let paths = ["/wp-login.php", "/.env", "/admin/../../etc/passwd", "/api/v1/<script>"];
    let path = weave.loom.dice.pick(&paths);
    // Unknown paths have no route of their own: a label must stay a finite set.
    let request = Request { method: "GET", route: "/*", path: path.to_owned() };
    page(weave, &request, at, |_, _, at| Outcome { end: at, status: 404 });
}
