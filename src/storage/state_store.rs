//! The port of small, precious state: silences, rule state, outbox, dashboards, tokens.

use std::path::Path;

use async_trait::async_trait;

use crate::base::error::{Error, ErrorKind, Result};

/// The longest key.
pub const MAX_KEY_BYTES: usize = 1 << 10;
/// The longest value.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// One change of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOp {
    /// Sets a key.
    Put {
        /// Which table; a short fixed word.
        table: &'static str,
        /// The key, at most 1 KiB.
        key: Vec<u8>,
        /// The value, at most 16 MiB.
        value: Vec<u8>,
    },
    /// Removes a key; a missing one is fine.
    Delete {
        /// Which table.
        table: &'static str,
        /// The key.
        key: Vec<u8>,
    },
}

impl StateOp {
    /// Checks the sizes that every store holds to.
    ///
    /// # Errors
    /// `LimitExceeded` when the key or the value is too long.
    pub fn check(&self) -> Result<()> {
        let (table, key, value_bytes) = match self {
            StateOp::Put { table, key, value } => (table, key, value.len()),
            StateOp::Delete { table, key } => (table, key, 0),
        };
        if key.len() > MAX_KEY_BYTES {
            let text = format!("{table}: a key of {} bytes; at most {MAX_KEY_BYTES}", key.len());
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        if value_bytes > MAX_VALUE_BYTES {
            let text =
                format!("{table}: a value of {value_bytes} bytes; at most {MAX_VALUE_BYTES}");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        Ok(())
    }
}

/// What must hold for a transaction to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// Which table.
    pub table: &'static str,
    /// The key.
    pub key: Vec<u8>,
    /// Its value; `None` means that it does not exist.
    pub value: Option<Vec<u8>>,
}

/// A key with its value.
pub type StateRow = (Vec<u8>, Vec<u8>);

/// Keeps small values by key. Transactions are durable when they return, and happen whole or not.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Applies all `ops` in their order if all `conditions` hold.
    ///
    /// # Errors
    /// `Conflict` when a condition does not hold; `LimitExceeded` for oversize keys and values;
    /// `Unavailable` when the disk refuses. Nothing happened then.
    async fn transact(&self, conditions: Vec<Precondition>, ops: Vec<StateOp>) -> Result<()>;

    /// Returns the value of a key.
    ///
    /// # Errors
    /// `Internal` from the engine.
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Returns the rows whose key starts with `prefix`, in key order, at most `limit`.
    ///
    /// # Errors
    /// `Internal` from the engine.
    async fn scan(&self, table: &'static str, prefix: &[u8], limit: usize)
    -> Result<Vec<StateRow>>;

    /// Writes a copy of everything as it is now into the new file `to`, which a store of this kind
    /// can be opened with. Transactions go on meanwhile.
    ///
    /// # Errors
    /// `Unsupported` when the store has no file; `Internal` when the disk refuses.
    async fn snapshot(&self, to: &Path) -> Result<()> {
        let _ = to;
        Err(Error::unsupported("this store keeps nothing on disk that could be copied"))
    }
}
