//! History out: all points of chosen series as requests of remote write, in the frames of
//! `wire::remote_write`, for `belvedere export`. The last frame is empty: without it the answer was
//! broken off.

use std::collections::{HashSet, VecDeque};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::access::{Caller, Scope};
use crate::base::error::{Error, Result};
use crate::http::error::plain;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::SeriesData;
use crate::model::time::{TimeRange, TimestampMs};
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::params::Params;
use crate::service::{Exported, Expression};
use crate::wire::remote_write::{encode, frame};

/// Points of one message; remote write's messages stay below 1 MiB.
const POINTS: usize = 10_000;

/// Answers the points of the series that a `match[]` chooses (all without one), from `start` to
/// `end` in epoch milliseconds, with their exemplars, and what is known of families.
pub(crate) async fn export(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> Response {
    if let Err(error) = caller.require(Scope::Admin) {
        return plain(&error);
    }
    let (sets, range) = match asked(&params) {
        Ok(asked) => asked,
        Err(error) => return plain(&error),
    };
    let export = Export {
        state,
        caller,
        range,
        seen: (sets.len() > 1).then(HashSet::new),
        todo: sets.iter().cloned().collect(),
        sets,
        series: None,
        frames: VecDeque::new(),
        is_over: false,
    };
    let frames = stream::try_unfold(export, |mut export| async move {
        let next = export.next().await.inspect_err(|error| {
            tracing::warn!(%error, "an export was broken off");
        });
        Ok::<_, Error>(next?.map(|frame| (frame, export)))
    });
    ([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(frames)).into_response()
}

fn asked(params: &Params) -> Result<(Vec<Vec<Matcher>>, TimeRange<TimestampMs>)> {
    let millis = |key: &str| {
        let text = params.get(key).unwrap_or_default();
        let wrong = |_| Error::invalid(format!("{key}={text:?} is not epoch milliseconds"));
        text.parse().map(TimestampMs).map_err(wrong)
    };
    let range = TimeRange::new(millis("start")?, millis("end")?);
    let sets: Result<Vec<_>> = params.all("match[]").map(Expression::parse_selector).collect();
    let mut sets = sets?;
    if sets.is_empty() {
        sets.push(Expression::parse_selector("{__name__!=\"\"}")?);
    }
    Ok((sets, range))
}

/// An export under way. It reads as fast as its reader does.
struct Export {
    state: PrometheusState,
    caller: Caller,
    range: TimeRange<TimestampMs>,
    sets: Vec<Vec<Matcher>>,
    /// Sets that were not read yet.
    todo: VecDeque<Vec<Matcher>>,
    series: Option<Exported>,
    /// What was read, where two sets may choose one series.
    seen: Option<HashSet<Labels>>,
    frames: VecDeque<Vec<u8>>,
    is_over: bool,
}

impl Export {
    /// Returns the next frame, or `None` behind the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(frame));
            }
            if self.is_over {
                return Ok(None);
            }
            self.read_on().await?;
        }
    }

    async fn read_on(&mut self) -> Result<()> {
        let metrics = &self.state.services.metrics;
        let Some(series) = &mut self.series else {
            match self.todo.pop_front() {
                Some(matchers) => {
                    let opened = metrics.export(&self.caller, matchers, self.range).await?;
                    self.series = Some(opened);
                }
                None => self.finish().await?,
            }
            return Ok(());
        };
        let Some(block) = series.next().await? else {
            for warning in series.warnings() {
                tracing::warn!(warning, "an export leaves something out");
            }
            self.series = None;
            return Ok(());
        };
        for one in block {
            let is_new = self.seen.as_mut().is_none_or(|seen| seen.insert(one.labels.clone()));
            for write in cut(one).filter(|_| is_new) {
                self.frames.push_back(framed(vec![write], Vec::new())?);
            }
        }
        Ok(())
    }

    /// Adds what comes behind the points.
    async fn finish(&mut self) -> Result<()> {
        let metrics = &self.state.services.metrics;
        let sets = std::mem::take(&mut self.sets);
        let exemplars = metrics.exemplars(&self.caller, sets, self.range).await?;
        for one in exemplars {
            let (labels, exemplars) = (one.labels, one.exemplars);
            let write = SeriesWrite { labels, exemplars, ..SeriesWrite::default() };
            self.frames.push_back(framed(vec![write], Vec::new())?);
        }
        let metadata = metrics.metadata(&self.caller, None).await?;
        self.frames.push_back(framed(Vec::new(), metadata)?);
        self.frames.push_back(frame(&[]));
        self.is_over = true;
        Ok(())
    }
}

/// Cuts a series into writes of a bounded size.
fn cut(series: SeriesData) -> impl Iterator<Item = SeriesWrite> {
    let SeriesData { labels, samples, histograms, .. } = series;
    let mut writes = Vec::new();
    for samples in samples.chunks(POINTS) {
        let samples = samples.to_vec();
        writes.push(SeriesWrite { labels: labels.clone(), samples, ..SeriesWrite::default() });
    }
    // A histogram takes the place of many floats.
    for histograms in histograms.chunks(POINTS / 20) {
        let histograms = histograms.to_vec();
        writes.push(SeriesWrite { labels: labels.clone(), histograms, ..SeriesWrite::default() });
    }
    writes.into_iter()
}

fn framed(
    series: Vec<SeriesWrite>,
    metadata: Vec<crate::model::batch::MetricMetadata>,
) -> Result<Vec<u8>> {
    let message = encode(&MetricBatch { series, metadata });
    let body = snap::raw::Encoder::new().compress_vec(&message);
    let body = body.map_err(|error| Error::internal(format!("snappy: {error}")))?;
    Ok(frame(&body))
}
