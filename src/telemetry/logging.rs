//! Where `tracing` events go: standard error as text or JSON, and the layers that `app` adds.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::base::error::{Error, Result};

/// How events are written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe events that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Only what someone must act on.
    Error,
    /// And what may need a look.
    Warn,
    /// And the course of life.
    #[default]
    Info,
    /// And details of the appliance.
    Debug,
    /// And details of the libraries.
    Trace,
}

impl LogFormat {
    /// Reads `text` or `json`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }

    /// Returns the word that [`LogFormat::from_word`] reads.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

impl LogLevel {
    /// Reads a level in any case; `warning` is `warn`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "error" => Some(LogLevel::Error),
            "warn" | "warning" => Some(LogLevel::Warn),
            "info" => Some(LogLevel::Info),
            "debug" => Some(LogLevel::Debug),
            "trace" => Some(LogLevel::Trace),
            _ => None,
        }
    }

    /// Returns the word that [`LogLevel::from_word`] reads.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }

    /// Returns the filter that lets this level through; libraries speak one level less, so that
    /// `debug` shows the appliance and `trace` everything.
    pub fn targets(self) -> Targets {
        let own = match self {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        let libraries = match self {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn | LogLevel::Info => LevelFilter::WARN,
            LogLevel::Debug => LevelFilter::INFO,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        Targets::new().with_default(libraries).with_target("belvedere", own)
    }
}

/// A layer that `app` adds beside standard error.
pub type ExtraLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Sends events to standard error and to `extra`, for the whole process.
///
/// # Errors
/// `Internal` when events already go somewhere.
pub fn install(format: LogFormat, level: LogLevel, extra: Vec<ExtraLayer>) -> Result<()> {
    let mut layers = extra;
    layers.push(standard_error(format, level));
    tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .map_err(|error| Error::internal(format!("cannot install logging: {error}")))
}

fn standard_error(format: LogFormat, level: LogLevel) -> ExtraLayer {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    match format {
        LogFormat::Text => fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(colours)
            .with_target(false)
            .with_filter(level.targets())
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .with_filter(level.targets())
            .boxed(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn words_of_levels_and_formats_read_back() {
        for level in ["error", "warn", "info", "debug", "trace"] {
            assert_eq!(LogLevel::from_word(level).map(LogLevel::as_str), Some(level));
        }
        assert_eq!(LogLevel::from_word("loud"), None);
        assert_eq!(LogFormat::from_word("json").map(LogFormat::as_str), Some("json"));
    }

    #[test]
    fn debug_shows_the_appliance_but_not_its_libraries() {
        let targets = LogLevel::Debug.targets();
        assert!(targets.would_enable("belvedere::http", &Level::DEBUG));
        assert!(!targets.would_enable("hyper::proto", &Level::DEBUG));
        assert!(targets.would_enable("hyper::proto", &Level::INFO));
    }
}
