use super::*;

fn row(pairs: &[(&str, &str)], value: f64) -> Row {
    Row { labels: Labels::from_pairs(pairs.iter().copied()), value }
}

/// Renders with answers for `metric` (two rows) and `none`.
fn shown(text: &str) -> Result<String, String> {
    let mut answers = Answers::default();
    let rows = vec![
        row(&[("__name__", "metric"), ("instance", "b")], 21.0),
        row(&[("__name__", "metric"), ("instance", "a"), ("__value__", "text")], 11.0),
    ];
    answers.insert("metric".to_owned(), Ok(rows));
    answers.insert("none".to_owned(), Ok(Vec::new()));
    answers.insert("wrong(".to_owned(), Err("it does not parse".to_owned()));
    let external = External {
        url: "http://testhost:9090/path/prefix".to_owned(),
        labels: Labels::from_pairs([("cluster", "eu")]),
    };
    let labels = Labels::from_pairs([("__name__", "up"), ("instance", "web:80")]);
    let at = TimestampMs(1_500);
    let subject = Subject { labels: &labels, value: 1_234_567.0, at, external: &external };
    match Text::read("X", text).render(subject, &answers)? {
        Rendered::Done(text) => Ok(text),
        Rendered::Wants(query) => Ok(format!("wants {query}")),
    }
}

#[track_caller]
fn shows(text: &str, expected: &str) {
    assert_eq!(shown(text), Ok(expected.to_owned()), "{text}");
}

#[test]
fn variables_speak_of_the_element_and_the_appliance() {
    shows("no template", "no template");
    shows("{{ $labels.instance }} {{ $value }} {{ .Value }}", "web:80 1.234567e+06 1.234567e+06");
    shows("{{ $labels.missing }}|{{ $externalLabels.cluster }}", "|eu");
    shows(
        "{{ $externalURL }} {{ externalURL }}{{ pathPrefix }}",
        "http://testhost:9090/path/prefix http://testhost:9090/path/prefix/path/prefix",
    );
    shows(
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
        "__name__=up;instance=web:80;",
    );
}

#[test]
fn queries_are_asked_once_and_their_rows_walked() {
    shows("{{ query \"metric{a='b'}\" }}", "wants metric{a='b'}");
    shows("{{ query \"metric\" | first | value }}", "21");
    shows("{{ query \"metric\" | first | label \"instance\" }}", "b");
    shows(
        "{{ range query \"metric\" | sortByLabel \"instance\" }}{{ .Labels.instance }}:{{ .Value }}: {{ end }}",
        "a:11: b:21: ",
    );
    shows("{{ query \"metric\" | sortByLabel \"instance\" | first | strvalue }}", "text");
    shows("{{ with query \"none\" }}x{{ else }}nothing{{ end }}", "nothing");
    let failed = shown("{{ query \"none\" | first }}").unwrap_err();
    assert!(failed.contains("first() called on vector with no elements"), "{failed}");
    assert!(shown("{{ query \"wrong(\" }}").unwrap_err().ends_with("it does not parse"));
}

#[test]
fn numbers_are_written_for_people() {
    let values = "{{ range args 0.0 1.0 1234567.0 0.12 }}{{ humanize . }}:{{ end }}";
    shows(values, "0:1:1.235M:120m:");
    let values = "{{ range args 0.0 1.0 1048576.0 0.12 }}{{ humanize1024 . }}:{{ end }}";
    shows(values, "0:1:1Mi:0.12:");
    shows(
        "{{ -0.22222 | humanizePercentage }} {{ \"0.1234567\" | humanizePercentage }}",
        "-22.22% 12.35%",
    );
    shows("{{ 1435065584.128 | humanizeTimestamp }}", "2015-06-23 13:19:44.128 +0000 UTC");
    shows("{{ humanizeTimestamp \"+Inf\" }} {{ humanizeDuration 3661 }}", "+Inf 1h 1m 1s");
    shows("{{ (toTime 1435065584.128).Year }} {{ toDuration 90 }}", "2015 1m30s");
    shows("{{ now }} {{ parseDuration \"-1m\" }}", "1.5 -60");
    shows("{{ parseDuration \"1h2m10ms\" }}", "3720.01");
    shows("{{ printf \"%.2f\" $value }}", "1234567.00");
}

#[test]
fn texts_and_links_are_changed() {
    shows(
        "{{ $labels.instance | stripPort }} {{ \"[::1]:80\" | stripPort }} {{ stripPort \"x\" }}",
        "web ::1 x",
    );
    shows("{{ stripDomain \"a.b.c:80\" }} {{ stripDomain \"10.0.0.1:80\" }}", "a:80 10.0.0.1:80");
    shows("{{ tableLink \"up == 0\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
    shows("{{ reReplaceAll \"(w)eb\" \"${1}ide\" $labels.instance | toUpper | title }}", "WIDE:80");
    shows("{{ if match \"^web\" $labels.instance }}yes{{ end }}", "yes");
    shows(
        "{{ define \"x\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"x\" args 1 \"b\" }}",
        "1-b",
    );
}

#[test]
fn a_bad_template_says_what_is_wrong_and_where() {
    let failed = shown("{{ $labels.instance | nonsense }}").unwrap_err();
    let expected = "error parsing template __alert_X: template: __alert_X:1: \
                    function \"nonsense\" not defined";
    assert_eq!(failed, expected);
    let failed = shown("{{ .Nothing }}").unwrap_err();
    assert!(failed.starts_with("error executing template __alert_X: template: __alert_X:1:"));
    assert!(failed.contains("can't evaluate field Nothing"), "{failed}");
    assert!(check("X", "{{ end }}").is_err());
    assert_eq!(check("X", "{{ $value | humanize }}"), Ok(()));
}

#[test]
fn a_template_cannot_query_without_end() {
    let external = External::default();
    let labels = Labels::empty();
    let at = TimestampMs(0);
    let subject = Subject { labels: &labels, value: 0.0, at, external: &external };
    let text = Text::read("X", "{{ range $i := 100 }}{{ query (printf \"q%d\" $i) }}{{ end }}");
    let mut answers = Answers::default();
    let ended = loop {
        match text.render(subject, &answers) {
            Ok(Rendered::Wants(query)) => answers.insert(query, Ok(Vec::new())),
            other => break other,
        }
    };
    assert!(ended.unwrap_err().contains("more than 20 queries"));
}
