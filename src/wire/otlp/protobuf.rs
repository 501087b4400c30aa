//! The three levels that all requests share, in protobuf. The field numbers are the same for all
//! signals.

use bytes::Bytes;
use prost::Message;

use crate::base::error::{Error, Result};
use crate::wire::otlp::request::{Bounds, Item, Sink, unreadable};
use crate::wire::protobuf::each_field;

/// `Export…ServiceRequest.resource_…`
const RESOURCE_GROUP: u32 = 1;
/// `Resource….resource` and `Scope….scope`
const HEAD: u32 = 1;
/// `Resource….scope_…` and `Scope….{spans, log_records, metrics}`
const MEMBERS: u32 = 2;

/// Shows `sink` every item of a request.
pub(crate) fn walk<S: Sink>(body: &Bytes, sink: &mut S) -> Result<()> {
    let mut bounds = Bounds::default();
    each_field(body, |tag, group| match tag {
        RESOURCE_GROUP => walk_resource(&group, sink, &mut bounds),
        _ => Ok(()),
    })
}

fn walk_resource<S: Sink>(group: &Bytes, sink: &mut S, bounds: &mut Bounds) -> Result<()> {
    bounds.count()?;
    sink.resource(head(group, "resource")?);
    each_field(group, |tag, scope| match tag {
        MEMBERS => walk_scope(&scope, sink, bounds),
        _ => Ok(()),
    })?;
    sink.resource_ends();
    Ok(())
}

fn walk_scope<S: Sink>(group: &Bytes, sink: &mut S, bounds: &mut Bounds) -> Result<()> {
    bounds.count()?;
    sink.scope(head(group, "scope")?);
    each_field(group, |tag, item| {
        if tag == MEMBERS {
            bounds.count()?;
            take_item(item, sink);
        }
        Ok(())
    })
}

fn take_item<S: Sink>(item: Bytes, sink: &mut S) {
    let what = <S::Item as Item>::KEYS.item;
    if let Some(reject) = Bounds::oversize(what, item.len()) {
        return sink.refuse(reject);
    }
    match S::Item::decode(item) {
        Ok(item) => sink.item(item),
        Err(error) => sink.refuse(unreadable(1, what, error)),
    }
}

/// Reads what the members of a group share. Fields may come in any order, so it is looked for
/// before the members are read, which costs less than keeping them.
fn head<H: Message + Default>(group: &Bytes, what: &str) -> Result<H> {
    let mut head = H::default();
    each_field(group, |tag, field| match tag {
        HEAD => head
            .merge(field)
            .map_err(|error| Error::invalid(format!("a {what} is not readable: {error}"))),
        _ => Ok(()),
    })?;
    Ok(head)
}
