//! Where alerts go.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::model::alert::Alert;

/// Takes alerts; `app` joins it to whoever tells people.
#[async_trait]
pub trait AlertSink: Send + Sync {
    /// Takes alerts that fire (`ends_at` lies ahead) or have ended (`ends_at` lies behind). Firing
    /// ones are said again every minute; what is not said again ends by itself at `ends_at`.
    ///
    /// # Errors
    /// Of any kind: they are said again at the next evaluation.
    async fn send(&self, alerts: Vec<Alert>) -> Result<()>;
}

/// Drops alerts.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSink;

#[async_trait]
impl AlertSink for NoSink {
    async fn send(&self, _: Vec<Alert>) -> Result<()> {
        Ok(())
    }
}
