//! Weaves one trace: spans within spans, the log lines that belong to them, and what they count.

use std::sync::Arc;

use crate::demo::dice::Dice;
use crate::demo::incident::Conditions;
use crate::demo::meters::{Family, Measure, series};
use crate::demo::shop::{Service, Shop};
use crate::model::labels::Labels;
use crate::model::log::{LogRecord, Severity};
use crate::model::resource::{AttrValue, Attributes, Resource};
use crate::model::time::TimestampNs;
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};

/// A span of the trace that is woven.
pub(crate) type Node = usize;

/// Attributes in a literal.
pub(crate) type Pairs<'a> = &'a [(&'a str, AttrValue)];

/// Something that a service would send at an instant, nanoseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// When it can be known.
    pub(crate) at: i64,
    /// Whose it is.
    pub(crate) service: Service,
    /// What it is.
    pub(crate) what: What,
}

/// Something that a service would send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A span that ended.
    Span(Box<Span>),
    /// A log line.
    Log(Box<LogRecord>),
    /// Something to count, and for how many of its kind it stands.
    Measure(Measure, f64),
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// When, nanoseconds since the epoch.
    pub(crate) end: i64,
    /// The HTTP status.
    pub(crate) status: u16,
}

impl Outcome {
    /// A good answer.
    pub(crate) fn ok(end: i64) -> Self {
        Outcome { end, status: 200 }
    }
}

/// A request between services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: &'static str,
    /// The path's template.
    pub(crate) route: &'static str,
    /// The path.
    pub(crate) path: String,
}

impl Request {
    /// A request whose path is its route.
    pub(crate) fn to(method: &'static str, route: &'static str) -> Self {
        Request { method, route, path: route.to_owned() }
    }

    /// Puts `value` in the place of the route's parameter.
    pub(crate) fn with(method: &'static str, route: &'static str, value: &str) -> Self {
        let (before, rest) = route.split_once('{').unwrap_or((route, ""));
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        Request { method, route, path: format!("{before}{value}{after}") }
    }
}

/// What a trace is woven from.
pub(crate) struct Loom<'a> {
    /// Decides.
    pub(crate) dice: &'a mut Dice,
    /// Who there is.
    pub(crate) shop: &'a mut Shop,
    /// What holds just now.
    pub(crate) conditions: Conditions,
    /// How many requests of its kind this one stands for.
    pub(crate) weight: f64,
}

/// One trace while it is woven.
pub(crate) struct Weave<'a> {
    /// What it is woven from.
    pub(crate) loom: Loom<'a>,
    trace_id: TraceId,
    spans: Vec<Span>,
    places: Vec<(Service, usize)>,
    happenings: Vec<Happening>,
}

impl<'a> Weave<'a> {
    /// Begins a trace.
    pub(crate) fn new(loom: Loom<'a>) -> Self {
        let trace_id = TraceId(loom.dice.id());
        Weave { loom, trace_id, spans: Vec::new(), places: Vec::new(), happenings: Vec::new() }
    }

    /// Returns everything that the trace's services would send.
    pub(crate) fn finish(self) -> Vec<Happening> {
        let Weave { spans, places, mut happenings, .. } = self;
        happenings.extend(spans.into_iter().zip(places).map(|(span, (service, _))| Happening {
            at: span.end.0,
            service,
            what: What::Span(Box::new(span)),
        }));
        happenings
    }

    /// Begins a span; within the parent's service it runs in the parent's process.
    pub(crate) fn begin(
        &mut self,
        parent: Option<Node>,
        service: Service,
        (kind, name): (SpanKind, &str),
        at: i64,
    ) -> Node {
        let place = parent.map(|parent| self.places[parent]).filter(|(own, _)| *own == service);
        let (_, replica) =
            place.unwrap_or_else(|| (service, self.loom.dice.below(service.replicas())));
        let release = self.loom.conditions.cart_release;
        self.spans.push(Span {
            trace_id: self.trace_id,
            span_id: SpanId(self.loom.dice.id()),
            parent_span_id: parent.map(|parent| self.spans[parent].span_id),
            trace_state: String::new(),
            flags: 1,
            name: name.to_owned(),
            kind,
            start: TimestampNs(at),
            end: TimestampNs(at),
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::default(),
            resource: self.loom.shop.resource(service, replica, release),
            scope: self.loom.shop.scope(service),
        });
        self.places.push((service, replica));
        self.spans.len() - 1
    }

