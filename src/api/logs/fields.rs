//! The fields that records have, and the values a field has most.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::{ApiResult, Noted};
use crate::api::filters;
use crate::api::logs::histogram::buckets;
use crate::api::params::Params;
use crate::model::aggregation::{Aggregation, BucketKey, NamedAggregation, TermsKey, TermsOrder};
use crate::model::log_filter::LogField;
use crate::model::log_query::{FieldKind, LogSelect};

/// A field.
#[derive(Debug, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
}

/// The fields of all records that are kept.
#[derive(Debug, Serialize)]
pub(crate) struct Fields {
    pub(crate) fields: Vec<Field>,
    pub(crate) truncated: bool,
}

/// Answers every field.
pub(crate) async fn fields(
    State(state): State<ApiState>,
    caller: Caller,
) -> ApiResult<Noted<Fields>> {
    let found = state.services.logs.fields(&caller, &[]).await?;
    let fields = found.items.iter().map(|field| Field {
        name: name_of(&field.field),
        kind: match field.kind {
            FieldKind::Text => "text",
            FieldKind::Long | FieldKind::Double => "number",
            FieldKind::Boolean => "boolean",
            FieldKind::Date => "date",
        },
    });
    let value = Fields { fields: fields.collect(), truncated: found.truncated };
    Ok(Json(Noted { value, warnings: found.warnings }))
}

/// Answers `field from to q f scope size`: the most frequent values among the matching records.
pub(crate) async fn values(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Value> {
    let field = LogField::from_name(params.needed("field")?);
    let asked = NamedAggregation {
        name: "values".to_owned(),
        kind: Aggregation::Terms {
            field,
            size: params.count("size", 10, 100)?,
            order: TermsOrder { by: TermsKey::Count, ascending: false },
            min_count: 1,
            missing: None,
        },
        within: Vec::new(),
    };
    let filter = filters::logs(&params)?;
    let select = LogSelect { indices: Vec::new(), range: params.range()?, filter };
    let total = state.services.logs.count(&caller, select.clone()).await?;
    let results = state.services.logs.aggregate(&caller, select, vec![asked]).await?;
    let values: Vec<Value> = buckets(results)?
        .into_iter()
        .map(|bucket| json!([text_of(&bucket.key), bucket.count]))
        .collect();
    Ok(Json(json!({"values": values, "total": total})))
}

fn text_of(key: &BucketKey) -> String {
    match key {
        BucketKey::Str(text) => text.clone(),
        BucketKey::Number(number) => number.to_string(),
        BucketKey::Bool(truth) => truth.to_string(),
    }
}

/// The name under which pills and queries find the field.
fn name_of(field: &LogField) -> String {
    match field {
        LogField::Timestamp => "@timestamp".to_owned(),
        LogField::Severity => "severity".to_owned(),
        LogField::Body => "body".to_owned(),
        LogField::Service => "service.name".to_owned(),
        LogField::TraceId => "trace_id".to_owned(),
        LogField::SpanId => "span_id".to_owned(),
        LogField::Index => "_index".to_owned(),
        LogField::Id => "_id".to_owned(),
        LogField::Attribute(key) => format!("attributes.{key}"),
        LogField::Resource(key) => format!("resource.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_under_the_name_it_is_listed_with() {
        for field in [
            LogField::Severity,
            LogField::Service,
            LogField::Attribute("order.id".to_owned()),
            LogField::Attribute("level".to_owned()),
            LogField::Resource("host.name".to_owned()),
        ] {
            assert_eq!(LogField::from_name(&name_of(&field)), field);
        }
    }
}
