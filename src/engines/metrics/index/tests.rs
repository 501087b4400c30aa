use proptest::prelude::*;

use super::*;
use crate::model::matcher::MatchOp;

fn index() -> Index {
    let mut index = Index::default();
    for i in 0..300 {
        let pod = format!("pod-{i}");
        let zone = if i % 3 == 0 { "" } else { "eu" };
        index.add(&Labels::from_pairs([("pod", pod.as_str()), ("zone", zone)]));
    }
    index
}

fn naive(index: &Index, matchers: &[Matcher]) -> Vec<SeriesRef> {
    let fulfils = |series: &SeriesRef| {
        matchers.iter().all(|matcher| matcher.matches_labels(index.labels(*series)))
    };
    (0..index.len() as SeriesRef).filter(fulfils).collect()
}

#[test]
fn postings_and_labels_choose_the_same_series() {
    let index = index();
    let cases = [
        (MatchOp::Equal, "pod", "pod-7"),
        (MatchOp::Regex, "pod", "pod-1.*"),
        (MatchOp::Regex, "pod", "pod-12?"),
        (MatchOp::Regex, "pod", "pod-1|pod-299|nothing"),
        (MatchOp::Regex, "pod", "x*pod-(3|4)"),
        (MatchOp::Regex, "pod", "(?i)POD-1."),
        (MatchOp::Regex, "pod", ".*9"),
        (MatchOp::Regex, "pod", ".*-2.*"),
        (MatchOp::NotRegex, "pod", "pod-1.*"),
        (MatchOp::NotRegex, "pod", ".*"),
        (MatchOp::NotEqual, "zone", ""),
        (MatchOp::NotEqual, "zone", "eu"),
        (MatchOp::Equal, "zone", ""),
        (MatchOp::Regex, "zone", "|eu"),
        (MatchOp::Regex, "zone", ".+"),
        (MatchOp::Regex, "zone", ".*"),
        (MatchOp::Regex, "none", ".*"),
        (MatchOp::Regex, "none", ".+"),
    ];
    for (op, name, value) in cases {
        let matcher = Matcher::new(op, name, value).unwrap();
        let wanted = naive(&index, std::slice::from_ref(&matcher));
        assert_eq!(index.matching(std::slice::from_ref(&matcher)), wanted, "{matcher}");
        assert_eq!(index.matching_any(&[vec![matcher]]), wanted);
    }
}

#[test]
fn a_series_is_found_by_its_labels_only() {
    let index = index();
    let known = index.labels(41).clone();
    assert_eq!(index.get(&known), Some(41));
    assert_eq!(index.get(&Labels::from_pairs([("pod", "pod-41")])), None);
}

#[test]
fn lost_series_keep_their_numbers_and_are_never_found() {
    let mut index = Index::default();
    index.lose(3);
    assert_eq!(index.add(&Labels::from_pairs([("a", "b")])), Some(3));
    assert_eq!(index.matching(&[Matcher::equal("c", "")]), [3]);
    assert_eq!(index.matching_any(&[]), [3]);
    index.lose(2);
    assert_eq!(index.len(), 4);
}

#[test]
fn values_stay_sorted_while_more_of_them_come() {
    let mut index = Index::default();
    let mut wanted = std::collections::BTreeSet::new();
    for i in 0..200_u32 {
        let value = format!("v{}", i * 7_919 % 1_000);
        index.add(&Labels::from_pairs([("a", value.as_str()), ("b", "same")]));
        wanted.insert(value);
        if i % 50 == 0 {
            assert!(index.values("a").eq(wanted.iter().map(String::as_str)));
        }
    }
    assert!(index.values("a").eq(wanted.iter().map(String::as_str)));
    assert!(index.values("b").eq(["same"]) && index.values("c").next().is_none());
    assert!(index.names().eq(["a", "b"]));
}

