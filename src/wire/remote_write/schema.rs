//! Which message a request carries, told by its content type.

use crate::base::error::{Error, Result};

const MEDIA_TYPE: &str = "application/x-protobuf";
const V1_MESSAGE: &str = "prometheus.WriteRequest";
const V2_MESSAGE: &str = "io.prometheus.write.v2.Request";

/// The message of a remote write request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// `prometheus.WriteRequest`, remote write 1.0.
    V1,
    /// `io.prometheus.write.v2.Request`, remote write 2.0.
    V2,
}

impl Schema {
    /// Reads a `Content-Type` value. None, or one without a `proto` parameter, means 1.0.
    ///
    /// # Errors
    /// `Unsupported` (HTTP 415), which makes a sender try another version.
    pub fn from_content_type(value: &str) -> Result<Self> {
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("");
        if value.is_empty() {
            return Ok(Schema::V1);
        }
        if !media_type.eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Error::unsupported(format!(
                "expected {MEDIA_TYPE} as the first (media) part, got {value:.200} content-type"
            )));
        }
        let proto = parts.filter_map(|part| part.split_once('=')).find_map(|(key, value)| {
            key.trim().eq_ignore_ascii_case("proto").then_some(value.trim().trim_matches('"'))
        });
        match proto {
            None | Some(V1_MESSAGE) => Ok(Schema::V1),
            Some(V2_MESSAGE) => Ok(Schema::V2),
            Some(other) => Err(Error::unsupported(format!(
                "{other:.200} protobuf message is not accepted by this server; only accepts \
                 {V1_MESSAGE}, {V2_MESSAGE}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::ErrorKind;

    #[test]
    fn both_versions_are_told_apart_and_others_are_named() {
        for first in [
            "",
            "application/x-protobuf",
            "Application/X-Protobuf; proto=prometheus.WriteRequest",
            "application/x-protobuf;proto=\"prometheus.WriteRequest\"",
        ] {
            assert_eq!(Schema::from_content_type(first), Ok(Schema::V1), "{first}");
        }
        let second = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
        assert_eq!(Schema::from_content_type(second), Ok(Schema::V2));
        for unknown in ["text/plain", "application/json", "application/x-protobuf;proto=yolo"] {
            let error = Schema::from_content_type(unknown).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{unknown}");
        }
    }
}
