//! What is known of one span, and what was logged within it.

use crate::access::Caller;
use crate::model::log_filter::{FilterValue, LogField, LogFilter};
use crate::model::log_query::{Direction, LogHit, LogSearch, LogSelect};
use crate::model::resource::Attributes;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, SpanEvent, SpanLink, StatusCode, TraceId};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;

/// Log lines of a span that are shown; the link leads to all.
const LOGS: usize = 50;
/// Characters of a value that are shown.
const VALUE_CHARACTERS: usize = 10_000;
/// Logs may be written a little before and after the spans they belong to.
const AROUND_NS: i64 = 60_000_000_000;

/// The chosen span.
pub(crate) struct Detail {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) kind: &'static str,
    pub(crate) start: String,
    pub(crate) duration: String,
    pub(crate) failed: bool,
    pub(crate) message: String,
    pub(crate) attributes: Vec<Fact>,
    pub(crate) resource: Vec<Fact>,
    pub(crate) library: String,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    pub(crate) logs: Result<Vec<Log>, String>,
    pub(crate) logs_href: String,
    pub(crate) close_href: String,
}

/// A key with its value, and where the traces are that share it.
pub(crate) struct Fact {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) href: String,
}

/// What happened during the span.
pub(crate) struct Event {
    pub(crate) at: String,
    pub(crate) name: String,
    pub(crate) attributes: Vec<Fact>,
}

/// Another span that this one points at.
pub(crate) struct Link {
    pub(crate) trace: String,
    pub(crate) span: String,
    pub(crate) href: String,
}

/// A record that names the span.
pub(crate) struct Log {
    pub(crate) at: String,
    pub(crate) severity: &'static str,
    pub(crate) line: String,
}

/// The page with everything logged within a trace.
pub(crate) fn logs_address(
    address: &Address,
    trace: TraceId,
    start: TimestampNs,
    end: TimestampNs,
) -> Address {
    let ms = |ns: i64| ns.div_euclid(1_000_000).to_string();
    let logs = address.jump("/ui/logs").with("q", format!("trace_id:{trace}"));
    logs.with("from", ms(start.0.saturating_sub(AROUND_NS)))
        .with("to", ms(end.0.saturating_add(AROUND_NS)))
}

impl Detail {
    /// Gathers it; `begin` is when the trace began.
    pub(crate) async fn of(
        state: &UiState,
        caller: &Caller,
        span: &Span,
        begin: TimestampNs,
        address: &Address,
    ) -> Self {
        let since = |at: TimestampNs| format::duration_ns(at.0.saturating_sub(begin.0));
        let scope = &span.scope;
        let library = format!("{} {}", scope.name, scope.version).trim().to_owned();
        let all = logs_address(address, span.trace_id, span.start, span.end);
        let query = format!("span_id:{}", span.span_id);
        Detail {
            id: span.span_id.to_string(),
            name: span.name.clone(),
            service: span.service_name().to_owned(),
            kind: span.kind.word(),
            start: since(span.start),
            duration: format::duration_ns(span.duration_ns()),
            failed: span.status.code == StatusCode::Error,
            message: span.status.message.clone(),
            attributes: facts(&span.attributes, address),
            resource: facts(&span.resource.attributes, address),
            library,
            events: span.events.iter().map(|event| event_of(event, &since, address)).collect(),
            links: span.links.iter().map(|link| link_of(link, address)).collect(),
            logs: logs(state, caller, span).await,
            logs_href: all.with("q", query).to_string(),
            close_href: address.clone().with("span", "").to_string(),
        }
    }
}

fn facts(attributes: &Attributes, address: &Address) -> Vec<Fact> {
    let fact = |(key, value): (&str, &crate::model::resource::AttrValue)| {
        let text = value.to_text();
        let quoted =
            if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text.clone() };
        Fact {
            key: key.to_owned(),
            value: text.chars().take(VALUE_CHARACTERS).collect(),
            href: address.jump("/ui/traces").with("tags", format!("{key}={quoted}")).to_string(),
        }
    };
    attributes.iter().map(fact).collect()
}

fn event_of(event: &SpanEvent, since: &dyn Fn(TimestampNs) -> String, address: &Address) -> Event {
    Event {
        at: since(event.timestamp),
        name: event.name.clone(),
        attributes: facts(&event.attributes, address),
    }
}

fn link_of(link: &SpanLink, address: &Address) -> Link {
    let (trace, span) = (link.trace_id.to_string(), link.span_id.to_string());
    let page = Address::of(&format!("/ui/traces/{trace}")).with("span", span.as_str());
    let href = address.jump(page.path()).with("span", span.as_str()).to_string();
    Link { trace, span, href }
}

async fn logs(state: &UiState, caller: &Caller, span: &Span) -> Result<Vec<Log>, String> {
    let is = |field, text: String| LogFilter::Equals(field, FilterValue::Str(text));
    let around = TimeRange::new(
        TimestampNs(span.start.0.saturating_sub(AROUND_NS)),
        TimestampNs(span.end.0.saturating_add(AROUND_NS)),
    );
    let filter = LogFilter::And(vec![
        is(LogField::TraceId, span.trace_id.to_string()),
        is(LogField::SpanId, span.span_id.to_string()),
    ]);
    let search = LogSearch {
        select: LogSelect { indices: Vec::new(), range: around, filter },
        direction: Direction::Forward,
        after: None,
        limit: LOGS,
    };
    let page = state.services.logs.search(caller, search).await;
    let page = page.map_err(|error| error.message().to_owned())?;
    let log = |hit: &LogHit| Log {
        at: format::clock(hit.record.timestamp),
        severity: hit.record.severity.word(),
        line: hit.record.body.to_text().chars().take(VALUE_CHARACTERS).collect(),
    };
    Ok(page.hits.iter().map(log).collect())
}
