//! Carries requests to the appliance, some at a time, and takes their answers in the order sent.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::cli::endpoint::Running;
use crate::cli::import::feed::{Parcel, Skipped};
use crate::cli::outcome::Failure;

/// Requests under way at one time.
const UNDER_WAY: usize = 4;
/// How often a request that met a full appliance is sent again.
const TRIES: u32 = 12;
const DEADLINE: Duration = Duration::from_secs(300);

/// What became of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer {
    /// Points that are durable.
    pub(crate) accepted: u64,
    /// Of these the native histograms.
    #[serde(default)]
    pub(crate) histograms: u64,
    /// Exemplars that were handed over.
    #[serde(default)]
    pub(crate) exemplars: u64,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Clone, Deserialize)]
struct Rejected {
    reason: String,
    count: u64,
    message: String,
}

impl Answer {
    /// Adds what was refused to what was left out.
    pub(crate) fn refusals(&self, skipped: &mut Skipped) {
        for one in &self.rejected {
            let reason = format!("refused: {}", one.reason);
            skipped.add(&reason, one.count, || one.message.clone());
        }
    }
}

/// Sends what comes until the queue ends; `answered` sees every answer in the order sent.
///
/// # Errors
/// When the appliance refuses a request, or does not answer.
pub(crate) async fn send_all(
    running: &Running,
    mut parcels: mpsc::Receiver<Parcel>,
    mut answered: impl FnMut(&Parcel, &Answer),
) -> Result<(), Failure> {
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build();
    let client = client.map_err(|error| Failure::failed(error.to_string()))?;
    let mut under_way = FuturesOrdered::new();
    let mut is_over = false;
    loop {
        tokio::select! {
            parcel = parcels.recv(), if !is_over && under_way.len() < UNDER_WAY => match parcel {
                Some(parcel) => under_way.push_back(send(client.clone(), running, parcel)),
                None => is_over = true,
            },
            Some(sent) = under_way.next() => {
                let (parcel, answer) = sent?;
                answered(&parcel, &answer);
            }
            else => return Ok(()),
        }
    }
}

async fn send(
    client: reqwest::Client,
    running: &Running,
    mut parcel: Parcel,
) -> Result<(Parcel, Answer), Failure> {
    let body = bytes::Bytes::from(std::mem::take(&mut parcel.body));
    let mut wait = Duration::from_millis(500);
    for attempt in 1.. {
        let mut request = client
            .post(format!("{}/api/x/import/metrics", running.url))
            .header("Content-Type", "application/x-protobuf")
            .header("Content-Encoding", "snappy")
            .body(body.clone());
        if let Some(token) = &running.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| {
            Failure::failed(format!("{} does not answer: {error}", running.url))
        })?;
        let status = answer.status();
        if status.is_success() {
            let answer = answer.json().await.map_err(|error| {
                Failure::failed(format!("the answer of {} is unreadable: {error}", running.url))
            })?;
            return Ok((parcel, answer));
        }
        let is_full = matches!(status.as_u16(), 429 | 503);
        if !is_full || attempt >= TRIES {
            let text = answer.text().await.unwrap_or_default();
            return Err(Failure::failed(format!(
                "the appliance refuses ({status}): {}",
                text.trim()
            )));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(15));
    }
    Err(Failure::failed("the appliance stays full"))
}
