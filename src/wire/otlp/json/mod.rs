//! OTLP's JSON, read leniently where the specification asks for it: ids are hexadecimal of any
//! case, 64-bit numbers are texts or numbers, unknown keys are ignored, `null` means "not given".
//!
//! The derived `Deserialize` of `opentelemetry-proto` does not do: it fails on unknown keys beside
//! a value, on `null`, on numbers with a fraction of zero, and one bad field costs the request.
//! Here the outer lists are cut into slices of the body, and each item is read on its own.

mod members;
mod fields;
mod common;
mod traces;
mod logs;
mod metrics;

use serde_json::value::RawValue;

use crate::base::error::{Error, Result};
use crate::wire::otlp::json::members::{each, members};
use crate::wire::otlp::request::{Bounds, Item, Sink, unreadable};

pub(crate) use fields::{Object, Read};

/// The names of a signal's lists, and the word for one item.
pub(crate) struct Keys {
    pub(crate) resources: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) items: &'static str,
    pub(crate) item: &'static str,
}

/// Shows `sink` every item of a request.
pub(crate) fn walk<S: Sink>(body: &[u8], sink: &mut S) -> Result<()> {
    let body: &RawValue = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("not OTLP JSON: {error}")))?;
    let mut bounds = Bounds::default();
    let [groups] = members(body, [S::Item::KEYS.resources])?;
    each(groups, |group| walk_resource(group, sink, &mut bounds))
}

fn walk_resource<S: Sink>(group: &RawValue, sink: &mut S, bounds: &mut Bounds) -> Result<()> {
    bounds.count()?;
    let [resource, scopes] = members(group, ["resource", S::Item::KEYS.scopes])?;
    sink.resource(head(resource, "resource", common::resource)?);
    each(scopes, |scope| walk_scope(scope, sink, bounds))?;
    sink.resource_ends();
    Ok(())
}

fn walk_scope<S: Sink>(group: &RawValue, sink: &mut S, bounds: &mut Bounds) -> Result<()> {
    bounds.count()?;
    let [scope, items] = members(group, ["scope", S::Item::KEYS.items])?;
    sink.scope(head(scope, "scope", common::scope)?);
    each(items, |item| {
        bounds.count()?;
        take_item(item, sink);
        Ok(())
    })
}

fn take_item<S: Sink>(raw: &RawValue, sink: &mut S) {
    let what = S::Item::KEYS.item;
    if let Some(reject) = Bounds::oversize(what, raw.get().len()) {
        return sink.refuse(reject);
    }
    let value: serde_json::Value = match serde_json::from_str(raw.get()) {
        Ok(value) => value,
        Err(error) => return sink.refuse(unreadable(1, what, error)),
    };
    let Some(object) = Object::of(&value) else {
        return sink.refuse(unreadable(1, what, "an object is expected"));
    };
    match S::Item::from_json(object) {
        Ok(item) => sink.item(item),
        Err(why) => sink.refuse(unreadable(S::Item::points(object), what, why)),
    }
}

/// Reads a resource or scope; a missing one is empty.
fn head<T: Default>(
    raw: Option<&RawValue>,
    what: &str,
    read: impl Fn(Object<'_>) -> Read<T>,
) -> Result<T> {
    let wrong =
        |why: &dyn std::fmt::Display| Error::invalid(format!("a {what} is not readable: {why}"));
    let Some(raw) = raw else { return Ok(T::default()) };
    let value: serde_json::Value =
        serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?;
    if value.is_null() {
        return Ok(T::default());
    }
    let object = Object::of(&value).ok_or_else(|| wrong(&"an object is expected"))?;
    read(object).map_err(|why| wrong(&why))
}
