//! The MCP server: tools over `service`.