fn realistic(series: usize) -> Labels {
    let metric = format!("node_metric_of_some_subsystem_{}_total", series % 500);
    let instance = format!("10.0.{}.{}:9100", series / 500 / 250, series / 500 % 250);
    let pod = format!("checkout-7c9f{:04x}-{}", series / 500, series / 500 * 7_919 % 100_000);
    Labels::from_pairs([
        ("__name__", metric.as_str()),
        ("cluster", "eu-west-1"),
        ("cpu", ["0", "1", "2", "3"][series % 4]),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("namespace", "default"),
        ("pod", pod.as_str()),
    ])
}

#[test]
fn a_series_costs_little_beside_its_labels() {
    for count in [10_000, 100_000] {
        let series: Vec<_> = (0..count).map(realistic).collect();
        let mut index = Index::default();
        let began = std::time::Instant::now();
        series.iter().for_each(|labels| assert!(index.add(labels).is_some()));
        let each = began.elapsed() / count as u32;
        let bytes = index.heap_bytes() / count;
        println!("{count} series: {bytes} B and {each:?} each");
        assert!(bytes < 100, "{bytes} bytes a series");
    }
    let mut index = Index::default();
    for i in 0..100_000 {
        index
            .add(&Labels::from_pairs([("pod", format!("checkout-7c9f-{i}").as_str()), ("a", "b")]));
    }
    println!("one new value each: {} B", index.heap_bytes() / 100_000);
    assert!(index.heap_bytes() / 100_000 < 160);
}

impl Index {
    /// Bytes beyond the labels themselves.
    fn heap_bytes(&self) -> usize {
        let names = self.names.iter().map(|name| {
            size_of::<Name>()
                + name.series.serialized_size()
                + name.pairs.capacity() * 4
                + name.sorted.lock().capacity() * 4
        });
        let postings = self.pairs.postings.iter().map(Postings::heap_bytes).sum::<usize>();
        self.series.capacity() * size_of::<Labels>()
            + self.by_labels.heap_bytes()
            + self.by_pair.heap_bytes()
            + names.sum::<usize>()
            + self.pairs.names.capacity() * 4
            + self.pairs.ends.capacity() * 4
            + self.pairs.texts.capacity()
            + self.pairs.postings.capacity() * size_of::<Postings>()
            + postings
    }
}

/// Generated matchers over few names and values, so that they often meet.
pub(in crate::engines::metrics) fn matchers() -> impl Strategy<Value = Vec<Matcher>> {
    let value = prop_oneof![
        "[abü]{0,2}",
        "(\\(\\?i\\))?[aAbü]{1,2}",
        "(a|b|\\|a|a\\||b\\||\\|)",
        "\\^?[ab](\\.\\*|\\.\\+|\\.|\\[ab\\]\\?)?\\$?",
        "(\\.\\*|\\.\\+)[abü]?(\\.\\*)?",
        "[ab]\\?[ab]\\{1,2\\}",
        Just("(?i)k.*".to_owned()),
    ];
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Regex),
        Just(MatchOp::NotRegex)
    ];
    let one = (op, "[xyz]", value)
        .prop_filter_map("no pattern", |(op, name, value)| Matcher::new(op, name, value).ok());
    prop::collection::vec(one, 0..4)
}

/// Generated label sets.
pub(in crate::engines::metrics) fn label_sets() -> impl Strategy<Value = Vec<Labels>> {
    let value = prop_oneof!["[abAü]{0,3}", "[kK\u{212a}]b?", Just("a\nb".to_owned())];
    let labels = (value.clone(), value.clone(), value)
        .prop_map(|(x, y, z)| Labels::from_pairs([("x", x), ("y", y), ("z", z)]));
    prop::collection::btree_set(labels, 0..200).prop_map(|sets| sets.into_iter().collect())
}

proptest! {
    #[test]
    fn every_way_of_matching_finds_what_the_labels_say(
        sets in label_sets(),
        matchers in matchers(),
    ) {
        let mut index = Index::default();
        sets.iter().for_each(|labels| assert!(index.add(labels).is_some()));
        let wanted = naive(&index, &matchers);
        prop_assert_eq!(index.matching(&matchers), wanted, "{:?}", matchers);
    }
}
