//! What the system, or a test, tells the running appliance.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// End.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// Where orders come from.
pub struct Signals(Source);

enum Source {
    System { terminate: Signal, interrupt: Signal, hangup: Signal },
    Token(CancellationToken),
}

impl Signals {
    /// Takes SIGTERM, Ctrl-C and SIGHUP from now on. Needs a runtime.
    ///
    /// # Errors
    /// `Internal` when the system refuses.
    pub fn install() -> Result<Self> {
        let take = |kind| {
            signal(kind).map_err(|error| Error::internal(format!("cannot take signals: {error}")))
        };
        Ok(Signals(Source::System {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        }))
    }

    /// Stops when `token` is cancelled.
    pub fn from_token(token: CancellationToken) -> Self {
        Signals(Source::Token(token))
    }

    /// Waits until it is time to end; other orders are passed over.
    pub async fn stopped(&mut self) {
        while self.next().await != Order::Stop {}
    }

    /// Waits for the next order. A cancelled token gives one order only.
    pub(crate) async fn next(&mut self) -> Order {
        match &mut self.0 {
            Source::System { terminate, interrupt, hangup } => tokio::select! {
                _ = terminate.recv() => Order::Stop,
                _ = interrupt.recv() => Order::Stop,
                _ = hangup.recv() => Order::Reload,
            },
            Source::Token(token) => {
                token.cancelled().await;
                self.0 = Source::Token(CancellationToken::new());
                Order::Stop
            }
        }
    }
}
