use proptest::prelude::*;

use super::*;
use crate::base::error::{ErrorKind, Result};
use crate::engines::kit::container::Container;
use crate::engines::kit::disk::{Disk, RealDisk};
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::index::tests::{label_sets, matchers};
use crate::engines::metrics::sealed_index::write::write;
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::time::Day;

struct Sealed {
    _dir: tempfile::TempDir,
    container: Container,
    cache: IndexCache,
    index: SealedIndex,
}

fn open(path: &std::path::Path) -> Container {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    Container::open(&disk, path, 1 << 20).unwrap()
}

fn seal(series: &[Labels]) -> Sealed {
    let dir = tempfile::tempdir().unwrap();
    let container = open(&dir.path().join("day.redb"));
    container.write(|change| write(change, series)).unwrap();
    let cache = IndexCache::new();
    let index = SealedIndex::find(&container.snapshot().unwrap(), &cache).unwrap().unwrap();
    Sealed { _dir: dir, container, cache, index }
}

impl Sealed {
    fn view(&self) -> SealedView {
        self.index.view(Day(0), &self.container.snapshot().unwrap())
    }
}

fn found(view: &SealedView, match_sets: &[Vec<Matcher>]) -> (Vec<Labels>, usize) {
    let mut damage = Quarantine::new().notes();
    let series = view.matching_any(match_sets, &mut damage).unwrap();
    let mut all = Vec::new();
    view.labels(&series, &mut damage, |_, labels| all.push(labels)).unwrap();
    (all, damage.warnings().len())
}

fn naive(series: &[Labels], match_sets: &[Vec<Matcher>]) -> Vec<Labels> {
    let fulfils = |labels: &&Labels| {
        match_sets.is_empty()
            || match_sets.iter().any(|set| set.iter().all(|one| one.matches_labels(labels)))
    };
    series.iter().filter(fulfils).cloned().collect()
}

fn many(count: usize) -> Vec<Labels> {
    let mut series: Vec<_> = (0..count)
        .map(|i| {
            let (metric, pod) =
                (format!("metric_of_something_{}", i % 50), format!("pod-{}", i / 50));
            Labels::from_pairs([
                ("__name__", metric.as_str()),
                ("cluster", "eu-west-1"),
                ("cpu", if i % 3 == 0 { "" } else { "7" }),
                ("instance", format!("10.0.{}.{}:9100", i / 50 / 200, i / 50 % 200).as_str()),
                ("job", "node"),
                ("pod", pod.as_str()),
            ])
        })
        .collect();
    series.sort();
    series
}

#[test]
fn a_sealed_day_answers_as_its_labels_do() {
    let series = many(10_000);
    let sealed = seal(&series);
    let view = sealed.view();
    let cases = [
        (MatchOp::Equal, "__name__", "metric_of_something_7"),
        (MatchOp::Regex, "pod", "pod-1.*"),
        (MatchOp::Regex, "pod", "pod-(1|22)[0-5]"),
        (MatchOp::Regex, "pod", ".*9"),
        (MatchOp::Regex, "pod", "(?i)POD-.*1"),
        (MatchOp::Regex, "pod", "\\bpod-1.\\b"),
        (MatchOp::NotRegex, "pod", ".*-1.*"),
        (MatchOp::Equal, "cpu", ""),
        (MatchOp::NotEqual, "cpu", "7"),
        (MatchOp::Regex, "cpu", ".+"),
        (MatchOp::Regex, "cpu", ".*"),
        (MatchOp::Equal, "none", "x"),
    ];
    for (op, name, value) in cases {
        let sets = [vec![Matcher::new(op, name, value).unwrap()]];
        for _ in 0..2 {
            assert_eq!(found(&view, &sets), (naive(&series, &sets), 0), "{op:?} {name} {value}");
        }
    }
    assert!(sealed.cache.kept.bytes() <= CACHE_BYTES);
}

#[test]
fn names_and_values_come_from_dictionaries() {
    let series = many(1_000);
    let sealed = seal(&series);
    let view = sealed.view();
    let mut damage = Quarantine::new().notes();
    let names = view.names(None, &mut damage).unwrap();
    assert_eq!(names.len(), 6);
    let set = [vec![Matcher::new(MatchOp::Regex, "cpu", "").unwrap()]];
    let without_cpu = view.matching_any(&set, &mut damage).unwrap();
    assert!(!view.names(Some(&without_cpu), &mut damage).unwrap().contains("cpu"));
    assert_eq!(view.values("pod", None, &mut damage).unwrap().len(), 20);
    assert_eq!(view.values("none", None, &mut damage).unwrap().len(), 0);
    for set in ["pod-3", "pod-1.?", "nothing"] {
        let sets = [vec![Matcher::new(MatchOp::Regex, "pod", set).unwrap()]];
        let asked = view.matching_any(&sets, &mut damage).unwrap();
        for name in ["pod", "job", "__name__", "instance"] {
            let wanted = naive(&series, &sets);
            let wanted = wanted.iter().filter_map(|labels| labels.get(name).map(str::to_owned));
            let values = view.values(name, Some(&asked), &mut damage).unwrap();
            assert_eq!(values, wanted.collect(), "{set} {name}");
        }
    }
}

