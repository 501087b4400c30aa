use proptest::prelude::*;

use super::*;
use crate::model::batch::MetricType;
use crate::model::stale::is_stale;
use crate::wire::exposition::number;

fn text(body: &str) -> Scrape {
    parse(body.as_bytes(), Format::Text).unwrap()
}

fn open(body: &str) -> Scrape {
    parse(body.as_bytes(), Format::OpenMetrics).unwrap()
}

fn fault(body: &[u8], format: Format) -> String {
    parse(body, format).unwrap_err().message().to_owned()
}

fn lines(scrape: &Scrape) -> Vec<String> {
    let line = |sample: &ScrapedSample| {
        let at = sample.timestamp.map(|at| format!(" @{}", at.0)).unwrap_or_default();
        format!("{} {}{at}", sample.labels, sample.value)
    };
    scrape.samples.iter().map(line).collect()
}

#[test]
fn content_types_choose_the_dialect() {
    let of = Format::from_content_type;
    assert_eq!(of("text/plain; version=0.0.4; charset=utf-8"), Some(Format::Text));
    assert_eq!(
        of("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        Some(Format::OpenMetrics)
    );
    let protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                    encoding=delimited";
    assert_eq!(of(protobuf), Some(Format::Protobuf(Histograms::Classic)));
    assert_eq!(of("application/vnd.google.protobuf; encoding=text"), None);
    assert_eq!(of("text/html"), None);
    assert_eq!(of(""), None);
}

#[test]
fn what_prom_client_writes_is_read() {
    let scrape = text(
        "# HELP http_requests_total Requests, with \\\\ and\\nnewline\n\
         # TYPE http_requests_total counter\n\
         http_requests_total{method=\"GET\",route=\"/a\\\"b\"} 1027 1395066363000\n\
         \n\
         # a remark\n\
         # TYPE took histogram\n\
         took_bucket{le=\"+Inf\",} 3\n\
         \x20 \ttook_sum   1.5e-3  \n\
         nan_value NaN\n\
         low -Inf",
    );
    assert_eq!(
        lines(&scrape),
        vec![
            r#"{__name__="http_requests_total", method="GET", route="/a\"b"} 1027 @1395066363000"#,
            r#"{__name__="took_bucket", le="+Inf"} 3"#,
            r#"{__name__="took_sum"} 0.0015"#,
            r#"{__name__="nan_value"} NaN"#,
            r#"{__name__="low"} -inf"#,
        ]
    );
    assert_eq!(scrape.metadata.len(), 2);
    assert_eq!(scrape.metadata[0].kind, MetricType::Counter);
    assert_eq!(scrape.metadata[0].help, "Requests, with \\ and\nnewline");
    assert!(!is_stale(scrape.samples[3].value));
}

#[test]
fn lines_of_windows_are_lines() {
    let scrape = text("# HELP a help\r\n# TYPE a gauge\r\na 1\r\n\r\n");
    assert_eq!(lines(&scrape), vec![r#"{__name__="a"} 1"#]);
    assert_eq!(scrape.metadata[0].help, "help");
}

#[test]
fn quoted_names_are_names_of_metrics_and_labels() {
    let scrape = text("# TYPE \"with.dot\" gauge\n{\"with.dot\",\"la.bel\"=\"x\", b=\"y\"} 1\n");
    assert_eq!(lines(&scrape), vec![r#"{__name__="with.dot", b="y", la.bel="x"} 1"#]);
    assert_eq!(scrape.metadata[0].metric, "with.dot");
    let named_outside = text("plain{\"la.bel\"=\"x\"} 1\n");
    assert_eq!(lines(&named_outside), vec![r#"{__name__="plain", la.bel="x"} 1"#]);
}

#[test]
fn openmetrics_has_exemplars_units_infos_and_created_lines() {
    let scrape = open(
        "# TYPE took_seconds histogram\n\
         # UNIT took_seconds seconds\n\
         # HELP took_seconds How \\\"long\\\".\n\
         took_seconds_bucket{le=\"0.1\"} 8 # {trace_id=\"abc\"} 0.054 1520879607.789\n\
         took_seconds_bucket{le=\"+Inf\"} 9 1520879607.5 # {} 1\n\
         took_seconds_count 9\n\
         took_seconds_created 1520872607.123\n\
         # TYPE build info\n\
         build_info{version=\"1\"} 1\n\
         # TYPE state stateset\n\
         state{state=\"on\"} 1\n\
         # EOF\n",
    );
    assert_eq!(scrape.samples.len(), 6);
    let exemplar = scrape.samples[0].exemplar.clone().unwrap();
    assert_eq!(exemplar.labels.get("trace_id"), Some("abc"));
    assert_eq!(exemplar.timestamp, Some(TimestampMs(1_520_879_607_789)));
    assert_eq!(scrape.samples[1].timestamp, Some(TimestampMs(1_520_879_607_500)));
    assert_eq!(scrape.samples[1].exemplar.clone().unwrap().timestamp, None);
    assert_eq!(scrape.metadata[0].unit, "seconds");
    assert_eq!(scrape.metadata[0].help, "How \"long\".");
    let kinds: Vec<_> = scrape.metadata.iter().map(|about| about.kind).collect();
    assert_eq!(kinds, vec![MetricType::Histogram, MetricType::Info, MetricType::StateSet]);
}

#[test]
fn openmetrics_is_as_strict_as_prometheus_is() {
    for wrong in [
        "",
        "\n",
        "m 1",
        " m 1",
        "9 1",
        "m\t1",
        "m 1\t2",
        "m  1",
        "m 1 2 ",
        "m 1 2 #",
        "m 1 1z",
        "m 1 1 1",
        "m 1 NaN",
        "m true",
        "m 1_2",
        "m 0x1p-3",
        "m {a=\"b\"} 1",
        "m{ a=\"b\"} 1",
        "m{a='b'} 1",
        "m{,a=\"b\"} 1",
        "m{a=\"b\"c=\"d\"} 1",
        "m{a=\"b\",,c=\"d\"} 1",
        "m{=\"b\"} 1",
        "m{a=\"b} 1",
        "{a=\"b\"} 1",
        "{A}0",
        "# TYPE m untyped",
        "# TYPE m counter ",
        "# TYPE m  counter",
        "#  TYPE m counter",
        "#\tTYPE m counter",
        "# TYPE m",
        "# TYPE ",
        "# HELP m",
        "# UNIT m",
        "# UNIT m seconds",
        "# UNIT mseconds seconds",
        "# a remark",
        "m_total 1 # {a=b}",
        "m_total 1 # {a=\"b\"}",
        "m_total 1 # {a=\"b\",,c=\"d\"} 1",
        "m_total 1 # {a=\"b\"} true",
        "m_total 1 # {a=\"b\"} 1 1z",
        "m_total 1 # {\"a\"} 1",
    ] {
        let end = if wrong.is_empty() { "" } else { "\n# EOF\n" };
        let body = format!("{wrong}{end}");
        let end_is_missing = wrong == "m 1";
        let body = if end_is_missing { wrong.to_owned() } else { body };
        assert!(parse(body.as_bytes(), Format::OpenMetrics).is_err(), "{body:?} was read");
    }
    for right in [
        "# HELP m ",
        "# UNIT m ",
        "# UNIT m_seconds seconds",
        "m 1 -1.5",
        "m{a=\"b\",} 1",
        "{\"m.n\",\"a b\"=\"c\"} 1",
        "m_total 1 # {} 1",
        "m_total 1 2 # {a=\"b\"} 1 2",
    ] {
        let body = format!("{right}\n# EOF");
        let read = parse(body.as_bytes(), Format::OpenMetrics);
        assert!(read.is_ok(), "{body:?}: {read:?}");
    }
}

#[test]
fn openmetrics_without_its_end_is_cut_off_and_refused() {
    assert_eq!(
        fault(b"a 1\n", Format::OpenMetrics),
        "line 2, byte 4: the text does not end with # EOF, found the line ends"
    );
    assert!(fault(b"# EOF\na 1\n", Format::OpenMetrics).contains("nothing may follow"));
    assert_eq!(open("# EOF").samples, vec![]);
    for wrong in
        ["\n# EOF\n", "# a remark\n# EOF\n", "# TYPE a untypical\n# EOF\n", "# UNIT a s\n# EOF\n"]
    {
        assert!(parse(wrong.as_bytes(), Format::OpenMetrics).is_err(), "{wrong:?}");
    }
}

#[test]
fn faults_name_line_and_byte() {
    assert_eq!(
        fault(b"a 1\nb{c=\"d\" 2\n", Format::Text),
        "line 2, byte 12: a comma or a closing brace is expected, found \"2\""
    );
    assert_eq!(
        fault(b"a one\n", Format::Text),
        "line 1, byte 2: a value is expected, found \"one\""
    );
    assert_eq!(fault(b"a 1\nb \xff\n", Format::Text), "line 2, byte 6: the text is not UTF-8");
    assert_eq!(fault(b"a 1\0\n", Format::Text), "line 1, byte 3: the text holds a NUL byte");
}

#[test]
fn what_prometheus_refuses_is_refused() {
    for wrong in [
        "a{b=\"1\",b=\"2\"} 1\n",
        "{b=\"1\"} 1\n",
        "a{b=\"1} 1\n",
        "a{b=1} 1\n",
        "a{1b=\"1\"} 1\n",
        "a{=\"1\"} 1\n",
        "a{b:c=\"1\"} 1\n",
        "9a 1\n",
        "a\n",
        "a 0x10\n",
        "a 1 1.5\n",
        "a 1 2 3\n",
        "# TYPE a nonsense\n",
        "<html></html>\n",
        "a{b=\"1\"\\} 1\n",
        "a{b=\"\\",
    ] {
        assert!(parse(wrong.as_bytes(), Format::Text).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_line_of_ten_megabytes_is_read_or_refused_with_a_short_message() {
    let long = "x".repeat(10 << 20);
    let scrape = text(&format!("a{{b=\"{long}\"}} 1\n"));
    assert_eq!(scrape.samples[0].labels.get("b").map(str::len), Some(10 << 20));
    let message = fault(format!("a{{b=\"{long} 1\n").as_bytes(), Format::Text);
    assert!(message.len() < 200, "{message}");
    let message = fault(format!("a {long}\n").as_bytes(), Format::Text);
    assert!(message.len() < 200, "{message}");
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Format::Text);
        let _ = parse(&bytes, Format::OpenMetrics);
    }

    #[test]
    fn no_text_of_the_grammars_letters_causes_a_panic(
        body in "[a{}\"=,# \\\\\n\tTYPEHELPUNITOF0-9.üé_:+-]{0,60}",
    ) {
        let _ = parse(body.as_bytes(), Format::Text);
        let _ = parse(body.as_bytes(), Format::OpenMetrics);
    }

    #[test]
    fn any_label_value_reads_back(value in "\\PC{1,40}", number in any::<f64>()) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let mut line = format!("m{{l=\"{escaped}\"}} ");
        number::write_value(number, &mut line);
        let scrape = parse(line.as_bytes(), Format::Text).unwrap();
        prop_assert_eq!(scrape.samples[0].labels.get("l"), Some(value.as_str()));
        let read = scrape.samples[0].value;
        prop_assert!(read == number || (read.is_nan() && number.is_nan()));
    }
}
