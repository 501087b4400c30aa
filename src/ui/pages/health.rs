//! The appliance itself: how it answers, what it uses, what it lost, how it is configured.

mod questions;
mod routes;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::model::store::StoreFacts;
use crate::model::time::TimestampMs;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::ask::Asker;
use crate::ui::chart::{ChartBlock, ChartPanel, Level, Unit};
use crate::ui::format;
use crate::ui::gauge::Gauge;
use crate::ui::pages::health::questions::{CHARTS, LOSSES, STORAGE, TILES};
use crate::ui::pages::health::routes::CallRow;
use crate::ui::render;
use crate::ui::shell::{About, Shell};
use crate::ui::sparkline::Sparkline;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    shell: Shell,
    tiles: Vec<Tile>,
    losses: Vec<Loss>,
    routes: Result<Vec<CallRow>, String>,
    questions: Result<Vec<CallRow>, String>,
    storage: Result<Vec<StorageRow>, String>,
    charts: Vec<ChartPanel>,
    facts: Vec<(String, String)>,
    config: String,
    up: String,
}

/// A number with its course.
struct Tile {
    name: &'static str,
    value: String,
    note: String,
    bad: bool,
    href: String,
    gauge: Gauge,
    sparkline: Sparkline,
}

/// Something that should not happen, and how often it did.
struct Loss {
    words: &'static str,
    /// What to do when it did.
    advice: &'static str,
    count: String,
    seen: Seen,
    href: String,
}

/// Whether something happened.
enum Seen {
    Never,
    Happened,
    /// The question failed, or the appliance does not measure itself.
    Unknown,
}

