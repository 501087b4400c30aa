//! One trace of the list.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::time::TimestampNs;
use crate::model::trace::{Span, StatusCode, Trace};
use crate::ui::address::Address;
use crate::ui::format;

/// Services that a row names; further ones are counted.
const SERVICES: usize = 4;

/// A trace in a line.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) href: String,
    pub(crate) time: String,
    pub(crate) machine_time: String,
    pub(crate) duration: String,
    /// Its part of the longest duration shown, in percent.
    pub(crate) share: f64,
    pub(crate) spans: usize,
    pub(crate) errors: usize,
    /// Names and how many spans each has.
    pub(crate) services: Vec<(String, usize)>,
    /// Services that are not named.
    pub(crate) more_services: usize,
    pub(crate) start: TimestampNs,
    pub(crate) length_ns: i64,
}

/// A trace in the drawing.
#[derive(Serialize)]
pub(crate) struct Point {
    /// Epoch milliseconds.
    at: f64,
    /// Nanoseconds.
    length: i64,
    spans: usize,
    errors: usize,
    name: String,
    href: String,
}

impl Row {
    /// Sums a trace up; `None` for one without spans.
    pub(crate) fn of(trace: &Trace, address: &Address) -> Option<Self> {
        let root = trace.root()?;
        let (start, _) = trace.bounds();
        let mut services: BTreeMap<&str, usize> = BTreeMap::new();
        for span in &trace.spans {
            *services.entry(span.service_name()).or_default() += 1;
        }
        let all = services.len();
        let mut services: Vec<(String, usize)> =
            services.into_iter().map(|(name, spans)| (name.to_owned(), spans)).collect();
        services.sort_by_key(|(_, spans)| std::cmp::Reverse(*spans));
        services.truncate(SERVICES);
        let failed = |span: &&Span| span.status.code == StatusCode::Error;
        let length_ns = trace.length_ns();
        Some(Row {
            name: root.name.clone(),
            service: root.service_name().to_owned(),
            href: address.jump(&format!("/ui/traces/{}", trace.trace_id)).to_string(),
            time: format::clock(start),
            machine_time: format::machine(start.to_ms()),
            duration: format::duration_ns(length_ns),
            share: 0.0,
            spans: trace.spans.len(),
            errors: trace.spans.iter().filter(failed).count(),
            more_services: all - services.len(),
            services,
            start,
            length_ns,
        })
    }

    /// The same for the drawing.
    pub(crate) fn point(&self) -> Point {
        Point {
            at: self.start.0 as f64 / 1e6,
            length: self.length_ns,
            spans: self.spans,
            errors: self.errors,
            name: format!("{}: {}", self.service, self.name),
            href: self.href.clone(),
        }
    }
}
