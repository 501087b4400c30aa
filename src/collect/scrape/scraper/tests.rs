use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::base::clock::{Clock, ManualClock};
use crate::base::size::ByteSize;
use crate::collect::scrape::job::{Protocol, ScrapeLimits, TargetGroup};
use crate::ingest::IngestLimits;
use crate::ingest::recording::Recording;
use crate::model::stale::is_stale;
use crate::wire::exposition::Histograms;

const START: i64 = 1_700_000_000_000;

/// A target that gives its answers one after the other, and what a scraper of it has written.
struct Bench {
    scrape: ScrapeLoop,
    recording: Arc<Recording>,
    now: i64,
}

/// An answer: the status line's end and the body.
type Answer = (&'static str, &'static str);

async fn bench(answers: Vec<Answer>, change: impl FnOnce(&mut ScrapeJob)) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tasks = TaskGroup::new();
    tasks.spawn("target", serve(listener, answers.into()));
    let clock: SharedClock = ManualClock::at_ms(START);
    let (ingest, recording) = Recording::behind_door(IngestLimits::default(), Arc::clone(&clock));
    let mut job = job(&address);
    change(&mut job);
    let job = Arc::new(job);
    let scraper = Scraper::new(ingest, clock, tasks).unwrap();
    let target = target::targets(&job).remove(0);
    let running = scraper.start(Arc::clone(&job), target.clone());
    let (shared, status) = (Arc::clone(&scraper.0), running.status);
    let scrape = ScrapeLoop { shared, job, target, status, present: HashSet::new() };
    Bench { scrape, recording, now: START }
}

/// Returns a job of one target.
pub(in crate::collect::scrape) fn job(address: &str) -> ScrapeJob {
    ScrapeJob {
        name: "app".to_owned(),
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(10),
        scheme: "http".to_owned(),
        path: "/metrics".to_owned(),
        params: Vec::new(),
        honor_labels: false,
        honor_timestamps: true,
        protocols: Protocol::ALL[1..].to_vec(),
        fallback_format: None,
        histograms: Histograms::Classic,
        authorization: None,
        limits: ScrapeLimits::default(),
        groups: vec![TargetGroup { targets: vec![address.to_owned()], labels: Vec::new() }],
        relabel: Vec::new(),
        metric_relabel: Vec::new(),
    }
}