/// What one signal takes.
struct StorageRow {
    signal: String,
    bytes: String,
    /// How many days it holds, and since when.
    days: String,
    /// Blocks and files that could not be read.
    damaged: u64,
    gauge: Gauge,
    href: String,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let facts = match state.services.status.facts(&caller).await {
        Ok(facts) => facts,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let about = About { page: "health", title: "Health", has_range: true, refresh: "30s" };
    let shell = Shell::new(&state, &request, &address, about);
    let asker = Asker { state: &state, caller: &caller, range: &shell.range, address: &address };
    let budget = facts.memory_budget as f64;
    let (tiles, losses, routes, questions, storage, charts) = tokio::join!(
        futures_util::future::join_all(TILES.iter().map(|ask| tile(&asker, ask, budget))),
        losses(&asker),
        routes::of(&asker, &routes::HTTP),
        routes::of(&asker, &routes::USE_CASES),
        storage(&asker),
        charts(&asker, budget),
    );
    let words = |error: crate::base::error::Error| error.message().to_owned();
    let up = format::age(facts.started, TimestampMs(state.clock.now_ms()));
    let mut rows = vec![
        ("version".to_owned(), facts.version.clone()),
        ("started".to_owned(), format::machine(facts.started)),
        ("retention".to_owned(), facts.retention.clone()),
        ("memory budget".to_owned(), format::bytes(budget)),
        ("working directory".to_owned(), facts.working_directory.clone()),
    ];
    if !facts.revision.is_empty() {
        rows.insert(1, ("revision".to_owned(), facts.revision.clone()));
    }
    rows.extend(facts.flags.iter().cloned());
    let nonce = shell.nonce.clone();
    let template = HealthPage {
        tiles,
        losses,
        routes: routes.map_err(words),
        questions: questions.map_err(words),
        storage: storage.map_err(words),
        charts,
        facts: rows,
        config: facts.config.clone(),
        up,
        shell,
    };
    render::page(&template, &nonce)
}

/// What [`questions`] says of one number.
struct TileQuestion {
    name: &'static str,
    query: &'static str,
    unit: Unit,
    /// What stands behind the number.
    note: &'static str,
    bad_from: f64,
    /// Whether the number is a share of the memory budget.
    of_budget: bool,
}

/// What [`questions`] says of one kind of loss.
struct LossQuestion {
    words: &'static str,
    advice: &'static str,
    query: &'static str,
}

async fn tile(asker: &Asker<'_>, ask: &TileQuestion, budget: f64) -> Tile {
    let answer = asker.courses(ask.query).await.unwrap_or_default();
    let course = answer.into_iter().next().map(|(_, values)| values).unwrap_or_default();
    let value = course.last().copied().unwrap_or(f64::NAN);
    let share = if ask.of_budget { 100.0 * value / budget } else { f64::NAN };
    let note = match ask.of_budget {
        true => format!("of {}", format::bytes(budget)),
        false => ask.note.to_owned(),
    };
    Tile {
        name: ask.name,
        value: ask.unit.write(value),
        note: if value.is_finite() { note } else { String::new() },
        bad: value >= ask.bad_from || share >= 90.0,
        href: asker.href(ask.query),
        gauge: Gauge::of(share, 75.0, 90.0),
        sparkline: Sparkline::of(&course),
    }
}

async fn losses(asker: &Asker<'_>) -> Vec<Loss> {
    let measured = asker.at_end(STORAGE).await.is_ok_and(|series| !series.is_empty());
    futures_util::future::join_all(LOSSES.iter().map(|ask| loss(asker, ask, measured))).await
}

/// A counter without a series has never counted anything, where anything is `measured` at all.
async fn loss(asker: &Asker<'_>, ask: &LossQuestion, measured: bool) -> Loss {
    let counted = match measured {
        true => asker.at_end(ask.query).await.ok(),
        false => None,
    };
    let count =
        counted.map(|series| series.iter().fold(0.0, |sum, (_, value)| sum + value.max(0.0)));
    Loss {
        words: ask.words,
        advice: ask.advice,
        count: format::number(count.unwrap_or(f64::NAN).round()),
        seen: match count {
            None => Seen::Unknown,
            Some(count) if count >= 0.5 => Seen::Happened,
            Some(_) => Seen::Never,
        },
        href: asker.href(ask.query),
    }
}

async fn storage(asker: &Asker<'_>) -> crate::base::error::Result<Vec<StorageRow>> {
    let kept = asker.state.services.status.storage(asker.caller);
    let (series, kept) = tokio::join!(asker.at_end(STORAGE), kept);
    let (mut series, kept) = (series?, kept?);
    series.sort_by(|a, b| b.1.total_cmp(&a.1));
    let total = series.iter().fold(0.0, |sum, (_, bytes)| sum + bytes);
    let row = |(labels, bytes): &(crate::model::labels::Labels, f64)| {
        let signal = labels.get("signal").unwrap_or_default();
        let store = kept.stores.iter().find(|store| store.signal == signal);
        StorageRow {
            days: store.map_or_else(String::new, |store| days(&store.facts)),
            damaged: store.map_or(0, |store| store.facts.damage.count),
            signal: if signal == "log" { "write-ahead log".to_owned() } else { signal.to_owned() },
            bytes: format::bytes(*bytes),
            gauge: Gauge::of(100.0 * bytes / total, f64::INFINITY, f64::INFINITY),
            href: asker.href(&format!("belvedere_storage_bytes{{signal={signal:?}}}")),
        }
    };
    Ok(series.iter().map(row).collect())
}

/// Says how many days there are and which is the oldest.
fn days(facts: &StoreFacts) -> String {
    match facts.partitions.first() {
        Some(oldest) => format!("{} since {}", facts.partitions.len(), oldest.day),
        None => String::new(),
    }
}

async fn charts(asker: &Asker<'_>, budget: f64) -> Vec<ChartPanel> {
    let panels = CHARTS.iter().map(|(title, queries, unit, label)| {
        let is_memory = *unit == Unit::Bytes;
        let level = Level { value: budget, words: format!("budget {}", format::bytes(budget)) };
        let block = ChartBlock {
            queries: queries.iter().map(|query| (*query).to_owned()).collect(),
            thresholds: if is_memory { vec![level] } else { Vec::new() },
            unit: *unit,
            label,
        };
        ChartPanel::of(asker, title, block)
    });
    futures_util::future::join_all(panels).await
}
