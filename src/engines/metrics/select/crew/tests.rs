use parking_lot::RwLock;
use tokio::sync::Semaphore;

use super::*;
use crate::base::error::ErrorKind;
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::day::CHUNKS;
use crate::engines::metrics::head::Head;
use crate::engines::metrics::select::Selected;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::series::SeriesData;
use crate::model::time::{Day, TimeRange, TimestampMs};

const ALL: TimeRange<TimestampMs> = TimeRange { start: TimestampMs(0), end: TimestampMs(i64::MAX) };

/// Series of one point, then some without any, then some of which a share fills several blocks.
fn points_of(series: usize) -> i64 {
    match series {
        0..100 => 1,
        100..300 => 0,
        300..400 => 2_500,
        _ => 40,
    }
}

fn selection() -> (Reader, Unread) {
    let mut head = Head::default();
    let mut unread = Vec::new();
    for place in 0..500 {
        let id = format!("{place:03}");
        let labels = Labels::from_pairs([("__name__", "many"), ("id", id.as_str())]);
        let series = head.add(&labels, usize::MAX).unwrap();
        for step in 0..points_of(place) {
            let value = (place as i64 * 7 + step) as f64;
            head.write_float(series, Sample { timestamp: TimestampMs(step * 15_000), value })
                .unwrap();
        }
        unread.push(Selected { labels, in_days: Vec::new(), in_heads: vec![(0, series)] });
    }
    let heads = vec![Arc::new(RwLock::new(head))];
    let reader = Reader::new(ALL, Vec::new(), heads, None, Quarantine::new().notes());
    (reader, unread.into_iter())
}

fn hands(most: usize) -> (Arc<Semaphore>, Vec<OwnedSemaphorePermit>) {
    let free = Arc::new(Semaphore::new(most));
    let taken = (0..most).map(|_| Arc::clone(&free).try_acquire_owned().unwrap()).collect();
    (free, taken)
}

async fn all_of(mut crew: Crew) -> Vec<SeriesData> {
    let mut all = Vec::new();
    loop {
        let block = crew.block().await.unwrap();
        assert!(block.len() <= BLOCK_SERIES);
        if block.is_empty() {
            return all;
        }
        all.extend(block);
    }
}

#[tokio::test]
async fn however_many_read_the_series_come_once_each_and_in_order() {
    let (mut reader, mut unread) = selection();
    let mut wanted = Vec::new();
    while unread.len() > 0 {
        wanted.extend(reader.block(&mut unread, BLOCK_SERIES).await.unwrap());
    }
    assert_eq!(wanted.len(), 300);
    for most in 1..=5 {
        let (reader, unread) = selection();
        let found = all_of(Crew::start(reader, unread, hands(most).1)).await;
        assert!(found == wanted, "{most} readers");
    }
}

#[tokio::test]
async fn what_was_met_before_is_told_also_when_there_is_nothing_left_to_read() {
    let mut damage = Quarantine::new().notes();
    damage.note(Day(20_000), CHUNKS, b"key", &Error::corrupt("on purpose")).unwrap();
    let reader = Reader::new(ALL, Vec::new(), Vec::new(), None, damage);
    let mut crew = Crew::start(reader, Vec::new().into_iter(), hands(3).1);
    assert_eq!(crew.met().warnings.len(), 1);
    assert!(crew.block().await.unwrap().is_empty());
    assert_eq!(crew.met().warnings.len(), 1);
}

#[tokio::test]
async fn a_crew_that_nobody_asks_any_more_goes_home() {
    for blocks in 0..4 {
        let (reader, unread) = selection();
        let (free, taken) = hands(3);
        let mut crew = Crew::start(reader, unread, taken);
        for _ in 0..blocks {
            assert!(!crew.block().await.unwrap().is_empty());
        }
        drop(crew);
        assert!(free.acquire_many(3).await.is_ok());
    }
}

#[tokio::test]
async fn a_reader_that_ends_early_or_fails_is_no_end() {
    let part = |ends_share| Ok(Part { block: vec![SeriesData::default()], ends_share });
    let failed = || Err(Error::corrupt("on purpose"));
    for (given, left, wanted) in [
        (vec![part(false), part(true)], 0, Ok(())),
        (vec![part(false), part(true)], 1, Err(ErrorKind::Internal)),
        (vec![part(false)], 0, Err(ErrorKind::Internal)),
        (vec![part(false), failed()], 0, Err(ErrorKind::Corrupt)),
    ] {
        let (sender, shares) = mpsc::channel(1);
        let (parts, share) = mpsc::channel(2);
        sender.send(share).await.ok();
        for part in given {
            parts.send(part).await.ok();
        }
        drop((sender, parts));
        let unread: Unread = selection().1.take(left).collect::<Vec<_>>().into_iter();
        let mut crew = Crew {
            unread: Arc::new(Mutex::new(unread)),
            shares,
            current: None,
            met: Arc::default(),
        };
        let end = loop {
            match crew.block().await {
                Ok(block) if block.is_empty() => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error.kind()),
            }
        };
        assert_eq!(end, wanted);
    }
}
