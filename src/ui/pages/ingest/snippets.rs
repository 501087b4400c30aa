//! How to send data to this address, way by way.

use crate::ui::address::Address;
use crate::ui::range::Choice;

/// A text to copy, and what it does.
pub(crate) struct Snippet {
    pub(crate) title: &'static str,
    pub(crate) text: String,
}

/// Starts a Node.js service that sends its telemetry to `origin`.
pub(crate) fn start_service(origin: &str) -> String {
    format!(
        "OTEL_SERVICE_NAME=checkout \\\nOTEL_EXPORTER_OTLP_ENDPOINT={origin} \\\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\\nnode your-service.js"
    )
}

/// Sends one value of a metric to `origin`.
pub(crate) fn send_metric(origin: &str) -> String {
    METRIC.replace("$ORIGIN", origin)
}

/// The ways, by key; the first is shown unless the address says otherwise.
pub(crate) const WAYS: [(&str, &str); 8] = [
    ("curl", "Try it"),
    ("opentelemetry", "OpenTelemetry SDK"),
    ("collector", "OTel Collector"),
    ("prometheus", "Prometheus"),
    ("scrape", "Scrape targets"),
    ("elasticsearch", "Elasticsearch, Filebeat"),
    ("alertmanager", "Foreign alerts"),
    ("compose", "Docker Compose"),
];

/// Links to every way.
pub(crate) fn ways(address: &Address, current: &str) -> Vec<Choice> {
    let choice = |(key, title): &(&str, &str)| Choice {
        title: (*title).to_owned(),
        href: format!("{}#send", address.clone().with("with", *key)),
        current: *key == current,
    };
    WAYS.iter().map(choice).collect()
}

