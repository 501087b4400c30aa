//! The three levels that all requests share, in protobuf. The field numbers are the same for all
//! signals.

use bytes::Bytes;
use prost::Message;

use crate::base::error::{Error, Result};
use crate::wire::otlp::request::{Item, ProtoResource, ProtoScope, Sink, unreadable};
use crate::wire::protobuf::each_field;

/// `Export…ServiceRequest.resource_…`
const RESOURCE_GROUP: u32 = 1;
/// `Resource….resource` and `Scope….scope`
const HEAD: u32 = 1;
/// `Resource….scope_…` and `Scope….{spans, log_records, metrics}`
const MEMBERS: u32 = 2;

/// Shows `sink` every item of a request.
pub(crate) fn walk<S: Sink>(body: &Bytes, sink: &mut S) -> Result<()> {
    each_field(body, |tag, group| match tag {
        RESOURCE_GROUP => walk_resource(&group, sink),
        _ => Ok(()),
    })
}

fn walk_resource<S: Sink>(group: &Bytes, sink: &mut S) -> Result<()> {
    let (resource, scopes) = head_and_members::<ProtoResource>(group, "resource")?;
    sink.resource(resource);
    for scope_group in scopes {
        let (scope, items) = head_and_members::<ProtoScope>(&scope_group, "scope")?;
        sink.scope(scope);
        for item in items {
            match S::Item::decode(item) {
                Ok(item) => sink.item(item),
                Err(error) => sink.refuse(unreadable(1, <S::Item as Item>::KEYS.item, error)),
            }
        }
    }
    sink.resource_ends();
    Ok(())
}

/// Splits a group into what its members share and the members; fields may come in any order.
fn head_and_members<H: Message + Default>(group: &Bytes, what: &str) -> Result<(H, Vec<Bytes>)> {
    let mut head = H::default();
    let mut members = Vec::new();
    let wrong = |error| Error::invalid(format!("a {what} is not readable: {error}"));
    each_field(group, |tag, field| {
        match tag {
            HEAD => head.merge(field).map_err(wrong)?,
            MEMBERS => members.push(field),
            _ => {}
        }
        Ok(())
    })?;
    Ok((head, members))
}
