//! What the metric port promises about reads: matchers, ranges, limits, label questions.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::base::error::ErrorKind;
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::series::{LabelQuery, MetricStats};
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::metric::{
    NOON, Subject, all_labels, append, bits, exemplar, floats, full_histogram, histograms, labels,
    matcher, range, select, select_query,
};
use crate::storage::metric_store::{MetricStore, SelectQuery};

const DAY: i64 = 86_400_000;

pub(super) async fn run(subject: &dyn Subject) {
    an_empty_store_answers_with_nothing(subject).await;
    for flushed in [false, true] {
        matchers_choose_as_prometheus_says(subject, flushed).await;
        both_ends_of_the_range_belong_to_it(subject, flushed).await;
        a_selection_past_the_sample_limit_is_refused(subject, flushed).await;
        many_series_come_back_each_once(subject, flushed).await;
        label_questions_respect_match_sets(subject, flushed).await;
        label_questions_respect_range_and_limit(subject, flushed).await;
        exemplars_come_back_by_series_and_range(subject, flushed).await;
    }
    a_cursor_shows_the_store_as_it_was_opened(subject).await;
    numbers_follow_the_data(subject).await;
}

async fn flush_if(store: &dyn MetricStore, flushed: bool) {
    if flushed {
        store.flush().await.unwrap();
    }
}

async fn an_empty_store_answers_with_nothing(subject: &dyn Subject) {
    let store = subject.empty().await;
    let query = select_query(vec![matcher("a", MatchOp::Regex, ".+")]);
    assert_eq!(select(&*store, query).await, vec![]);
    assert_eq!(store.label_names(all_labels()).await.unwrap().items, Vec::<String>::new());
    let values = store.label_values("job", all_labels()).await.unwrap();
    assert_eq!((values.items, values.truncated), (vec![], false));
    assert_eq!(store.series(all_labels()).await.unwrap().items, vec![]);
    assert_eq!(store.metadata(None).await.unwrap(), vec![]);
    let exemplars = store.exemplars(vec![], TimeRange::<TimestampMs>::ALL).await.unwrap();
    assert_eq!(exemplars, vec![]);
    assert_eq!(store.stats(), MetricStats::default());
    store.flush().await.unwrap();
    assert_eq!(store.stats(), MetricStats::default());
}

async fn matchers_choose_as_prometheus_says(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let all = [
        labels("m", [("id", "1"), ("job", "api"), ("zone", "eu")]),
        labels("m", [("id", "2"), ("job", "api-2")]),
        labels("m", [("id", "3"), ("job", "db"), ("zone", "us")]),
        labels("m", [("id", "4")]),
        labels("other", [("id", "5"), ("job", "api"), ("zone", "é\n")]),
    ];
    append(&*store, all.iter().map(|series| floats(series, &[(0, 1.0)])).collect()).await;
    flush_if(&*store, flushed).await;
    let m = || Matcher::equal("__name__", "m");
    let cases: Vec<(Vec<Matcher>, &str)> = vec![
        (vec![m()], "1234"),
        (vec![m(), Matcher::equal("job", "api")], "1"),
        (vec![m(), Matcher::equal("job", "nobody")], ""),
        (vec![m(), Matcher::equal("nothing", "x")], ""),
        (vec![m(), Matcher::equal("job", "")], "4"),
        (vec![m(), Matcher::equal("nothing", "")], "1234"),
        (vec![m(), matcher("job", MatchOp::NotEqual, "api")], "234"),
        (vec![m(), matcher("job", MatchOp::NotEqual, "")], "123"),
        (vec![m(), matcher("job", MatchOp::Regex, "api")], "1"),
        (vec![m(), matcher("job", MatchOp::Regex, "api.*")], "12"),
        (vec![m(), matcher("job", MatchOp::Regex, "db|api")], "13"),
        (vec![m(), matcher("job", MatchOp::Regex, "db|")], "34"),
        (vec![m(), matcher("job", MatchOp::Regex, ".*")], "1234"),
        (vec![m(), matcher("job", MatchOp::Regex, ".+")], "123"),
        (vec![m(), matcher("job", MatchOp::NotRegex, "api.*")], "34"),
        (vec![m(), matcher("job", MatchOp::NotRegex, ".+")], "4"),
        (vec![m(), matcher("job", MatchOp::NotRegex, ".*")], ""),
        (
            vec![
                m(),
                matcher("zone", MatchOp::NotEqual, "eu"),
                matcher("id", MatchOp::Regex, "[123]"),
            ],
            "23",
        ),
        (vec![m(), Matcher::equal("job", "db"), matcher("job", MatchOp::Regex, "api|db")], "3"),
        (vec![matcher("__name__", MatchOp::Regex, "m|other"), Matcher::equal("job", "api")], "15"),
        (vec![matcher("zone", MatchOp::Regex, "é.")], "5"),
        (vec![matcher("job", MatchOp::Regex, "(?i:API)")], "15"),
        (
            vec![
                matcher("id", MatchOp::Regex, "[2-4]"),
                matcher("zone", MatchOp::NotRegex, "us|eu"),
            ],
            "24",
        ),
    ];
    for (matchers, wanted) in cases {
        let text = format!("{matchers:?}");
        let found = select(&*store, select_query(matchers.clone())).await;
        let ids: String = found.iter().filter_map(|data| data.labels.get("id")).collect();
        assert_eq!(ids, wanted, "{text}, flushed: {flushed}");
        let query = LabelQuery { match_sets: vec![matchers], ..all_labels() };
        let known = store.series(query).await.unwrap().items;
        let ids: String = known.iter().filter_map(|labels| labels.get("id")).collect();
        assert_eq!(ids, wanted, "series with {text}, flushed: {flushed}");
    }
}

