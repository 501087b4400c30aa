//! Which spans of a batch are let in.

use crate::ingest::admission::{Admitted, Now};
use crate::ingest::attributes::{Refusal, attributes_weight, check, clip, keep_first_of_each_key};
use crate::ingest::limits::IngestLimits;
use crate::model::batch::SpanBatch;
use crate::model::trace::{Span, SpanId, TraceId};
use crate::storage::receipt::{RejectReason, Rejection};

/// How much of a span's name is shown in a message.
const SHOWN_BYTES: usize = 80;

/// Completes and checks every span of `batch`.
pub(crate) fn admit(mut batch: SpanBatch, limits: &IngestLimits, now: Now) -> Admitted<SpanBatch> {
    let mut kept = Vec::with_capacity(batch.spans.len());
    let mut rejected = Vec::new();
    let mut index = 0;
    batch.spans.retain_mut(|span| {
        complete(span);
        let outcome = check_span(span, limits, now);
        let keep = outcome.is_ok();
        match outcome {
            Ok(()) => kept.push(index),
            Err((reason, why)) => {
                let name = clip(&span.name, SHOWN_BYTES);
                let message = format!("span {} ({name:?}): {why}", span.span_id);
                rejected.push(Rejection { index, count: 1, reason, message });
            }
        }
        index += 1;
        keep
    });
    Admitted { batch, kept, rejected }
}

/// Returns about how many bytes `batch` occupies.
pub(crate) fn weight(batch: &SpanBatch) -> usize {
    batch.spans.iter().map(span_weight).sum()
}

fn span_weight(span: &Span) -> usize {
    let events: usize = span
        .events
        .iter()
        .map(|event| 72 + event.name.len() + attributes_weight(&event.attributes))
        .sum();
    let links: usize = span
        .links
        .iter()
        .map(|link| 96 + link.trace_state.len() + attributes_weight(&link.attributes))
        .sum();
    let texts = span.name.len() + span.trace_state.len() + span.status.message.len();
    256 + texts + attributes_weight(&span.attributes) + events + links
}

/// Makes true what the model promises of an admitted span: keys once, `end >= start`.
fn complete(span: &mut Span) {
    keep_first_of_each_key(&mut span.attributes);
    for event in &mut span.events {
        keep_first_of_each_key(&mut event.attributes);
    }
    for link in &mut span.links {
        keep_first_of_each_key(&mut link.attributes);
    }
    // A clock that stepped back during the span says nothing of its duration; it began for sure.
    span.end = span.end.max(span.start);
}

fn check_span(span: &Span, limits: &IngestLimits, now: Now) -> Result<(), Refusal> {
    if span.trace_id == TraceId([0; 16]) || span.span_id == SpanId([0; 8]) {
        let why = "trace id and span id must not be all zero".to_owned();
        return Err((RejectReason::InvalidLabels, why));
    }
    now.check(span.start, limits.future, limits.span_age)?;
    now.check(span.end, limits.future, None)?;
    for (what, count) in [("events", span.events.len()), ("links", span.links.len())] {
        if count > limits.attributes {
            let why = format!("there are {count} {what}, more than {}", limits.attributes);
            return Err((RejectReason::LimitExceeded, why));
        }
    }
    check(&span.attributes, "the span", limits)?;
    check(&span.resource.attributes, "the resource", limits)?;
    check(&span.scope.attributes, "the scope", limits)?;
    span.events.iter().try_for_each(|event| check(&event.attributes, "an event", limits))?;
    span.links.iter().try_for_each(|link| check(&link.attributes, "a link", limits))?;
    let whole = span_weight(span);
    if whole > limits.item_bytes {
        let why = format!("the span has {whole} bytes, more than {}", limits.item_bytes);
        return Err((RejectReason::TooLarge, why));
    }
    Ok(())
}
