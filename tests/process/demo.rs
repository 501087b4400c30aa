//! `belvedere demo`, as a person runs it.

use std::fs;

use crate::appliance::{demo_directory, start_demo};

#[test]
fn a_demo_has_every_signal_and_agents_at_work_within_a_minute_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start_demo(folder.path());
    let query = |query: &str| demo.ask("GET", &format!("/api/v1/query?query={query}"), "");
    let wanted: [(&str, &dyn Fn() -> bool); 7] = [
        ("metrics", &|| query("orders_total").contains("placed")),
        ("logs", &|| {
            let found = demo.ask("GET", "/_search?q=service.name:checkout+AND+severity:error", "");
            found.contains("checkout failed")
        }),
        ("traces", &|| demo.ask("GET", "/api/services", "").contains("payment")),
        ("MCP calls", &|| query("fastmcp_tool_executions_total").contains("tool_name")),
        ("Make.com calls", &|| query("fastmcp_make_api_calls_total").contains("/scenarios")),
        ("two alerts", &|| {
            let alerts = demo.ask("GET", "/api/v1/alerts", "");
            ["CheckoutHighErrorRate", "SlowCheckout"].iter().all(|name| alerts.contains(name))
                && alerts.matches("\"firing\"").count() >= 2
        }),
        ("delivered messages", &|| query("belvedere_notifications_total").contains("webhook")),
    ];
    let begin = std::time::Instant::now();
    for (what, is_there) in wanted {
        while !is_there() {
            let log = || fs::read_to_string(folder.path().join("log")).unwrap();
            assert!(begin.elapsed() < std::time::Duration::from_secs(90), "no {what}: {}", log());
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        println!("demo: {what} after {:?}", begin.elapsed());
    }
    let directory = demo_directory(folder.path()).unwrap();
    demo.signal("TERM");
    assert_eq!(demo.wait(), Some(0));
    assert!(!directory.exists());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("simulated shop") && log.contains("/alerts"), "{log}");
}