async fn both_ends_of_the_range_belong_to_it(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let samples: Vec<_> = (0..500).map(|i| (i * 10_000, i as f64)).collect();
    let histogram = histograms(&labels("ranged_h", []), &[(10_000, full_histogram(1))]);
    append(&*store, vec![floats(&labels("ranged", []), &samples), histogram]).await;
    flush_if(&*store, flushed).await;
    let cases = [
        (range(0, 0), 0..1),
        (range(10_000, 30_000), 1..4),
        (range(10_001, 29_999), 2..3),
        (range(1_000_000, 2_000_000), 100..201),
        (range(4_990_000, i64::MAX), 499..500),
        (range(i64::MIN, 15_000), 0..2),
        (range(10_001, 19_999), 0..0),
        (range(30_000, 10_000), 0..0),
        (range(-DAY, -1), 0..0),
        (TimeRange::<TimestampMs>::ALL, 0..500),
    ];
    for (range, wanted) in cases {
        let query = select_query(vec![Matcher::equal("__name__", "ranged")]);
        let found = select(&*store, SelectQuery { range, ..query }).await;
        let found: Vec<_> = found.iter().flat_map(bits).collect();
        let wanted: Vec<_> =
            samples[wanted].iter().map(|(at, value)| (*at, value.to_bits())).collect();
        assert_eq!(found, wanted, "{range:?}, flushed: {flushed}");
    }
}

async fn a_selection_past_the_sample_limit_is_refused(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let samples: Vec<_> = (0..100).map(|i| (i * 1_000, i as f64)).collect();
    append(&*store, vec![floats(&labels("limited", [("id", "1")]), &samples)]).await;
    append(&*store, vec![floats(&labels("limited", [("id", "2")]), &samples)]).await;
    flush_if(&*store, flushed).await;
    for (max_samples, enough) in [(199, false), (200, true), (0, false)] {
        let mut query = select_query(vec![Matcher::equal("__name__", "limited")]);
        query.max_samples = Some(max_samples);
        let outcome = match store.select(query).await {
            Ok(mut cursor) => loop {
                match cursor.next_block().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error.kind()),
                }
            },
            Err(error) => Err(error.kind()),
        };
        let wanted = if enough { Ok(()) } else { Err(ErrorKind::LimitExceeded) };
        assert_eq!(outcome, wanted, "limit {max_samples}, flushed: {flushed}");
    }
}

