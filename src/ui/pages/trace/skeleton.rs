//! The spans of a trace as columns: all that the waterfall needs, and none of the details.

use std::collections::HashMap;

use serde::Serialize;

use crate::model::trace::{Span, SpanId, StatusCode, Trace};
use crate::ui::address::Address;
use crate::ui::format;

/// Spans that a page can hold.
const MOST: usize = 50_000;
/// Lines that are written for those without a script.
const LINES: usize = 1_000;

/// The columns, in the order in which a reader goes through the tree: parents before children,
/// siblings by their start.
#[derive(Serialize)]
pub(crate) struct Skeleton {
    ids: Vec<String>,
    /// Place of the parent; -1 for a root, or a span whose parent is not kept.
    parents: Vec<i64>,
    depths: Vec<u32>,
    names: Vec<String>,
    /// Place in `services`.
    of: Vec<usize>,
    pub(crate) services: Vec<String>,
    /// Nanoseconds since the trace began.
    starts: Vec<i64>,
    lengths: Vec<i64>,
    kinds: Vec<&'static str>,
    /// Places of failed spans.
    failed: Vec<usize>,
    /// Places of spans whose parent is named but not kept.
    orphans: Vec<usize>,
    #[serde(skip)]
    pub(crate) errors: usize,
    #[serde(skip)]
    pub(crate) left_out: usize,
    #[serde(skip)]
    length: i64,
}

/// A span in a line of the table.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) service: String,
    /// How deep it stands, at most 12.
    pub(crate) depth: u32,
    pub(crate) failed: bool,
    pub(crate) start: String,
    pub(crate) duration: String,
    /// Where its bar begins and how long it is, in percent.
    pub(crate) left: f64,
    pub(crate) width: f64,
    pub(crate) href: String,
}

impl Skeleton {
    /// Orders the spans of a trace.
    pub(crate) fn of(trace: &Trace) -> Self {
        let (begin, end) = trace.bounds();
        let order = in_tree_order(&trace.spans);
        let errors = |span: &&Span| span.status.code == StatusCode::Error;
        let mut skeleton = Skeleton {
            ids: Vec::new(),
            parents: Vec::new(),
            depths: Vec::new(),
            names: Vec::new(),
            of: Vec::new(),
            services: Vec::new(),
            starts: Vec::new(),
            lengths: Vec::new(),
            kinds: Vec::new(),
            failed: Vec::new(),
            orphans: Vec::new(),
            errors: trace.spans.iter().filter(errors).count(),
            left_out: order.len().saturating_sub(MOST),
            length: end.0.saturating_sub(begin.0).max(1),
        };
        let mut services: HashMap<&str, usize> = HashMap::new();
        let mut places: HashMap<SpanId, i64> = HashMap::new();
        for (place, (span, depth)) in order.into_iter().take(MOST).enumerate() {
            let known = skeleton.services.len();
            let service = *services.entry(span.service_name()).or_insert(known);
            if service == known {
                skeleton.services.push(span.service_name().to_owned());
            }
            let parent = span.parent_span_id.and_then(|parent| places.get(&parent).copied());
            if parent.is_none() && span.parent_span_id.is_some() {
                skeleton.orphans.push(place);
            }
            if span.status.code == StatusCode::Error {
                skeleton.failed.push(place);
            }
            places.insert(span.span_id, i64::try_from(place).unwrap_or(i64::MAX));
            skeleton.ids.push(span.span_id.to_string());
            skeleton.parents.push(parent.unwrap_or(-1));
            skeleton.depths.push(depth);
            skeleton.names.push(span.name.clone());
            skeleton.of.push(service);
            skeleton.starts.push(span.start.0.saturating_sub(begin.0));
            skeleton.lengths.push(span.duration_ns().max(0));
            skeleton.kinds.push(span.kind.word());
        }
        skeleton
    }

    /// The first spans as lines of a table.
    pub(crate) fn into_lines(self, address: &Address) -> Vec<Line> {
        let whole = self.length as f64;
        let line = |place: usize| Line {
            name: self.names[place].clone(),
            service: self.services[self.of[place]].clone(),
            depth: self.depths[place].min(12),
            failed: self.failed.binary_search(&place).is_ok(),
            start: format::duration_ns(self.starts[place]),
            duration: format::duration_ns(self.lengths[place]),
            left: self.starts[place] as f64 / whole * 100.0,
            width: (self.lengths[place] as f64 / whole * 100.0).max(0.3),
            href: address.clone().with("span", self.ids[place].as_str()).to_string(),
        };
        (0..self.ids.len().min(LINES)).map(line).collect()
    }
}

/// Puts parents before their children and siblings by their start, with how deep each stands. A
/// span whose parent is missing is a root; a circle of parents is entered at its first span.
fn in_tree_order(spans: &[Span]) -> Vec<(&Span, u32)> {
    let mut by_start: Vec<&Span> = spans.iter().collect();
    by_start.sort_by_key(|span| (span.start, span.span_id));
    let known: std::collections::HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let mut children: HashMap<SpanId, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (place, span) in by_start.iter().enumerate() {
        match span.parent_span_id.filter(|parent| known.contains(parent) && *parent != span.span_id)
        {
            Some(parent) => children.entry(parent).or_default().push(place),
            None => roots.push(place),
        }
    }
    let mut order = Vec::with_capacity(spans.len());
    let mut seen = vec![false; by_start.len()];
    let starts: Vec<usize> = roots.into_iter().chain(0..by_start.len()).collect();
    for start in starts {
        let mut stack = vec![(start, 0)];
        while let Some((place, depth)) = stack.pop() {
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            let span = by_start[place];
            order.push((span, depth));
            let below = children.get(&span.span_id).into_iter().flatten().rev();
            stack.extend(below.map(|child| (*child, depth + 1)));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::resource::{Attributes, Resource};
    use crate::model::time::TimestampNs;
    use crate::model::trace::{SpanKind, Status, TraceId};

    fn span(id: u8, parent: u8, start: i64) -> Span {
        Span {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([id; 8]),
            parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
            trace_state: String::new(),
            flags: 0,
            name: format!("s{id}"),
            kind: SpanKind::Internal,
            start: TimestampNs(start),
            end: TimestampNs(start + 10),
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::default(),
            resource: Arc::new(Resource::of_service("shop")),
            scope: Arc::default(),
        }
    }

    #[test]
    fn parents_stand_before_children_and_nothing_is_lost_in_a_circle() {
        let spans = [
            span(4, 2, 30),
            span(2, 1, 20),
            span(3, 1, 5),
            span(1, 0, 0),
            span(5, 99, 50),
            span(6, 7, 60),
            span(7, 6, 61),
        ];
        let order: Vec<(String, u32)> = in_tree_order(&spans)
            .into_iter()
            .map(|(span, depth)| (span.name.clone(), depth))
            .collect();
        let expected =
            [("s1", 0), ("s3", 1), ("s2", 1), ("s4", 2), ("s5", 0), ("s6", 0), ("s7", 1)];
        assert_eq!(order, expected.map(|(name, depth)| (name.to_owned(), depth)));
    }
}