    /// Says more of a span.
    pub(crate) fn note(&mut self, node: Node, pairs: Pairs<'_>) {
        for (key, value) in pairs {
            self.spans[node].attributes.set(key, value.clone());
        }
    }

    /// Ends a span.
    pub(crate) fn end(&mut self, node: Node, at: i64) {
        self.spans[node].end = TimestampNs(at.max(self.spans[node].start.0));
    }

    /// Marks a span as failed.
    pub(crate) fn fail(&mut self, node: Node, kind: &str, why: &str) {
        let span = &mut self.spans[node];
        span.status = Status { code: StatusCode::Error, message: why.to_owned() };
        span.attributes.set("error.type", kind.into());
    }

    /// Adds something that happened during a span.
    pub(crate) fn event(&mut self, node: Node, name: &str, at: i64, pairs: Pairs<'_>) {
        let (timestamp, name) = (TimestampNs(at), name.to_owned());
        self.spans[node].events.push(SpanEvent { timestamp, name, attributes: attributes(pairs) });
    }

    /// Points a span at another that is not its parent.
    pub(crate) fn link(&mut self, node: Node, to: Node) {
        let span_id = self.spans[to].span_id;
        let link = SpanLink {
            trace_id: self.trace_id,
            span_id,
            trace_state: String::new(),
            attributes: Attributes::default(),
        };
        self.spans[node].links.push(link);
    }

    /// Writes a log line within a span.
    pub(crate) fn log(
        &mut self,
        node: Node,
        at: i64,
        (severity, body): (Severity, &str),
        pairs: Pairs<'_>,
    ) {
        let (service, _) = self.places[node];
        let span = &self.spans[node];
        let resource = Arc::clone(&span.resource);
        let mut record = line(service, resource, at, (severity, body), pairs);
        record.trace_id = Some(span.trace_id);
        record.span_id = Some(span.span_id);
        let what = What::Log(Box::new(record));
        self.happenings.push(Happening { at, service, what });
    }

    /// Counts something at an instant.
    pub(crate) fn count(
        &mut self,
        node: Node,
        at: i64,
        name: &str,
        rest: &[(&str, &str)],
        by: f64,
    ) {
        let (service, replica) = self.places[node];
        let labels = series(name, service.name(), &service.instance(replica), rest);
        self.measure(service, at, Measure::Count { labels, by });
    }

    /// Measures something of a span at an instant.
    pub(crate) fn observe(
        &mut self,
        node: Node,
        at: i64,
        (family, value): (Family, f64),
        rest: &[(&str, &str)],
    ) {
        let (service, replica) = self.places[node];
        let instance = service.instance(replica);
        let own = [("job", service.name()), ("instance", instance.as_str())];
        let labels = Labels::from_pairs(own.into_iter().chain(rest.iter().copied()));
        let example = (self.trace_id, self.spans[node].span_id);
        self.measure(service, at, Measure::Observe { family, labels, value, example });
    }

    fn measure(&mut self, service: Service, at: i64, measure: Measure) {
        let what = What::Measure(measure, self.loom.weight);
        self.happenings.push(Happening { at, service, what });
    }

    /// Returns the seconds of a span that ended.
    pub(crate) fn seconds(&self, node: Node) -> f64 {
        self.spans[node].duration_ns() as f64 / 1e9
    }

    /// Calls another service: a client span here, a server span there, and `work` within it.
    pub(crate) fn call(
        &mut self,
        caller: Node,
        to: Service,
        request: &Request,
        at: i64,
        work: impl FnOnce(&mut Self, Node, i64) -> Outcome,
    ) -> Outcome {
        let (from, _) = self.places[caller];
        let client = self.begin(Some(caller), from, (SpanKind::Client, request.method), at);
        let url = format!("http://{}:8080{}", to.name(), request.path);
        self.note(
            client,
            &[
                ("http.request.method", request.method.into()),
                ("url.full", AttrValue::Str(url)),
                ("server.address", to.name().into()),
                ("server.port", AttrValue::Int(8080)),
            ],
        );
        let arrives = at + self.loom.dice.millis(0.4);
        let outcome = self.serve(Some(client), to, request, arrives, work);
        let back = outcome.end + self.loom.dice.millis(0.4);
        let status = i64::from(outcome.status);
        self.note(client, &[("http.response.status_code", AttrValue::Int(status))]);
        if outcome.status >= 400 {
            self.fail(client, &outcome.status.to_string(), "");
        }
        self.end(client, back);
        Outcome { end: back, status: outcome.status }
    }

