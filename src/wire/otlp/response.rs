//! What the sender gets back: export responses and `google.rpc.Status`, in its own encoding.

use std::time::Duration;

use prost::Message;
use serde_json::json;

use crate::wire::otlp::request::{Encoding, Signal};

/// What was not taken, in the signal's points, and why. All taken is 0 and no message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Partial {
    /// Refused points.
    pub rejected: u64,
    /// Why, and what to do; may also warn when nothing was refused.
    pub message: String,
}

/// `Export…ServiceResponse`: the three signals' messages differ only in JSON names.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `Export…PartialSuccess`
#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Encodes the response to a request that was read. `partial_success` is unset when there is
/// nothing to say.
pub fn answer(signal: Signal, encoding: Encoding, partial: &Partial) -> Vec<u8> {
    let all_taken = partial.rejected == 0 && partial.message.is_empty();
    let rejected = i64::try_from(partial.rejected).unwrap_or(i64::MAX);
    match encoding {
        Encoding::Protobuf => {
            let success = PartialSuccess { rejected, error_message: partial.message.clone() };
            ExportResponse { partial_success: (!all_taken).then_some(success) }.encode_to_vec()
        }
        Encoding::Json if all_taken => b"{}".to_vec(),
        Encoding::Json => {
            let key = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Metrics => "rejectedDataPoints",
                Signal::Logs => "rejectedLogRecords",
            };
            // Protobuf's JSON mapping writes 64-bit numbers as text.
            let success = json!({ key: rejected.to_string(), "errorMessage": partial.message });
            json!({ "partialSuccess": success }).to_string().into_bytes()
        }
    }
}

/// Encodes `google.rpc.Status` with a gRPC `code`; a retry hint becomes `RetryInfo`.
pub fn status(
    encoding: Encoding,
    code: i32,
    message: &str,
    retry_after: Option<Duration>,
) -> Vec<u8> {
    const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
    match encoding {
        Encoding::Protobuf => {
            let details = retry_after.map(|wait| {
                let retry_delay = Some(ProtoDuration {
                    seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                    nanos: i32::try_from(wait.subsec_nanos()).unwrap_or(0),
                });
                let value = RetryInfo { retry_delay }.encode_to_vec();
                Any { type_url: RETRY_INFO.to_owned(), value }
            });
            let details = details.into_iter().collect();
            RpcStatus { code, message: message.to_owned(), details }.encode_to_vec()
        }
        Encoding::Json => {
            let mut status = json!({ "code": code, "message": message });
            if let Some(wait) = retry_after {
                let delay = format!("{}s", wait.as_secs_f64());
                status["details"] = json!([{ "@type": RETRY_INFO, "retryDelay": delay }]);
            }
            status.to_string().into_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;

    use super::*;

    #[test]
    fn full_success_is_empty_in_both_encodings() {
        let all = Partial::default();
        assert_eq!(answer(Signal::Logs, Encoding::Protobuf, &all), Vec::<u8>::new());
        assert_eq!(answer(Signal::Logs, Encoding::Json, &all), b"{}");
    }

    #[test]
    fn partial_success_reads_as_the_official_message() {
        let some = Partial { rejected: 2, message: "delta".to_owned() };
        let bytes = answer(Signal::Metrics, Encoding::Protobuf, &some);
        let read = ExportMetricsServiceResponse::decode(bytes.as_slice()).unwrap();
        let partial = read.partial_success.unwrap();
        assert_eq!((partial.rejected_data_points, partial.error_message.as_str()), (2, "delta"));
        let json = answer(Signal::Metrics, Encoding::Json, &some);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"delta"}}"#
        );
    }

    #[test]
    fn a_status_carries_its_retry_hint() {
        let wait = Some(Duration::from_millis(1_500));
        let json = status(Encoding::Json, 14, "full", wait);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"code":14,"message":"full","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#
        );
        let bytes = status(Encoding::Protobuf, 14, "full", wait);
        let read = RpcStatus::decode(bytes.as_slice()).unwrap();
        let retry = RetryInfo::decode(read.details[0].value.as_slice()).unwrap();
        assert_eq!(retry.retry_delay, Some(ProtoDuration { seconds: 1, nanos: 500_000_000 }));
    }
}
