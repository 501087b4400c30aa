//! What outlives a process that ends without a word.

use std::time::Duration;

use super::{House, read, recorders};
use crate::alerting::hub::Wiring;
use crate::alerting::matchers;
use crate::alerting::silences::SilenceRequest;
use crate::base::error::{Error, ErrorKind};
use crate::base::task::TaskGroup;
use crate::model::delivery::DeliveryOutcome;
use crate::model::silence::SilenceState;
use crate::model::time::TimestampMs;

#[tokio::test]
async fn a_message_that_was_decided_is_delivered_by_the_next_life_and_only_once() {
    let mut house = House::new().await;
    house.fire("alertname=A job=x").await;
    house.clock.advance(Duration::from_secs(30));
    house.alerting.look().await;
    house.restart().await;
    assert_eq!(house.alerting.pending().await.len(), 1);
    assert_eq!(house.pass_seconds(60).await, ["team: +A"]);
    house.restart().await;
    assert_eq!(house.pass_seconds(240).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_end_is_told_by_the_next_life_even_if_nobody_says_the_alert_again() {
    let mut house = House::new().await;
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +A"]);
    house.resolve("alertname=A job=x").await;
    house.restart().await;
    assert_eq!(house.pass_seconds(60).await, ["team: -A"]);
    house.restart().await;
    assert_eq!(house.pass_seconds(3_600).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_long_absence_does_not_count_as_the_end_of_what_fired() {
    let mut house = House::new().await;
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +A"]);
    house.clock.advance(Duration::from_secs(3_600));
    house.restart().await;
    assert_eq!(house.pass_seconds(120).await, Vec::<String>::new());
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(200).await, Vec::<String>::new());
    assert_eq!(house.pass_seconds(400).await, ["team: -A"], "nobody said it again");
}

#[tokio::test]
async fn waiting_tries_and_receipts_outlive_the_process() {
    let mut house = House::new().await;
    house.refuse((0..9).map(|_| Error::new(ErrorKind::Unavailable, "down")));
    house.fire("alertname=A job=x").await;
    house.pass_seconds(60).await;
    let attempts = house.alerting.pending().await[0].attempts;
    assert!(attempts >= 4);
    house.restart().await;
    assert_eq!(house.alerting.pending().await[0].attempts, attempts);
    house.answers.lock().clear();
    // The receiver may be back, so a new life tries at once.
    assert_eq!(house.pass_seconds(0).await, ["team: +A"]);
    house.restart().await;
    let receipts = house.alerting.receipts(10).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].attempts, attempts + 1);
    house.fire("alertname=B job=y").await;
    house.pass_seconds(60).await;
    let newest = house.alerting.receipts(1).await.remove(0);
    assert!(newest.id > receipts[0].id, "ids go on rising");
}

#[tokio::test]
async fn a_receiver_that_left_the_configuration_leaves_a_receipt_and_no_message() {
    let mut house = House::new().await;
    house.fire("alertname=A job=x").await;
    house.clock.advance(Duration::from_secs(30));
    house.alerting.look().await;
    house.config = "route: {receiver: other}\nreceivers: [{name: other}]\n";
    house.restart().await;
    assert_eq!(house.pass_seconds(60).await, Vec::<String>::new());
    let receipt = house.alerting.receipts(1).await.remove(0);
    assert_eq!(receipt.outcome, DeliveryOutcome::Failed);
    assert!(house.alerting.pending().await.is_empty());
}

#[tokio::test]
async fn another_configuration_groups_anew_and_repeats_nothing_that_was_told() {
    let house = House::new().await;
    house.fire("alertname=A job=x").await;
    house.fire("alertname=B job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +A +B"]);
    let same = read(super::CONFIG);
    let notifiers = recorders(&same, &house.taken, &house.answers);
    house.alerting.rewire(Wiring { config: same, notifiers }).await;
    assert_eq!(house.pass_seconds(60).await, Vec::<String>::new());
    let other = read(
        "route: {receiver: new, group_by: [alertname]}\nreceivers:\n  - name: new\n    \
         webhook_configs: [{url: 'http://h/'}]\n",
    );
    let notifiers = recorders(&other, &house.taken, &house.answers);
    house.alerting.rewire(Wiring { config: other, notifiers }).await;
    assert_eq!(house.pass_seconds(60).await, ["new: +A", "new: +B"]);
}

#[tokio::test]
async fn silences_outlive_the_process() {
    let mut house = House::new().await;
    let request = SilenceRequest {
        id: None,
        matchers: matchers::parse("alertname=\"A\"").unwrap(),
        starts_at: house.now(),
        ends_at: TimestampMs(house.now().0 + 3_600_000),
        created_by: "me".to_owned(),
        comment: "deploy".to_owned(),
    };
    let silence = house.alerting.set_silence(request).await.unwrap();
    assert_eq!(silence.id.len(), 36);
    house.restart().await;
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, Vec::<String>::new());
    house.alerting.expire_silence(&silence.id).await.unwrap();
    house.restart().await;
    let kept = house.alerting.silence(&silence.id).await.unwrap();
    assert_eq!(kept.state_at(house.now()), SilenceState::Expired);
}

#[tokio::test]
async fn the_tasks_look_and_deliver_by_themselves_and_end_when_told() {
    let house = House::new().await;
    let tasks = TaskGroup::new();
    house.alerting.start(&tasks);
    house.fire("alertname=A job=x").await;
    let arrived = async {
        // The clock moves until the tasks have slept through the group's wait.
        while house.taken.lock().is_empty() {
            house.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived).await.unwrap();
    assert_eq!(*house.taken.lock(), ["team: +A"]);
    assert_eq!(tasks.stop(Duration::from_secs(5)).await, Vec::<&str>::new());
}
