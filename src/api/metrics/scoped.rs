//! An expression within the scope of a page.

use axum::Json;
use serde_json::{Value, json};

use crate::api::answer::ApiResult;
use crate::api::params::Params;
use crate::service::{Expression, Pill};

/// Answers `q scope`: the expression with every selector restricted to the scope.
pub(crate) async fn scoped(params: Params) -> ApiResult<Value> {
    let expression = Expression::parse(params.needed("q")?)?;
    let pairs = Pill::parse_scope(params.get("scope"))?;
    let pairs: Vec<(&str, &str, bool)> =
        pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_str(), pair.not)).collect();
    let scoped = expression.scoped(&pairs)?;
    Ok(Json(json!({"query": scoped.to_string()})))
}
