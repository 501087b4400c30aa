//! What became of the messages: those on their way, and a receipt of each that ended.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::delivery::{DeliveryOutcome, DeliveryReceipt, PendingDelivery};
use crate::model::time::TimestampMs;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::alerts::{Tab, load_tabs};
use crate::ui::range::Choice;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Receipts of one page.
const MAX_RECEIPTS: usize = 200;

#[derive(Template)]
#[template(path = "alerts_log.html")]
struct ReceiptsPage {
    shell: Shell,
    tabs: Vec<Tab>,
    pending: Vec<PendingRow>,
    receipts: Vec<ReceiptRow>,
    filters: Vec<Choice>,
    receivers: Vec<Choice>,
}

/// A message on its way.
struct PendingRow {
    receiver: String,
    integration: String,
    group: String,
    age: String,
    attempts: u32,
    next: String,
    error: String,
    alerts: usize,
}

/// A message that ended.
struct ReceiptRow {
    time: String,
    machine_time: String,
    receiver: String,
    integration: String,
    group: String,
    firing: bool,
    delivered: bool,
    attempts: u32,
    latency: String,
    /// From the decision to the end.
    took: String,
    answer: String,
    alerts: usize,
}

/// Shows them, filtered by `outcome` and `receiver`.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    match build(&state, &caller, &request, &address).await {
        Ok(template) => {
            let nonce = template.shell.nonce.clone();
            render::page(&template, &nonce)
        }
        Err(error) => render::failure(&state, &request, &address, &error),
    }
}

async fn build(
    state: &UiState,
    caller: &Caller,
    request: &HeaderMap,
    address: &Address,
) -> Result<ReceiptsPage> {
    let deliveries = state.services.alerts.deliveries(caller, MAX_RECEIPTS).await?;
    let receivers = state.services.alerts.receivers(caller)?;
    let tabs = load_tabs(state, caller, address, "/ui/alerts/log").await?;
    let now = TimestampMs(state.clock.now_ms());
    let receiver = address.get("receiver");
    let wanted = |name: &str| receiver.is_empty() || receiver == name;
    let outcome = address.get("outcome");
    let fits = |receipt: &&DeliveryReceipt| {
        wanted(&receipt.receiver) && (outcome.is_empty() || outcome == receipt.outcome.as_str())
    };
    let pending = deliveries.pending.iter().filter(|one| wanted(&one.receiver));
    let about = About { page: "alerts", title: "Notifications", has_range: false, refresh: "10s" };
    Ok(ReceiptsPage {
        shell: Shell::new(state, request, address, about),
        tabs,
        pending: pending.map(|one| pending_row(one, now)).collect(),
        receipts: deliveries.receipts.iter().filter(fits).map(receipt_row).collect(),
        filters: choices(address, "outcome", &["delivered".to_owned(), "failed".to_owned()]),
        receivers: choices(address, "receiver", &receivers),
    })
}

/// All, and one choice a value.
fn choices(address: &Address, key: &str, values: &[String]) -> Vec<Choice> {
    let choice = |value: &str| Choice {
        title: if value.is_empty() { "All".to_owned() } else { value.to_owned() },
        href: address.clone().with(key, value).to_string(),
        current: address.get(key) == value,
    };
    std::iter::once("").chain(values.iter().map(String::as_str)).map(choice).collect()
}

fn pending_row(one: &PendingDelivery, now: TimestampMs) -> PendingRow {
    PendingRow {
        receiver: one.receiver.clone(),
        integration: one.integration.clone(),
        group: one.group_key.clone(),
        age: format::age(one.queued_at, now),
        attempts: one.attempts,
        next: match one.next_try <= now {
            true => "now".to_owned(),
            false => format!("in {}", format::age(now, one.next_try)),
        },
        error: one.last_error.clone(),
        alerts: one.alerts.len(),
    }
}

fn receipt_row(receipt: &DeliveryReceipt) -> ReceiptRow {
    ReceiptRow {
        time: format::clock(receipt.finished_at.to_ns()),
        machine_time: format::machine(receipt.finished_at),
        receiver: receipt.receiver.clone(),
        integration: receipt.integration.clone(),
        group: receipt.group_key.clone(),
        firing: receipt.firing,
        delivered: match receipt.outcome {
            DeliveryOutcome::Delivered => true,
            DeliveryOutcome::Failed => false,
        },
        attempts: receipt.attempts,
        latency: format::duration_ns(i64::try_from(receipt.latency.as_nanos()).unwrap_or(i64::MAX)),
        took: format::age(receipt.queued_at, receipt.finished_at),
        answer: receipt.answer.clone(),
        alerts: receipt.alerts.len(),
    }
}

impl ReceiptsPage {
    /// Shows how to name receivers.
    const RECEIVERS: &'static str = "alertmanager:\n  route: {receiver: team}\n  receivers:\n    - name: team\n      webhook_configs:\n        - url: http://127.0.0.1:9000/alerts";
}
