//! What all signals share: values, attributes, resources, scopes.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Kind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};

use crate::wire::otlp::json::fields::{Object, Read};
use crate::wire::otlp::request::{ProtoResource, ProtoScope};

/// Reads `Resource`.
pub(crate) fn resource(json: Object<'_>) -> Read<ProtoResource> {
    Ok(ProtoResource { attributes: attributes(json)?, ..ProtoResource::default() })
}

/// Reads `InstrumentationScope`.
pub(crate) fn scope(json: Object<'_>) -> Read<ProtoScope> {
    Ok(ProtoScope {
        name: json.text("name")?,
        version: json.text("version")?,
        attributes: attributes(json)?,
        ..ProtoScope::default()
    })
}

/// Reads the field `attributes`.
pub(crate) fn attributes(json: Object<'_>) -> Read<Vec<KeyValue>> {
    json.each("attributes", key_value)
}

/// Reads `KeyValue`.
pub(crate) fn key_value(json: Object<'_>) -> Read<KeyValue> {
    Ok(KeyValue {
        key: json.text("key")?,
        value: json.nested("value", any_value)?,
        ..KeyValue::default()
    })
}

/// Reads `AnyValue`. Nesting is bounded by the JSON parser.
pub(crate) fn any_value(json: Object<'_>) -> Read<AnyValue> {
    let has = |key: &str| json.get(key).is_some();
    let value = if has("stringValue") {
        Some(Kind::StringValue(json.text("stringValue")?))
    } else if has("boolValue") {
        Some(Kind::BoolValue(json.flag("boolValue")?))
    } else if has("intValue") {
        Some(Kind::IntValue(json.i64("intValue")?))
    } else if has("doubleValue") {
        Some(Kind::DoubleValue(json.f64("doubleValue")?))
    } else if has("bytesValue") {
        Some(Kind::BytesValue(json.bytes("bytesValue")?))
    } else if has("arrayValue") {
        let values = |list: Object<'_>| list.each("values", any_value);
        let values = json.nested("arrayValue", values)?.unwrap_or_default();
        Some(Kind::ArrayValue(ArrayValue { values }))
    } else if has("kvlistValue") {
        let values = |list: Object<'_>| list.each("values", key_value);
        let values = json.nested("kvlistValue", values)?.unwrap_or_default();
        Some(Kind::KvlistValue(KeyValueList { values }))
    } else {
        None
    };
    Ok(AnyValue { value })
}
