//! OTLP's JSON, read leniently where the specification asks for it: ids are hexadecimal of any
//! case, 64-bit numbers are texts or numbers, unknown keys are ignored, `null` means "not given".
//!
//! The derived `Deserialize` of `opentelemetry-proto` does not do: it fails on unknown keys beside
//! a value, on `null`, on numbers with a fraction of zero, and one bad field costs the request.
//! Here the outer lists are cut into slices of the body, and each item is read on its own.

mod fields;
mod common;
mod traces;
mod logs;
mod metrics;

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::base::error::{Error, Result};
use crate::wire::otlp::request::{Item, Sink, unreadable};

pub(crate) use fields::{Object, Read};

/// The names of a signal's lists, and the word for one item.
pub(crate) struct Keys {
    pub(crate) resources: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) items: &'static str,
    pub(crate) item: &'static str,
}

/// The members of an object, still as text.
type Members<'a> = HashMap<String, &'a RawValue>;

/// Shows `sink` every item of a request.
pub(crate) fn walk<S: Sink>(body: &[u8], sink: &mut S) -> Result<()> {
    let keys = S::Item::KEYS;
    let wrong = |error: serde_json::Error| Error::invalid(format!("not OTLP JSON: {error}"));
    let request: Members<'_> = serde_json::from_slice(body).map_err(wrong)?;
    for group in list(&request, keys.resources).map_err(wrong)? {
        let group: Members<'_> = serde_json::from_str(group.get()).map_err(wrong)?;
        sink.resource(head(&group, "resource", common::resource)?);
        for scope in list(&group, keys.scopes).map_err(wrong)? {
            let scope: Members<'_> = serde_json::from_str(scope.get()).map_err(wrong)?;
            sink.scope(head(&scope, "scope", common::scope)?);
            for item in list(&scope, keys.items).map_err(wrong)? {
                walk_item(item, sink);
            }
        }
        sink.resource_ends();
    }
    Ok(())
}

fn walk_item<S: Sink>(raw: &RawValue, sink: &mut S) {
    let what = S::Item::KEYS.item;
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

fn list<'a>(members: &Members<'a>, key: &str) -> serde_json::Result<Vec<&'a RawValue>> {
    match members.get(key) {
        Some(raw) => Ok(serde_json::from_str::<Option<_>>(raw.get())?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

fn head<T: Default>(
    members: &Members<'_>,
    key: &str,
    read: impl Fn(Object<'_>) -> Read<T>,
) -> Result<T> {
    let wrong =
        |why: &dyn std::fmt::Display| Error::invalid(format!("a {key} is not readable: {why}"));
    let Some(raw) = members.get(key) else { return Ok(T::default()) };
    let value: serde_json::Value =
        serde_json::from_str(raw.get()).map_err(|error| wrong(&error))?;
    if value.is_null() {
        return Ok(T::default());
    }
    let object = Object::of(&value).ok_or_else(|| wrong(&"an object is expected"))?;
    read(object).map_err(|why| wrong(&why))
}
