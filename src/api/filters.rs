//! The filters of a request.

use crate::api::params::Params;
use crate::base::error::Result;
use crate::model::log_filter::LogFilter;
use crate::service::LogsService;

/// Returns the condition on logs that `q`, every `f` and `scope` name together.
///
/// # Errors
/// `InvalidInput` with what cannot be read.
pub(crate) fn logs(params: &Params) -> Result<LogFilter> {
    LogsService::view_filter(params.get("q"), params.all("f"), params.get("scope"))
}