async fn serve(listener: TcpListener, mut answers: VecDeque<Answer>) {
    while let Some((status, body)) = answers.pop_front() {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

impl Bench {
    /// Scrapes once, 15 s after the last time, and returns what was written, without the target's
    /// own labels: `name{labels} value`, the value `stale` for a stale marker.
    async fn scrape(&mut self) -> Vec<String> {
        self.now += 15_000;
        self.recording.metrics.lock().clear();
        self.scrape.scrape(TimestampMs(self.now)).await;
        written(&self.recording)
    }
}

fn written(recording: &Recording) -> Vec<String> {
    let mut lines = Vec::new();
    for write in recording.metrics.lock().iter().flat_map(|batch| &batch.series) {
        let own = |name: &str| ["__name__", "instance", "job"].contains(&name);
        let labels = write.labels.without(own);
        for sample in &write.samples {
            let value = match is_stale(sample.value) {
                true => "stale".to_owned(),
                false => sample.value.to_string(),
            };
            lines.push(format!("{}{labels} {value}", write.labels.metric_name()));
        }
    }
    lines.retain(|line| !line.starts_with("scrape_duration_seconds"));
    lines
}

const TEXT: &str = "200 OK\r\nContent-Type: text/plain; version=0.0.4";

#[tokio::test]
async fn a_series_that_vanishes_is_marked_stale_and_a_failed_scrape_marks_all() {
    let answers = vec![(TEXT, "a 1\nb 2\n"), (TEXT, "a 3\n"), ("500 Oh No", "")];
    let mut bench = bench(answers, |_| {}).await;
    let first = [
        "a{} 1",
        "b{} 2",
        "up{} 1",
        "scrape_samples_scraped{} 2",
        "scrape_samples_post_metric_relabeling{} 2",
        "scrape_series_added{} 2",
    ];
    assert_eq!(bench.scrape().await, first);
    let second = [
        "a{} 3",
        "b{} stale",
        "up{} 1",
        "scrape_samples_scraped{} 1",
        "scrape_samples_post_metric_relabeling{} 1",
        "scrape_series_added{} 0",
    ];
    assert_eq!(bench.scrape().await, second);
    let third = [
        "a{} stale",
        "up{} 0",
        "scrape_samples_scraped{} 0",
        "scrape_samples_post_metric_relabeling{} 0",
        "scrape_series_added{} 0",
    ];
    assert_eq!(bench.scrape().await, third);
    let status = bench.scrape.status.lock().clone();
    assert_eq!(status.health, Health::Down);
    assert!(status.last_error.contains("500"), "{}", status.last_error);
}

#[tokio::test]
async fn a_label_that_is_ours_moves_aside_unless_the_targets_are_honoured() {
    let body = "a{job=\"theirs\",x=\"1\"} 1\n";
    let mut ours = bench(vec![(TEXT, body)], |_| {}).await;
    assert_eq!(ours.scrape().await[0], r#"a{exported_job="theirs", x="1"} 1"#);
    let mut theirs = bench(vec![(TEXT, body)], |job| job.honor_labels = true).await;
    theirs.scrape().await;
    let batches = theirs.recording.metrics.lock();
    assert_eq!(batches[0].series[0].labels.get("job"), Some("theirs"));
}

#[tokio::test]
async fn a_scrape_beyond_a_limit_counts_as_failed_and_keeps_nothing() {
    let limited = |change: fn(&mut ScrapeLimits)| {
        bench(vec![(TEXT, "a 1\nb{c=\"ddd\"} 2\n")], move |job| change(&mut job.limits))
    };
    let changes: [fn(&mut ScrapeLimits); 4] = [
        |limits| limits.samples = 1,
        |limits| limits.labels = 3,
        |limits| limits.label_value_bytes = 2,
        |limits| limits.body = ByteSize(5),
    ];
    for change in changes {
        let lines = limited(change).await.scrape().await;
        assert_eq!(lines[0], "up{} 0", "{lines:?}");
    }
}

#[tokio::test]
async fn the_targets_own_time_is_kept_and_does_not_go_stale() {
    let body = format!("a 1 {}\n", START + 1);
    let body: &'static str = body.leak();
    let mut bench = bench(vec![(TEXT, body), (TEXT, "")], |_| {}).await;
    bench.scrape().await;
    let at = bench.recording.metrics.lock()[0].series[0].samples[0].timestamp;
    assert_eq!(at, TimestampMs(START + 1));
    assert!(!bench.scrape().await.iter().any(|line| line.contains("stale")));
}

#[tokio::test]
async fn an_answer_of_an_unknown_kind_is_refused_unless_there_is_a_fallback() {
    let page = ("200 OK\r\nContent-Type: text/html", "a 1\n");
    let mut strict = bench(vec![page], |_| {}).await;
    assert_eq!(strict.scrape().await[0], "up{} 0");
    let fallback = Some(crate::wire::exposition::Format::Text);
    let mut lenient = bench(vec![page], |job| job.fallback_format = fallback).await;
    assert_eq!(lenient.scrape().await[0], "a{} 1");
}

#[tokio::test]
async fn a_target_that_is_removed_ends_with_stale_markers() {
    let mut bench = bench(vec![(TEXT, "a 1\n")], |_| {}).await;
    bench.scrape().await;
    bench.recording.metrics.lock().clear();
    let Bench { scrape, recording, .. } = bench;
    scrape.end().await;
    let lines = written(&recording);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with(" stale")), "{lines:?}");
}

#[tokio::test]
async fn applying_a_new_configuration_keeps_the_targets_that_stay() {
    let clock = ManualClock::at_ms(START);
    let (ingest, _) = Recording::behind_door(IngestLimits::default(), clock.clone());
    let tasks = TaskGroup::new();
    let scraper = Scraper::new(ingest, clock.clone() as Arc<dyn Clock>, tasks.clone()).unwrap();
    scraper.apply(&[job("h:1"), job("h:2")]);
    let kept = Arc::clone(&scraper.0.running.lock()[1].status);
    scraper.apply(&[job("h:2"), job("h:3")]);
    let urls: Vec<_> = scraper.targets().into_iter().map(|target| target.url).collect();
    assert_eq!(urls, ["http://h:2/metrics", "http://h:3/metrics"]);
    assert!(Arc::ptr_eq(&kept, &scraper.0.running.lock()[0].status));
    assert_eq!(tasks.stop(Duration::from_secs(5)).await, Vec::<&str>::new());
}
