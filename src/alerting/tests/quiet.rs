//! What keeps alerts quiet, and that their ends are told nevertheless.

use std::time::Duration;

use super::House;
use crate::alerting::matchers;
use crate::alerting::queries::AlertQuery;
use crate::alerting::silences::SilenceRequest;
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;

async fn silence(house: &House, matchers: &str, seconds: i64) -> Silence {
    let request = SilenceRequest {
        id: None,
        matchers: matchers::parse(matchers).unwrap(),
        starts_at: house.now(),
        ends_at: TimestampMs(house.now().0 + seconds * 1_000),
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
    };
    house.alerting.set_silence(request).await.unwrap()
}

#[tokio::test]
async fn a_silenced_alert_is_told_when_the_silence_ends() {
    let house = House::new().await;
    silence(&house, "alertname=A", 400).await;
    house.fire("alertname=A job=x").await;
    house.fire("alertname=B job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +B"]);
    house.fire("alertname=A job=x").await;
    house.fire("alertname=B job=x").await;
    assert_eq!(house.pass_seconds(280).await, Vec::<String>::new());
    house.fire("alertname=A job=x").await;
    house.fire("alertname=B job=x").await;
    assert_eq!(house.pass_seconds(290).await, ["team: +A +B"]);
}

#[tokio::test]
async fn the_end_of_a_told_alert_is_told_even_if_it_came_under_a_silence() {
    let house = House::new().await;
    house.fire("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +A"]);
    let silence = silence(&house, "alertname=A", 36_000).await;
    house.resolve("alertname=A job=x").await;
    assert_eq!(house.pass_seconds(3_600).await, Vec::<String>::new());
    house.alerting.tidy().await.unwrap();
    house.alerting.expire_silence(&silence.id).await.unwrap();
    assert_eq!(house.pass_seconds(300).await, ["team: -A"]);
}

#[tokio::test]
async fn a_cause_keeps_its_effects_quiet_while_it_fires() {
    let house = House::new().await;
    house.fire("alertname=Cause kind=cause job=x").await;
    house.fire("alertname=Effect kind=effect job=x").await;
    house.fire("alertname=Other kind=effect job=y").await;
    assert_eq!(house.pass_seconds(60).await, ["team: +Cause", "team: +Other"]);
    house.resolve("alertname=Cause kind=cause job=x").await;
    house.fire("alertname=Effect kind=effect job=x").await;
    house.fire("alertname=Other kind=effect job=y").await;
    assert_eq!(house.pass_seconds(280).await, ["team: -Cause +Effect"]);
}

#[tokio::test]
async fn a_muted_route_tells_nobody_until_its_hour_is_over() {
    let house = House::new().await;
    // The clock starts at 00:00 of a day; the mute holds from 08:00 to 09:00.
    house.clock.advance(Duration::from_secs(8 * 3_600));
    house.fire("alertname=A job=x severity=page").await;
    let found = house.alerting.alerts(&AlertQuery::default()).await.unwrap();
    assert_eq!(found[0].quiet.muted_by, ["first hour"]);
    let mut told = Vec::new();
    for minute in 0..70 {
        house.fire("alertname=A job=x severity=page").await;
        for message in house.pass_seconds(60).await {
            told.push((minute, message));
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((60..66).contains(&told[0].0), "{told:?}");
}

#[tokio::test]
async fn questions_about_alerts_say_what_keeps_them_quiet() {
    let house = House::new().await;
    let silence = silence(&house, "alertname=A", 3_600).await;
    house.fire("alertname=A job=x").await;
    house.fire("alertname=Cause kind=cause job=x").await;
    house.fire("alertname=Effect kind=effect job=x").await;
    house.resolve("alertname=Gone job=x").await;
    let names = |query: AlertQuery| {
        let alerting = house.alerting.clone();
        async move {
            let mut found = alerting.alerts(&query).await.unwrap();
            found.sort_by(|a, b| a.alert.name().cmp(b.alert.name()));
            found
        }
    };
    let all = names(AlertQuery::default()).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].quiet.silenced_by, std::slice::from_ref(&silence.id));
    assert_eq!(all[2].quiet.inhibited_by, [all[1].fingerprint]);
    let loud =
        names(AlertQuery { silenced: false, inhibited: false, ..AlertQuery::default() }).await;
    assert_eq!((loud.len(), loud[0].alert.name()), (1, "Cause"));
    let chosen = AlertQuery { filter: vec!["kind=~\".+\"".to_owned()], ..AlertQuery::default() };
    assert_eq!(names(chosen).await.len(), 2);
    let nobody = AlertQuery { receiver: Some("tea".to_owned()), ..AlertQuery::default() };
    assert_eq!(names(nobody).await.len(), 0, "the whole name must match");
    let groups = house.alerting.groups(&AlertQuery::default()).await.unwrap();
    assert_eq!((groups.len(), groups[0].alerts.len()), (1, 3));
    let wrong = AlertQuery { filter: vec!["a".to_owned()], ..AlertQuery::default() };
    assert!(house.alerting.alerts(&wrong).await.is_err());
    let found = house.alerting.silences(&["alertname=A".to_owned()]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(house.alerting.silences(&["alertname=B".to_owned()]).await.unwrap().is_empty());
}