#[test]
fn numbers_are_found_by_labels() {
    let series = many(1_000);
    let sealed = seal(&series);
    let foreign = [Labels::from_pairs([("a", "b")]), Labels::from_pairs([("zzz", "b")])];
    let mut wanted: Vec<_> = series.iter().step_by(7).chain(&foreign).collect();
    wanted.sort();
    let numbers = sealed.view().numbers(&wanted, &mut Quarantine::new().notes()).unwrap();
    for (labels, number) in wanted.into_iter().zip(numbers) {
        let place = series.iter().position(|own| own == labels);
        assert_eq!(number, place.map(|place| place as SeriesRef), "{labels}");
    }
}

#[test]
fn an_index_costs_few_bytes_on_disk() {
    let series = many(20_000);
    let sealed = seal(&series);
    let snapshot = sealed.container.snapshot().unwrap();
    for (table, most) in [(LABELS, 12), (POSTINGS, 12), (DICTIONARIES, 2), (NAMES, 1)] {
        let rows = snapshot.scan(table, &[], None).unwrap();
        let bytes: usize = rows.iter().map(|(_, row)| row.as_ref().unwrap().len()).sum();
        println!("{table}: {} rows, {:.2} B a series", rows.len(), bytes as f64 / 20_000.0);
        assert!(bytes < most * series.len(), "{table}: {bytes}");
    }
}

#[test]
fn damaged_pages_leave_the_labels_to_decide() {
    let series = many(3_000);
    let sets = [vec![Matcher::new(MatchOp::NotRegex, "pod", "pod-[1-5].*").unwrap()]];
    for table in [NAMES, DICTIONARIES, POSTINGS] {
        let sealed = seal(&series);
        let rows = sealed.container.snapshot().unwrap().scan(table, &[], None).unwrap();
        let damage = |change: &mut crate::engines::kit::container::Change<'_>| {
            rows.iter().try_for_each(|(key, _)| change.put(table, key, &[9, 9, 9]))
        };
        sealed.container.write(damage).unwrap();
        assert_eq!(found(&sealed.view(), &sets), (naive(&series, &sets), 1), "{table}");
    }
}

#[test]
fn damaged_labels_cost_their_own_series_only() {
    let series = many(10_000);
    let sealed = seal(&series);
    let rows = sealed.container.snapshot().unwrap().scan(LABELS, &[], None).unwrap();
    assert!(rows.len() > 1, "one row only");
    sealed.container.write(|change| change.put(LABELS, &rows[0].0, &[1, 200, 1])).unwrap();
    let (all, warnings) = found(&sealed.view(), &[]);
    let second = SeriesRef::from_be_bytes(rows[1].0.clone().try_into().unwrap());
    assert_eq!((all.len(), warnings), (series.len() - second as usize, 1));
}

#[test]
fn a_day_without_an_index_is_not_sealed_and_unsorted_series_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let container = open(&dir.path().join("day.redb"));
    let cache = IndexCache::new();
    assert!(SealedIndex::find(&container.snapshot().unwrap(), &cache).unwrap().is_none());
    let mut series = many(10);
    series.reverse();
    let refused: Result<()> = container.write(|change| write(change, &series));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Internal);
    container.write(|change| write(change, &[])).unwrap();
    let index = SealedIndex::find(&container.snapshot().unwrap(), &cache).unwrap().unwrap();
    assert_eq!(found(&index.view(Day(0), &container.snapshot().unwrap()), &[]), (vec![], 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_way_of_matching_finds_what_the_labels_say(
        mut series in label_sets(),
        sets in prop::collection::vec(prop::collection::vec(matchers(), 1..3), 4),
    ) {
        series.retain(|labels| !labels.is_empty());
        series.sort();
        let sealed = seal(&series);
        for sets in sets {
            prop_assert_eq!(found(&sealed.view(), &sets), (naive(&series, &sets), 0), "{:?}", sets);
        }
    }
}