async fn many_series_come_back_each_once(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let name = |i: usize| format!("pod-{i:04}");
    let all: Vec<_> = (0..1_000).map(|i| labels("many", [("pod", name(i).as_str())])).collect();
    for step in 0..3 {
        let at = step * 15_000;
        append(&*store, all.iter().map(|series| floats(series, &[(at, 1.5)])).collect()).await;
        flush_if(&*store, flushed && step == 1).await;
    }
    let found = select(&*store, select_query(vec![Matcher::equal("__name__", "many")])).await;
    assert_eq!(found.len(), 1_000);
    assert!(found.iter().all(|data| data.samples.len() == 3), "flushed: {flushed}");
    let query = select_query(vec![matcher("pod", MatchOp::Regex, "pod-09.*|pod-0001")]);
    assert_eq!(select(&*store, query).await.len(), 101, "flushed: {flushed}");
    let sorted = store.series(all_labels()).await.unwrap().items;
    assert_eq!(sorted, all);
}

async fn label_questions_respect_match_sets(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let all = [
        labels("a", [("job", "x"), ("only_a", "1")]),
        labels("b", [("job", "y"), ("only_b", "1")]),
        labels("c", [("job", "z"), ("only_c", "1")]),
    ];
    append(&*store, all.iter().map(|series| floats(series, &[(0, 1.0)])).collect()).await;
    flush_if(&*store, flushed).await;
    let a_or_b = || LabelQuery {
        match_sets: vec![
            vec![Matcher::equal("__name__", "a")],
            vec![Matcher::equal("__name__", "b"), matcher("job", MatchOp::Regex, ".+")],
        ],
        ..all_labels()
    };
    let names = store.label_names(all_labels()).await.unwrap().items;
    assert_eq!(names, ["__name__", "job", "only_a", "only_b", "only_c"]);
    let names = store.label_names(a_or_b()).await.unwrap().items;
    assert_eq!(names, ["__name__", "job", "only_a", "only_b"]);
    assert_eq!(store.label_values("job", all_labels()).await.unwrap().items, ["x", "y", "z"]);
    assert_eq!(store.label_values("job", a_or_b()).await.unwrap().items, ["x", "y"]);
    assert_eq!(store.label_values("only_b", a_or_b()).await.unwrap().items, ["1"]);
    assert_eq!(store.label_values("nothing", all_labels()).await.unwrap().items, [""; 0]);
    assert_eq!(store.series(a_or_b()).await.unwrap().items, all[..2]);
}

async fn label_questions_respect_range_and_limit(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let (old, new) = (labels("old", [("job", "o")]), labels("new", [("job", "n")]));
    append(&*store, vec![floats(&old, &[(-3 * DAY, 1.0)])]).await;
    flush_if(&*store, flushed).await;
    append(&*store, vec![floats(&new, &[(0, 1.0)])]).await;
    flush_if(&*store, flushed).await;
    let within = |range| LabelQuery { range, ..all_labels() };
    let series = async |query| store.series(query).await.unwrap().items;
    assert_eq!(series(all_labels()).await, [new.clone(), old.clone()]);
    assert_eq!(series(within(range(-3_600_000, 0))).await, [new]);
    assert_eq!(series(within(range(-4 * DAY, -2 * DAY))).await, [old]);
    assert_eq!(series(within(range(5 * DAY, 6 * DAY))).await, Vec::<Labels>::new());
    assert_eq!(series(within(range(1, 0))).await, Vec::<Labels>::new());
    let values = store.label_values("job", within(range(-3_600_000, 0))).await.unwrap();
    assert_eq!((values.items, values.truncated), (vec!["n".to_owned()], false));
    let limited = |limit| LabelQuery { limit: Some(limit), ..all_labels() };
    let cut = store.label_values("job", limited(1)).await.unwrap();
    assert_eq!((cut.items, cut.truncated), (vec!["n".to_owned()], true));
    let whole = store.label_values("job", limited(2)).await.unwrap();
    assert_eq!((whole.items.len(), whole.truncated), (2, false));
    let cut = store.label_names(limited(1)).await.unwrap();
    assert_eq!((cut.items, cut.truncated), (vec!["__name__".to_owned()], true));
    let cut = store.series(limited(1)).await.unwrap();
    assert_eq!((cut.items.len(), cut.truncated), (1, true));
}

