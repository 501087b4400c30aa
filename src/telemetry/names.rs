//! The names of the appliance's own metrics, in one place so that rules and pages can rely on them.

/// Answered HTTP requests by route and status.
pub const HTTP_REQUESTS: &str = "belvedere_http_requests_total";
/// Seconds to the head of an answer, by route.
pub const HTTP_DURATION: &str = "belvedere_http_request_duration_seconds";
/// Requests that wait for the head of their answer.
pub const HTTP_IN_FLIGHT: &str = "belvedere_http_requests_in_flight";
/// Requests that ended in a fault of the code, by route.
pub const HTTP_PANICS: &str = "belvedere_http_panics_total";
/// Connections that were closed at once, by reason.
pub const HTTP_REFUSED: &str = "belvedere_http_connections_refused_total";
/// Answered requests of the MCP endpoint, by method, route and status; the origin's name, as all
/// that begin with `fastmcp_`.
pub const MCP_HTTP_REQUESTS: &str = "fastmcp_http_requests_total";
/// Seconds to the head of the MCP endpoint's answer, by method, route and status.
pub const MCP_HTTP_DURATION: &str = "fastmcp_http_request_duration_seconds";
/// Tool calls, by tool and status.
pub const TOOL_EXECUTIONS: &str = "fastmcp_tool_executions_total";
/// Seconds of tool calls, by tool and status.
pub const TOOL_DURATION: &str = "fastmcp_tool_execution_duration_seconds";
/// Seconds of MCP requests, by method and tool: OpenTelemetry's `mcp.server.operation.duration`.
pub const MCP_OPERATION_DURATION: &str = "mcp_server_operation_duration_seconds";
/// Calls to Make.com, by endpoint and status.
pub const MAKE_CALLS: &str = "fastmcp_make_api_calls_total";
/// Seconds of calls to Make.com, by endpoint.
pub const MAKE_DURATION: &str = "fastmcp_make_api_call_duration_seconds";
/// Credentials that were shown or missing where they are needed, by method, result and reason.
pub const AUTH_ATTEMPTS: &str = "fastmcp_auth_attempts_total";
/// Open connections of all HTTP listeners.
pub const ACTIVE_CONNECTIONS: &str = "fastmcp_active_connections";
/// Memory of the process, by type: `rss`, `anonymous`, `virtual`.
pub const MEMORY_USAGE: &str = "fastmcp_memory_usage_bytes";
/// CPU time of the process over the last interval, in percent of one core.
pub const CPU_USAGE: &str = "fastmcp_cpu_usage_percent";
/// Answered questions, by use case and outcome.
pub const QUERIES: &str = "belvedere_queries_total";
/// Seconds to answer a question, its wait for a turn included, by use case.
pub const QUERY_DURATION: &str = "belvedere_query_duration_seconds";
/// Answered range queries, by how much of the answer was kept from earlier ones: `hit`, `partial`, `miss`,
/// and `unfit` where answers are never kept.
pub const RESULTS_ANSWERED: &str = "belvedere_range_results_answered_total";
/// Kept answers of range queries that gave way to others.
pub const RESULTS_EVICTED: &str = "belvedere_range_results_evicted_total";
/// Bytes of kept answers of range queries.
pub const RESULTS_BYTES: &str = "belvedere_range_results_bytes";
/// Points that are durable and visible, by door and signal.
pub const INGEST_ACCEPTED: &str = "belvedere_ingest_accepted_total";
/// Label sets of remote write that were known from earlier requests or not, by outcome.
pub const LABEL_LOOKUPS: &str = "belvedere_remote_write_label_lookups_total";
/// Points that were refused, by door, signal and reason.
pub const INGEST_REJECTED: &str = "belvedere_ingest_rejected_total";
/// Scrapes by outcome: `ok`, or why they failed.
pub const SCRAPES: &str = "belvedere_scrapes_total";
/// Samples of scrapes that were not kept, by reason.
pub const SCRAPE_DROPPED: &str = "belvedere_scrape_samples_dropped_total";
/// Own log lines, spans and metrics that were lost, by signal and reason.
pub const OWN_DROPPED: &str = "belvedere_own_telemetry_dropped_total";
/// Damaged blocks that were met and left out, by signal.
pub const STORAGE_DAMAGED: &str = "belvedere_storage_damaged_blocks_total";
/// Allocated bytes on disk, by signal.
pub const STORAGE_BYTES: &str = "belvedere_storage_bytes";
/// Partitions that retention dropped, by signal.
pub const RETENTION_DROPPED: &str = "belvedere_retention_dropped_partitions_total";
/// Upkeep runs (flush, retention) that failed, by signal and task.
pub const UPKEEP_FAILED: &str = "belvedere_upkeep_failed_total";
/// Always 1; labels tell version and storage.
pub const BUILD: &str = "belvedere_build_info";
/// Active series of the metric store.
pub const ACTIVE_SERIES: &str = "belvedere_metrics_active_series";
/// Seconds since the epoch at which the process started; Prometheus' convention.
pub const PROCESS_START: &str = "process_start_time_seconds";
/// User and system CPU seconds of the process; Prometheus' convention.
pub const PROCESS_CPU: &str = "process_cpu_seconds_total";
/// Resident memory of the process; Prometheus' convention.
pub const PROCESS_RESIDENT: &str = "process_resident_memory_bytes";
/// Virtual memory of the process; Prometheus' convention.
pub const PROCESS_VIRTUAL: &str = "process_virtual_memory_bytes";
/// Open file descriptors of the process; Prometheus' convention.
pub const PROCESS_OPEN_FDS: &str = "process_open_fds";
/// Anonymous resident memory of the process, which the memory budget bounds.
pub const PROCESS_ANONYMOUS: &str = "belvedere_process_anonymous_memory_bytes";
/// Evaluated rules, by group (`file;name`).
pub const RULE_EVALUATIONS: &str = "belvedere_rule_evaluations_total";
/// Rules that could not be evaluated, by group.
pub const RULE_FAILURES: &str = "belvedere_rule_evaluation_failures_total";
/// Evaluations of groups that were due, by group.
pub const RULE_GROUP_ITERATIONS: &str = "belvedere_rule_group_iterations_total";
/// Evaluations of groups that were left out because the one before took too long, by group.
pub const RULE_GROUP_MISSED: &str = "belvedere_rule_group_iterations_missed_total";
/// Seconds that the last evaluation of a group took.
pub const RULE_GROUP_DURATION: &str = "belvedere_rule_group_last_duration_seconds";
/// When a group was last evaluated, in seconds since the epoch.
pub const RULE_GROUP_LAST: &str = "belvedere_rule_group_last_evaluation_timestamp_seconds";
/// Samples that the last evaluation of a group wrote.
pub const RULE_GROUP_SAMPLES: &str = "belvedere_rule_group_last_evaluation_samples";
/// Seconds between evaluations of a group.
pub const RULE_GROUP_INTERVAL: &str = "belvedere_rule_group_interval_seconds";
/// Rules of a group.
pub const RULE_GROUP_RULES: &str = "belvedere_rule_group_rules";
/// Alerts that rules handed on, firing and resolved ones.
pub const RULE_ALERTS_SENT: &str = "belvedere_rule_alerts_sent_total";
/// Alerts that nobody took, to be said again.
pub const RULE_ALERTS_FAILED: &str = "belvedere_rule_alerts_failed_total";
/// Alerts that were said, by outcome.
pub const ALERTS_RECEIVED: &str = "belvedere_alerts_received_total";
/// Messages that came to their end, by integration and outcome.
pub const NOTIFICATIONS: &str = "belvedere_notifications_total";
/// Tries of messages that failed and will be repeated, by integration and reason.
pub const NOTIFICATION_RETRIES: &str = "belvedere_notification_retries_total";
/// Messages on their way.
pub const NOTIFICATIONS_PENDING: &str = "belvedere_notifications_pending";
