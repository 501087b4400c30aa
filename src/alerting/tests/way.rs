use std::time::Duration;

use super::House;
use crate::base::error::{Error, ErrorKind};
use crate::model::delivery::DeliveryOutcome;

#[tokio::test]
async fn a_group_waits_then_tells_news_at_its_interval_and_reminds_after_the_repeat_interval() {
    let house = House::new().await;
    house.fire("alertname=A job=x").await;
    house.fire("alertname=B job=x").await;
    house.fire("alertname=C job=y").await;
    assert_eq!(house.pass_seconds(29).await, Vec::<String>::new());
    assert_eq!(house.pass_seconds(1).await, ["team: +A +B", "team: +C"]);
    assert_eq!(house.pass_seconds(1).await, Vec::<String>::new());
    for labels in ["alertname=A job=x", "alertname=B job=x", "alertname=C job=y"] {
        house.fire(labels).await;
    }
    house.fire("alertname=D job=x").await;
    assert_eq!(house.pass_seconds(298).await, Vec::<String>::new());
    assert_eq!(house.pass_seconds(1).await, ["team: +A +B +D"]);
    // Nobody says them again: they end by themselves, and that is told.
    assert_eq!(house.pass_seconds(300).await, ["team: -A -B -D", "team: -C"]);
    assert_eq!(house.pass_seconds(7_200).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_goes_on_firing_is_repeated_after_the_repeat_interval_only() {
    let house = House::new().await;
    let mut told = Vec::new();
    for _ in 0..300 {
        house.fire("alertname=A job=x").await;
        told.extend(house.pass_seconds(60).await);
    }
    assert_eq!(told, ["team: +A", "team: +A"], "in five hours, with four between them");
}

#[tokio::test]
async fn a_resolution_is_told_once_and_firing_again_is_news() {
    let house = House::new().await;
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +A"]);
    house.resolve("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(300).await, ["team: -A"]);
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(31).await, ["team: +A"]);
}

#[tokio::test]
async fn an_alert_that_ends_within_the_group_wait_is_never_told() {
    let house = House::new().await;
    house.fire("alertname=A job=x").await;
    house.resolve("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(3_600).await, Vec::<String>::new());
    house.alerting.tidy().await.unwrap();
    assert_eq!(house.alerting.0.state.lock().await.alerts.len(), 0);
}

#[tokio::test]
async fn who_wants_no_resolutions_gets_none_but_hears_of_the_next_firing() {
    let house = House::new().await;
    house.clock.advance(Duration::from_secs(10 * 3_600));
    house.fire("alertname=A job=x severity=page").await;
    assert_eq!(house.pass_seconds(60).await, ["pager: +A"]);
    house.resolve("alertname=A job=x severity=page").await;
    assert_eq!(house.pass_seconds(600).await, Vec::<String>::new());
    house.fire("alertname=A job=x severity=page").await;
    assert_eq!(house.pass_seconds(60).await, ["pager: +A"]);
}

#[tokio::test]
async fn a_receiver_that_is_down_for_a_minute_gets_firing_and_resolved_once_each_and_in_order() {
    let house = House::new().await;
    let down = || Error::new(ErrorKind::Unavailable, "connection refused");
    house.refuse((0..6).map(|_| down()));
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(45).await, Vec::<String>::new());
    let pending = house.alerting.pending().await;
    assert_eq!(pending[0].last_error, "connection refused");
    assert!(pending[0].attempts >= 3, "{pending:?}");
    assert_eq!(house.pass_seconds(90).await, ["team: +A"]);
    house.refuse((0..3).map(|_| down()));
    house.resolve("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(400).await, ["team: -A"]);
    let receipts = house.alerting.receipts(10).await;
    let seen: Vec<_> = receipts.iter().map(|one| (one.firing, one.attempts, one.outcome)).collect();
    let delivered = DeliveryOutcome::Delivered;
    assert_eq!(seen, [(false, 4, delivered), (true, 7, delivered)]);
    assert_eq!(receipts[0].answer, "200 OK");
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let house = House::new().await;
    let busy = Error::new(ErrorKind::RateLimited, "429");
    house.refuse([busy.with_retry_after(Duration::from_secs(100))]);
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(129).await, Vec::<String>::new());
    assert_eq!(house.pass_seconds(1).await, ["team: +A"]);
}

#[tokio::test]
async fn a_refusal_leaves_a_failed_receipt_and_the_group_tries_again_at_its_next_time() {
    let house = House::new().await;
    house.refuse([Error::invalid("the receiver answered 403 Forbidden")]);
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, Vec::<String>::new());
    let receipt = house.alerting.receipts(1).await.remove(0);
    assert_eq!((receipt.outcome, receipt.attempts), (DeliveryOutcome::Failed, 1));
    assert!(receipt.answer.contains("403"), "{receipt:?}");
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(270).await, ["team: +A"]);
    house.refuse([Error::invalid("400")]);
    house.resolve("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(300).await, Vec::<String>::new());
    assert_eq!(house.pass_seconds(300).await, ["team: -A"], "the end is told in the end");
}

#[tokio::test]
async fn refused_alerts_are_named_and_the_good_ones_taken() {
    use crate::alerting::posting::PostedAlert;
    use crate::model::labels::Labels;
    use crate::model::time::TimestampMs;

    let house = House::new().await;
    let alert = |labels: &[(&str, &str)], end: Option<i64>| PostedAlert {
        labels: Labels::from_pairs(labels.iter().copied()),
        annotations: Labels::empty(),
        starts_at: Some(TimestampMs(100)),
        ends_at: end.map(TimestampMs),
        generator_url: String::new(),
    };
    let long = "x".repeat(70_000);
    let posted = vec![
        alert(&[], None),
        alert(&[("alertname", "A")], Some(50)),
        alert(&[("alertname", &long)], None),
        alert(&[("alertname", "Good"), ("job", "x")], None),
    ];
    let refused = house.alerting.post(posted).await.unwrap();
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused[1].contains("start time must be before end time"));
    // It began long ago, so its new group does not wait.
    assert_eq!(house.pass_seconds(0).await, ["team: +Good"]);
}