/// The texts of one way, with the address by which the browser came.
pub(crate) fn of(way: &str, origin: &str) -> Vec<Snippet> {
    let texts: &[(&'static str, &str)] = match way {
        "opentelemetry" => &OPENTELEMETRY,
        "collector" => &COLLECTOR,
        "prometheus" => &PROMETHEUS,
        "scrape" => &SCRAPE,
        "elasticsearch" => &ELASTICSEARCH,
        "alertmanager" => &ALERTMANAGER,
        "compose" => &COMPOSE,
        _ => &CURL,
    };
    let bare = origin.split_once("://").map_or(origin, |(_, host)| host);
    let fill = |(title, text): &(&'static str, &str)| Snippet {
        title,
        text: text.replace("$ORIGIN", origin).replace("$HOST", bare),
    };
    texts.iter().map(fill).collect()
}

const CURL: [(&str, &str); 3] = [
    (
        "A log line",
        "curl $ORIGIN/logs-demo/_doc -H 'content-type: application/json' \\\n  -d '{\"message\":\"hello\",\"level\":\"info\",\"service.name\":\"demo\"}'",
    ),
    (
        "A span that ends now",
        "NOW=$(date +%s)\ncurl $ORIGIN/v1/traces -H 'content-type: application/json' -d '{\"resourceSpans\":[{\n  \"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"demo\"}}]},\n  \"scopeSpans\":[{\"spans\":[{\"traceId\":\"'$(openssl rand -hex 16)'\",\"spanId\":\"'$(openssl rand -hex 8)'\",\n    \"name\":\"hello\",\"kind\":2,\"startTimeUnixNano\":\"'$NOW'000000000\",\"endTimeUnixNano\":\"'$NOW'500000000\"}]}]}]}'",
    ),
    ("A metric", METRIC),
];

const METRIC: &str = "curl $ORIGIN/v1/metrics -H 'content-type: application/json' -d '{\"resourceMetrics\":[{\n  \"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"demo\"}}]},\n  \"scopeMetrics\":[{\"metrics\":[{\"name\":\"demo_temperature\",\"gauge\":{\"dataPoints\":[\n    {\"timeUnixNano\":\"'$(date +%s)'000000000\",\"asDouble\":21.5}]}}]}]}]}'";

const OPENTELEMETRY: [(&str, &str); 4] = [
    (
        "Every language: environment of the service",
        "export OTEL_SERVICE_NAME=checkout\nexport OTEL_EXPORTER_OTLP_ENDPOINT=$ORIGIN\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_METRICS_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_TRACES_EXPORTER=otlp",
    ),
    (
        "Node.js",
        "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\nnode --require @opentelemetry/auto-instrumentations-node/register your-service.js",
    ),
    (
        "Python",
        "pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http\nopentelemetry-bootstrap -a install\nopentelemetry-instrument python your_service.py",
    ),
    ("Java", "java -javaagent:opentelemetry-javaagent.jar -jar your-service.jar"),
];

const COLLECTOR: [(&str, &str); 1] = [(
    "Exporter for all three signals",
    "exporters:\n  otlphttp/belvedere:\n    endpoint: $ORIGIN\nservice:\n  pipelines:\n    traces:  {receivers: [otlp], exporters: [otlphttp/belvedere]}\n    metrics: {receivers: [otlp], exporters: [otlphttp/belvedere]}\n    logs:    {receivers: [otlp], exporters: [otlphttp/belvedere]}",
)];

const PROMETHEUS: [(&str, &str); 2] = [
    ("prometheus.yml: remote write", "remote_write:\n  - url: $ORIGIN/api/v1/write"),
    (
        "Grafana: data source",
        "apiVersion: 1\ndatasources:\n  - {name: Belvedere, type: prometheus, access: proxy, url: $ORIGIN}\n  - {name: Belvedere traces, type: jaeger, access: proxy, url: $ORIGIN}",
    ),
];

const SCRAPE: [(&str, &str); 2] = [
    (
        "belvedere.yaml: as in prometheus.yml",
        "scrape_configs:\n  - job_name: checkout\n    scrape_interval: 15s\n    static_configs:\n      - targets: ['127.0.0.1:3000']\n        labels: {env: prod}",
    ),
    (
        "Other hosts: node_exporter",
        "scrape_configs:\n  - job_name: node\n    static_configs:\n      - targets: ['10.0.0.5:9100', '10.0.0.6:9100']",
    ),
];

const ELASTICSEARCH: [(&str, &str); 2] = [
    (
        "Many lines at once",
        "printf '%s\\n' '{\"create\":{\"_index\":\"logs-demo\"}}' '{\"message\":\"one\"}' \\\n  '{\"create\":{\"_index\":\"logs-demo\"}}' '{\"message\":\"two\"}' |\n  curl $ORIGIN/_bulk -H 'content-type: application/x-ndjson' --data-binary @-",
    ),
    (
        "filebeat.yml",
        "filebeat.inputs:\n  - type: filestream\n    id: app\n    paths: ['/var/log/app/*.log']\noutput.elasticsearch:\n  hosts: ['$ORIGIN']",
    ),
];

const ALERTMANAGER: [(&str, &str); 1] = [(
    "prometheus.yml: send alerts of another Prometheus here",
    "alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: ['$HOST']",
)];

const COMPOSE: [(&str, &str); 1] = [(
    "A service that reports to this machine",
    "services:\n  checkout:\n    image: your/checkout\n    environment:\n      OTEL_SERVICE_NAME: checkout\n      OTEL_EXPORTER_OTLP_ENDPOINT: $ORIGIN\n      OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf",
)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_texts_that_name_the_address_where_one_is_needed() {
        for (way, _) in WAYS {
            let snippets = of(way, "https://mon.example.com");
            let text: String = snippets.iter().map(|snippet| snippet.text.as_str()).collect();
            assert!(!text.contains("$ORIGIN") && !text.contains("$HOST"), "{way}");
            assert!(way == "scrape" || text.contains("mon.example.com"), "{way}");
        }
    }
}