    /// Serves a request: a server span, and `work` within it.
    pub(crate) fn serve(
        &mut self,
        parent: Option<Node>,
        service: Service,
        request: &Request,
        at: i64,
        work: impl FnOnce(&mut Self, Node, i64) -> Outcome,
    ) -> Outcome {
        let name = format!("{} {}", request.method, request.route);
        let node = self.begin(parent, service, (SpanKind::Server, &name), at);
        self.note(
            node,
            &[
                ("http.request.method", request.method.into()),
                ("http.route", request.route.into()),
                ("url.path", AttrValue::Str(request.path.clone())),
                ("url.scheme", "http".into()),
                ("network.protocol.version", "1.1".into()),
            ],
        );
        let begin = at + self.loom.dice.millis(0.3);
        let outcome = work(self, node, begin);
        let end = outcome.end + self.loom.dice.millis(0.5);
        let status = outcome.status.to_string();
        let code = AttrValue::Int(i64::from(outcome.status));
        self.note(node, &[("http.response.status_code", code)]);
        if outcome.status >= 500 {
            self.fail(node, &status, "");
        }
        self.end(node, end);
        let labels = [
            ("http_request_method", request.method),
            ("http_route", request.route),
            ("http_response_status_code", status.as_str()),
        ];
        self.observe(node, end, (Family::HttpServer, self.seconds(node)), &labels);
        Outcome { end, status: outcome.status }
    }

    /// Asks postgres; returns when the answer is there.
    pub(crate) fn sql(
        &mut self,
        caller: Node,
        (operation, table, statement): (&str, &str, &str),
        median_ms: f64,
        at: i64,
    ) -> i64 {
        let pairs = [
            ("db.collection.name", table.into()),
            ("db.query.text", statement.into()),
            ("db.namespace", "shop".into()),
        ];
        let end = at + self.loom.dice.millis(median_ms);
        self.database(caller, ("postgresql", operation, table), (at, end), &pairs);
        end
    }

    /// Asks redis; returns when the answer is there.
    pub(crate) fn redis(&mut self, caller: Node, command: &str, key: &str, at: i64) -> i64 {
        let text = format!("{command} {key}");
        let end = at + self.loom.dice.millis(0.5);
        let pairs = [("db.query.text", AttrValue::Str(text)), ("db.namespace", "0".into())];
        self.database(caller, ("redis", command, ""), (at, end), &pairs);
        end
    }

    fn database(
        &mut self,
        caller: Node,
        (system, operation, target): (&str, &str, &str),
        (at, end): (i64, i64),
        pairs: Pairs<'_>,
    ) {
        let (service, _) = self.places[caller];
        let name = format!("{operation} {target}");
        let node = self.begin(Some(caller), service, (SpanKind::Client, name.trim_end()), at);
        let (host, port) = if system == "redis" { ("redis", 6379) } else { ("postgres", 5432) };
        self.note(
            node,
            &[
                ("db.system.name", system.into()),
                ("db.operation.name", operation.into()),
                ("server.address", host.into()),
                ("server.port", AttrValue::Int(port)),
            ],
        );
        self.note(node, pairs);
        self.end(node, end);
        let labels = [("db_system_name", system), ("db_operation_name", operation)];
        self.observe(node, end, (Family::Database, self.seconds(node)), &labels);
    }
}

/// Returns attributes from a literal.
pub(crate) fn attributes(pairs: Pairs<'_>) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

/// Returns a log line of a service.
pub(crate) fn line(
    service: Service,
    resource: Arc<Resource>,
    at: i64,
    (severity, body): (Severity, &str),
    pairs: Pairs<'_>,
) -> LogRecord {
    let mut record = LogRecord::new(TimestampNs(at), body);
    record.observed = record.timestamp;
    record.severity = severity;
    // Each logger has its own way to write severities.
    record.severity_text = match service.language() {
        "nodejs" => severity.word().to_owned(),
        _ => severity.word().to_ascii_uppercase(),
    };
    record.attributes = attributes(pairs);
    record.resource = resource;
    if service == Service::Web {
        record.index = "shop-web".to_owned();
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fills_its_route() {
        assert_eq!(Request::with("GET", "/cart/{id}/items", "7").path, "/cart/7/items");
        assert_eq!(Request::to("GET", "/cart").path, "/cart");
    }
}
