//! Elasticsearch's field names and the fields of a log record they mean.

use crate::model::log_filter::LogField;

/// Resolves the name of a field in a query, `.keyword` suffix or not.
pub fn resolve(name: &str) -> LogField {
    LogField::from_name(name.strip_suffix(".keyword").unwrap_or(name))
}

/// Returns whether a field's text is split into words when it is searched.
pub fn is_full_text(name: &str) -> bool {
    !name.ends_with(".keyword")
        && matches!(resolve(name), LogField::Body | LogField::Attribute(_) | LogField::Resource(_))
}

/// Returns the name under which a mapping lists the field.
pub fn name_of(field: &LogField) -> String {
    match field {
        LogField::Timestamp => "@timestamp".to_owned(),
        LogField::Severity => "severity".to_owned(),
        LogField::Body => "message".to_owned(),
        LogField::Service => "service.name".to_owned(),
        LogField::TraceId => "trace_id".to_owned(),
        LogField::SpanId => "span_id".to_owned(),
        LogField::Index => "_index".to_owned(),
        LogField::Id => "_id".to_owned(),
        LogField::Attribute(key) => key.clone(),
        LogField::Resource(key) => format!("resource.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_documents_use_mean_the_normalised_field() {
        assert_eq!(resolve("level.keyword"), LogField::Severity);
        assert_eq!(resolve("fields.traceId"), LogField::TraceId);
        assert_eq!(resolve("order.id"), LogField::Attribute("order.id".into()));
        assert_eq!(resolve("attributes.order.id"), LogField::Attribute("order.id".into()));
    }
}
