//! Attributes, resources and scopes to the model.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::wire::otlp::request::{ProtoResource, ProtoScope};

/// Converts a list of attributes, in the order sent.
pub(crate) fn attributes(wire: Vec<KeyValue>) -> Attributes {
    wire.into_iter().map(|attribute| (attribute.key, value(attribute.value))).collect()
}

/// Converts a value; a missing one is explicitly empty. Nesting is bounded by the decoders.
pub(crate) fn value(wire: Option<AnyValue>) -> AttrValue {
    match wire.and_then(|any| any.value) {
        Some(Value::StringValue(text)) => AttrValue::Str(text),
        Some(Value::BoolValue(flag)) => AttrValue::Bool(flag),
        Some(Value::IntValue(number)) => AttrValue::Int(number),
        Some(Value::DoubleValue(number)) => AttrValue::Double(number),
        Some(Value::BytesValue(bytes)) => AttrValue::Bytes(bytes),
        Some(Value::ArrayValue(list)) => {
            AttrValue::Array(list.values.into_iter().map(|item| value(Some(item))).collect())
        }
        Some(Value::KvlistValue(list)) => {
            let entries = list.values.into_iter().map(|entry| (entry.key, value(entry.value)));
            AttrValue::Map(entries.collect())
        }
        // Only profiles have a table of strings that this index could point into.
        Some(Value::StringValueStrindex(_)) | None => AttrValue::Empty,
    }
}

/// Converts a resource.
pub(crate) fn resource(wire: ProtoResource) -> Resource {
    Resource { attributes: attributes(wire.attributes) }
}

/// Converts a scope.
pub(crate) fn scope(wire: ProtoScope) -> Scope {
    Scope { name: wire.name, version: wire.version, attributes: attributes(wire.attributes) }
}
