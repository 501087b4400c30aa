//! What a person reads after the start.

use std::path::Path;

use crate::app::addresses::Addresses;

/// Returns the addresses to open and the next three steps.
pub(crate) fn text(addresses: &Addresses, data: &Path, in_memory: bool) -> String {
    let http = &addresses.http;
    let off = || "off".to_owned();
    let otlp_http = addresses.otlp_http.clone().unwrap_or_else(off);
    let otlp_grpc = addresses.otlp_grpc.clone().unwrap_or_else(off);
    let kept = match in_memory {
        true => "in memory only, gone at the end".to_owned(),
        false => data.display().to_string(),
    };
    // OTLP is served on the main port, too.
    let send_to = addresses.otlp_http.as_ref().unwrap_or(http);
    format!(
        "
belvedere {version} is ready

  pages       {http}/ui/
  APIs        {http}
  OTLP HTTP   {otlp_http}
  OTLP gRPC   {otlp_grpc}
  data        {kept}

Next:
  1. send    OTEL_EXPORTER_OTLP_ENDPOINT={send_to} node your-service.js
  2. ask     curl '{http}/api/v1/query?query=up'
             curl '{http}/_search?q=error'    curl '{http}/api/services'
  3. agents  give them the MCP server {http}/mcp, or the command `belvedere mcp`
",
        version = env!("CARGO_PKG_VERSION"),
    )
}
