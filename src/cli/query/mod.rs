//! `query`: the questions of the pages, asked in a terminal.
//!
//! In: an expression, a range and a form. Out: a table, a chart, JSON or CSV on standard output;
//! warnings on standard error. The appliance answers through the APIs that every client uses, so
//! that a question has one answer whoever asks. Deliberately absent: languages (`query` reads them
//! in the appliance), and control characters of telemetry on a terminal.

mod times;
mod text;
mod screen;
mod table;
mod chart;
mod ask;
mod answer;
mod metrics;
mod logs;
mod traces;

use clap::{Args, Subcommand, ValueEnum};

use crate::base::clock::{Clock, SystemClock};
use crate::cli::arguments::Settings;
use crate::cli::outcome::{Failure, complain, say};
use crate::cli::query::ask::Asker;
use crate::cli::query::screen::Screen;
use crate::cli::query::times::Span;
use crate::cli::{appliance, serve};

const METRICS: &str = "\
Examples:
  belvedere query metrics 'sum by (job) (rate(http_requests_total[5m]))'
  belvedere query metrics up --time 2026-11-28T12:00:00Z --output json
  belvedere query metrics 'rate(http_requests_total[5m])' --from 6h --output chart
  belvedere query metrics up --from 2026-11-01 --to 2026-11-02 --step 1m --output csv";

/// What is asked.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Query {
    /// PromQL: at an instant, or over a range with --from or --to
    #[command(after_help = METRICS)]
    Metrics(metrics::Metrics),
    /// Lucene, as on the page of logs: level:error AND service.name:cart
    Logs(logs::Logs),
    /// Traces of a service: 'service=cart error=true minDuration=100ms'; or the id of a trace
    Traces(traces::Traces),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned columns for people
    Table,
    /// What the API answers
    Json,
    /// A line a point, record or trace, with all digits (RFC 4180)
    Csv,
    /// A drawing of the range
    Chart,
}

/// Where, when, and in which form.
#[derive(Debug, Clone, Args)]
struct Reach {
    /// From this time on: 1h or now-1h (before now), RFC 3339, a day, Unix seconds [default: an hour
    /// before the end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Up to this time, in the same forms [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// How to write the answer
    #[arg(long, short, value_enum, default_value = "table")]
    output: Output,
    /// Ask the appliance at this address instead of the one of the data directory; where none runs,
    /// the data directory is opened
    #[arg(long, value_name = "URL", env = "BELVEDERE_URL")]
    url: Option<String>,
}

impl Reach {
    fn span(&self, now_ms: i64) -> Result<Span, Failure> {
        Span::read(self.from.as_deref(), self.to.as_deref(), now_ms)
    }
}

/// An answer, ready to be written.
#[derive(Debug, Default, PartialEq)]
struct Written {
    /// For standard output.
    text: String,
    /// For standard error, a line each; made safe when they are written.
    notes: Vec<String>,
}

/// Asks and writes the answer.
///
/// # Errors
/// Usage failures for times, steps and expressions that cannot be read; others when the appliance
/// refuses or cannot be reached.
pub(crate) fn query(settings: &Settings, what: &Query) -> Result<(), Failure> {
    let screen = Screen::of_stdout();
    let now_ms = SystemClock.now_ms();
    let plan = match what {
        Query::Metrics(what) => Plan::Metrics(metrics::Plan::of(what, now_ms)?),
        Query::Logs(what) => Plan::Logs(logs::Plan::of(what, now_ms)?),
        Query::Traces(what) => Plan::Traces(traces::Plan::of(what, now_ms)?),
    };
    let url = match what {
        Query::Metrics(what) => &what.reach.url,
        Query::Logs(what) => &what.reach.url,
        Query::Traces(what) => &what.reach.url,
    };
    // Of an appliance that lives for this question alone, only what is wrong is told.
    let mut settings = settings.clone();
    settings.log_level.get_or_insert_with(|| "warn".to_owned());
    let runtime = serve::runtime()?;
    let stopped = Err(Failure::failed("stopped"));
    let answered =
        runtime.block_on(appliance::with(&settings, url.as_deref(), stopped, async |running| {
            let asker = Asker::new(&running)?;
            match &plan {
                Plan::Metrics(plan) => plan.answer(&asker, screen).await,
                Plan::Logs(plan) => plan.answer(&asker, screen).await,
                Plan::Traces(plan) => plan.answer(&asker).await,
            }
        }));
    runtime.shutdown_background();
    let Written { text, notes } = answered?;
    say(&text)?;
    for note in notes {
        complain(&text::plain(&note));
    }
    Ok(())
}

/// A question whose parameters were read.
enum Plan {
    Metrics(metrics::Plan),
    Logs(logs::Plan),
    Traces(traces::Plan),
}
