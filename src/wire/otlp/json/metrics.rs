//! Metrics with their data points.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge,
    Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary, SummaryDataPoint,
    exemplar, number_data_point,
};

use crate::wire::otlp::json::Keys;
use crate::wire::otlp::json::common::{attributes, key_value};
use crate::wire::otlp::json::fields::{Object, Read};
use crate::wire::otlp::request::Item;

/// The kinds of data by their key.
const KINDS: [&str; 5] = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

impl Item for Metric {
    const KEYS: Keys = Keys {
        resources: "resourceMetrics",
        scopes: "scopeMetrics",
        items: "metrics",
        item: "metric",
    };

    fn from_json(json: Object<'_>) -> Read<Self> {
        let name = json.text("name")?;
        let data = data(json).map_err(|why| format!("{name:?}: {why}"))?;
        let description = json.text("description")?;
        Ok(Metric { name, description, unit: json.text("unit")?, data, ..Metric::default() })
    }

    fn points(json: Object<'_>) -> u64 {
        let kinds = KINDS.iter().filter_map(|kind| json.get(kind).and_then(Object::of));
        let points = kinds.map(|kind| kind.list("dataPoints").map_or(0, <[_]>::len) as u64);
        points.sum::<u64>().max(1)
    }
}

fn data(json: Object<'_>) -> Read<Option<Data>> {
    Ok(if let Some(gauge) = json.nested("gauge", gauge)? {
        Some(Data::Gauge(gauge))
    } else if let Some(sum) = json.nested("sum", sum)? {
        Some(Data::Sum(sum))
    } else if let Some(histogram) = json.nested("histogram", histogram)? {
        Some(Data::Histogram(histogram))
    } else if let Some(exponential) = json.nested("exponentialHistogram", exponential)? {
        Some(Data::ExponentialHistogram(exponential))
    } else {
        json.nested("summary", summary)?.map(Data::Summary)
    })
}

fn gauge(json: Object<'_>) -> Read<Gauge> {
    Ok(Gauge { data_points: json.each("dataPoints", number_point)? })
}

fn sum(json: Object<'_>) -> Read<Sum> {
    Ok(Sum {
        data_points: json.each("dataPoints", number_point)?,
        aggregation_temporality: temporality(json)?,
        is_monotonic: json.flag("isMonotonic")?,
    })
}

fn histogram(json: Object<'_>) -> Read<Histogram> {
    Ok(Histogram {
        data_points: json.each("dataPoints", histogram_point)?,
        aggregation_temporality: temporality(json)?,
    })
}

fn exponential(json: Object<'_>) -> Read<ExponentialHistogram> {
    Ok(ExponentialHistogram {
        data_points: json.each("dataPoints", exponential_point)?,
        aggregation_temporality: temporality(json)?,
    })
}

fn summary(json: Object<'_>) -> Read<Summary> {
    Ok(Summary { data_points: json.each("dataPoints", summary_point)? })
}

fn temporality(json: Object<'_>) -> Read<i32> {
    let named = |name: &str| AggregationTemporality::from_str_name(name).map(i32::from);
    json.number_of("aggregationTemporality", named)
}

fn number_point(json: Object<'_>) -> Read<NumberDataPoint> {
    let value = if json.get("asInt").is_some() {
        Some(number_data_point::Value::AsInt(json.i64("asInt")?))
    } else {
        json.optional_f64("asDouble")?.map(number_data_point::Value::AsDouble)
    };
    Ok(NumberDataPoint {
        attributes: attributes(json)?,
        start_time_unix_nano: json.u64("startTimeUnixNano")?,
        time_unix_nano: json.u64("timeUnixNano")?,
        exemplars: json.each("exemplars", exemplar)?,
        flags: json.u32("flags")?,
        value,
    })
}

fn histogram_point(json: Object<'_>) -> Read<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: attributes(json)?,
        start_time_unix_nano: json.u64("startTimeUnixNano")?,
        time_unix_nano: json.u64("timeUnixNano")?,
        count: json.u64("count")?,
        sum: json.optional_f64("sum")?,
        bucket_counts: json.each_u64("bucketCounts")?,
        explicit_bounds: json.each_f64("explicitBounds")?,
        exemplars: json.each("exemplars", exemplar)?,
        flags: json.u32("flags")?,
        min: json.optional_f64("min")?,
        max: json.optional_f64("max")?,
    })
}

fn exponential_point(json: Object<'_>) -> Read<ExponentialHistogramDataPoint> {
    Ok(ExponentialHistogramDataPoint {
        attributes: attributes(json)?,
        start_time_unix_nano: json.u64("startTimeUnixNano")?,
        time_unix_nano: json.u64("timeUnixNano")?,
        count: json.u64("count")?,
        sum: json.optional_f64("sum")?,
        scale: json.i32("scale")?,
        zero_count: json.u64("zeroCount")?,
        positive: json.nested("positive", buckets)?,
        negative: json.nested("negative", buckets)?,
        flags: json.u32("flags")?,
        exemplars: json.each("exemplars", exemplar)?,
        min: json.optional_f64("min")?,
        max: json.optional_f64("max")?,
        zero_threshold: json.f64("zeroThreshold")?,
    })
}

fn buckets(json: Object<'_>) -> Read<Buckets> {
    Ok(Buckets { offset: json.i32("offset")?, bucket_counts: json.each_u64("bucketCounts")? })
}

fn summary_point(json: Object<'_>) -> Read<SummaryDataPoint> {
    let quantile = |json: Object<'_>| {
        Ok(ValueAtQuantile { quantile: json.f64("quantile")?, value: json.f64("value")? })
    };
    Ok(SummaryDataPoint {
        attributes: attributes(json)?,
        start_time_unix_nano: json.u64("startTimeUnixNano")?,
        time_unix_nano: json.u64("timeUnixNano")?,
        count: json.u64("count")?,
        sum: json.f64("sum")?,
        quantile_values: json.each("quantileValues", quantile)?,
        flags: json.u32("flags")?,
    })
}

fn exemplar(json: Object<'_>) -> Read<Exemplar> {
    let value = if json.get("asInt").is_some() {
        Some(exemplar::Value::AsInt(json.i64("asInt")?))
    } else {
        json.optional_f64("asDouble")?.map(exemplar::Value::AsDouble)
    };
    Ok(Exemplar {
        filtered_attributes: json.each("filteredAttributes", key_value)?,
        time_unix_nano: json.u64("timeUnixNano")?,
        // An exemplar with a broken id is still one; it only leads to no trace.
        span_id: json.hex("spanId").unwrap_or_default(),
        trace_id: json.hex("traceId").unwrap_or_default(),
        value,
    })
}