async fn exemplars_come_back_by_series_and_range(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let (a, b) = (labels("requests", [("id", "a")]), labels("requests", [("id", "b")]));
    let mut writes = vec![floats(&b, &[(0, 1.0)]), floats(&a, &[(0, 1.0)])];
    writes[0].exemplars = vec![exemplar(5_000, "t2", 0.5), exemplar(1_000, "t1", f64::NAN)];
    writes[1].exemplars = vec![exemplar(2_000, "t3", -0.0), exemplar(2_000, "t3", -0.0)];
    append(&*store, writes.clone()).await;
    flush_if(&*store, flushed).await;
    append(&*store, writes).await;
    let asked = |id: &str| vec![Matcher::equal("id", id)];
    let everything = TimeRange::<TimestampMs>::ALL;
    let both = store.exemplars(vec![asked("b"), asked("a")], everything).await.unwrap();
    let order: Vec<_> = both.iter().map(|one| one.labels.clone()).collect();
    assert_eq!(order, [a, b], "sorted by labels");
    let times = |index: usize| -> Vec<i64> {
        both[index].exemplars.iter().map(|one| one.timestamp.0 - NOON).collect()
    };
    assert_eq!((times(0), times(1)), (vec![2_000], vec![1_000, 5_000]), "flushed: {flushed}");
    assert!(both[1].exemplars[0].same_bits(&exemplar(1_000, "t1", f64::NAN)));
    assert!(both[0].exemplars[0].same_bits(&exemplar(2_000, "t3", -0.0)));
    let some = store.exemplars(vec![asked("b")], range(1_001, 5_000)).await.unwrap();
    assert_eq!(some.len(), 1);
    assert!(
        some[0].exemplars.len() == 1 && some[0].exemplars[0].same_bits(&exemplar(5_000, "t2", 0.5))
    );
    assert_eq!(store.exemplars(vec![asked("c")], everything).await.unwrap(), vec![]);
    assert_eq!(store.exemplars(vec![], range(9_000, 10_000)).await.unwrap(), vec![]);
}

async fn a_cursor_shows_the_store_as_it_was_opened(subject: &dyn Subject) {
    let store = subject.empty().await;
    let name = |i: usize| format!("pod-{i:04}");
    let all: Vec<_> = (0..300).map(|i| labels("moving", [("pod", name(i).as_str())])).collect();
    append(&*store, all.iter().map(|series| floats(series, &[(0, 1.0)])).collect()).await;
    let query = select_query(vec![Matcher::equal("__name__", "moving")]);
    let mut cursor = store.select(query).await.unwrap();
    let mut found = cursor.next_block().await.unwrap().unwrap();
    store.flush().await.unwrap();
    append(&*store, all.iter().map(|series| floats(series, &[(15_000, 2.0)])).collect()).await;
    store.flush().await.unwrap();
    while let Some(block) = cursor.next_block().await.unwrap() {
        found.extend(block);
    }
    assert_eq!(found.len(), 300);
    for data in found {
        assert_eq!(bits(&data), [(0, 1.0_f64.to_bits())], "{}", data.labels);
    }
}

async fn numbers_follow_the_data(subject: &dyn Subject) {
    let store = subject.empty().await;
    let samples = [(0, 1.0), (15_000, 2.0)];
    append(&*store, vec![floats(&labels("a", []), &samples)]).await;
    append(&*store, vec![histograms(&labels("b", []), &[(30_000, full_histogram(1))])]).await;
    let stats = store.stats();
    assert_eq!((stats.active_series, stats.head_samples), (2, 3));
    assert_eq!(stats.min_time, Some(TimestampMs(NOON)));
    assert_eq!(stats.max_time, Some(TimestampMs(NOON + 30_000)));
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!(stats.min_time, Some(TimestampMs(NOON)));
    assert_eq!(stats.max_time, Some(TimestampMs(NOON + 30_000)));
}
