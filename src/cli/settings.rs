//! From typed settings to a checked configuration.

use crate::cli::arguments::Settings;
use crate::cli::outcome::Failure;
use crate::config::{self, Config, Flags, LogFormat, LogLevel, Sources, StorageKind};

impl Settings {
    /// Returns what was typed, in the configuration's words.
    ///
    /// # Errors
    /// A usage failure for an address that is none.
    pub(crate) fn flags(&self) -> Result<Flags, Failure> {
        let listen = self.listen.as_deref().map(config::parse_address).transpose();
        let listen = listen.map_err(|why| Failure::usage(format!("--listen: {why}")))?;
        let storage = self.storage.as_deref().map(|word| match word {
            "memory" => StorageKind::Memory,
            _ => StorageKind::Disk,
        });
        Ok(Flags {
            data_dir: self.data_dir.clone(),
            listen,
            storage,
            log_format: self.log_format.as_deref().and_then(LogFormat::from_word),
            log_level: self.log_level.as_deref().and_then(LogLevel::from_word),
        })
    }

    /// Loads the configuration, without a file unless one is named.
    ///
    /// # Errors
    /// A usage failure that lists every fault.
    pub(crate) fn load_named(&self) -> Result<Config, Failure> {
        if self.config.is_some() {
            return self.load();
        }
        let environment = |name: &str| std::env::var(name).ok();
        Ok(config::load(Sources::without_file(self.flags()?, &environment))?)
    }

    /// Loads the configuration of this run.
    ///
    /// # Errors
    /// A usage failure that lists every fault.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        let environment = |name: &str| std::env::var(name).ok();
        let sources = Sources::gather(self.config.as_deref(), self.flags()?, &environment)?;
        Ok(config::load(sources)?)
    }
}
