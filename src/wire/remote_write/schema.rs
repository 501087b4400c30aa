//! Which message a request carries, told by its content type.

use crate::base::error::{Error, Result};

/// The message of a remote write request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// `prometheus.WriteRequest`, remote write 1.0.
    V1,
}

impl Schema {
    /// Reads a `Content-Type` value. One without a `proto` parameter means 1.0.
    ///
    /// # Errors
    /// `Unsupported` (HTTP 415), which makes a sender of 2.0 fall back to 1.0.
    pub fn from_content_type(value: &str) -> Result<Self> {
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("");
        if !media_type.eq_ignore_ascii_case("application/x-protobuf") {
            return Err(Error::unsupported(format!(
                "content type {media_type:?} is not remote write; send application/x-protobuf"
            )));
        }
        let proto = parts.filter_map(|part| part.split_once('=')).find_map(|(key, value)| {
            key.trim().eq_ignore_ascii_case("proto").then_some(value.trim().trim_matches('"'))
        });
        match proto {
            None | Some("prometheus.WriteRequest") => Ok(Schema::V1),
            Some(other) => Err(Error::unsupported(format!(
                "remote write message {other:?} is not supported; send prometheus.WriteRequest"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::ErrorKind;

    #[test]
    fn only_the_first_version_is_taken_and_others_are_named() {
        for known in [
            "application/x-protobuf",
            "Application/X-Protobuf; proto=prometheus.WriteRequest",
            "application/x-protobuf;proto=\"prometheus.WriteRequest\"",
        ] {
            assert_eq!(Schema::from_content_type(known), Ok(Schema::V1), "{known}");
        }
        for unknown in
            ["", "text/plain", "application/x-protobuf;proto=io.prometheus.write.v2.Request"]
        {
            let error = Schema::from_content_type(unknown).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{unknown}");
        }
    }
}
