//! Small, precious state in `meta.redb`: silences, rule state, outbox, tokens.
//!
//! In: transactions of the state port. Out: the same rows after any crash. It does not pass through
//! the log: each transaction is one durable commit of its own, so callers make few of them.
//! Deliberately absent: what the values mean.
//!
//! The file is a [`Container`]: one table by the port's name of it, keys as they are, values with
//! their CRC32C behind them. Table `belvedere.format`, key `version`, holds one byte, now 1.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::{Change, Container, Snapshot};
use crate::engines::kit::disk::Disk;
use crate::storage::state_store::{Precondition, StateOp, StateRow, StateStore};
use crate::telemetry::instruments;
use crate::telemetry::names;

const FORMAT_TABLE: &str = "belvedere.format";
const FORMAT_KEY: &[u8] = b"version";
const FORMAT_VERSION: u8 = 1;
/// State is small; the system's own cache does the rest.
const CACHE_BYTES: usize = 2 << 20;
/// How long a caller whom the disk refused should wait.
const RETRY: Duration = Duration::from_secs(5);

/// State in one file. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Engine {
    container: Container,
    damaged: Counter<u64>,
}

impl Engine {
    /// Opens the file, making it when it is missing. Blocks.
    ///
    /// # Errors
    /// `Unsupported` when a newer program wrote it; those of [`Container::open`].
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self> {
        let container = Container::open(disk, path, CACHE_BYTES)?;
        match container.snapshot()?.get(FORMAT_TABLE, FORMAT_KEY)?.as_deref() {
            Some([FORMAT_VERSION]) => {}
            Some(version) => {
                return Err(Error::unsupported(format!(
                    "{} has format version {version:?}, this program writes {FORMAT_VERSION}: use the newer program that wrote it",
                    path.display()
                )));
            }
            None => {
                container.write(|change| change.put(FORMAT_TABLE, FORMAT_KEY, &[FORMAT_VERSION]))?
            }
        }
        let damaged = instruments::counter(
            names::STORAGE_DAMAGED,
            "Damaged blocks that were met and left out",
        );
        Ok(Engine { container, damaged })
    }
}

#[async_trait]
impl StateStore for Engine {
    async fn transact(&self, conditions: Vec<Precondition>, ops: Vec<StateOp>) -> Result<()> {
        ops.iter().try_for_each(StateOp::check)?;
        let container = self.container.clone();
        blocking(move || container.write(|change| apply(change, &conditions, ops)))
            .await
            .map_err(refused)
    }

    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (container, key) = (self.container.clone(), key.to_vec());
        blocking(move || container.snapshot()?.get(table, &key)).await
    }

    /// A damaged row is left out, named in the event log and counted.
    async fn scan(
        &self,
        table: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<StateRow>> {
        let (container, prefix) = (self.container.clone(), prefix.to_vec());
        let damaged = self.damaged.clone();
        blocking(move || good_rows(&container.snapshot()?, table, &prefix, limit, &damaged)).await
    }

    async fn snapshot(&self, to: &Path) -> Result<()> {
        let (container, to) = (self.container.clone(), to.to_owned());
        blocking(move || container.snapshot()?.copy_to(&to, CACHE_BYTES)).await
    }
}

fn apply(change: &mut Change<'_>, conditions: &[Precondition], ops: Vec<StateOp>) -> Result<()> {
    for condition in conditions {
        if change.get(condition.table, &condition.key)? != condition.value {
            let text = format!("{}: the value was changed meanwhile", condition.table);
            return Err(Error::new(ErrorKind::Conflict, text));
        }
    }
    for op in ops {
        match op {
            StateOp::Put { table, key, value } => change.put(table, &key, &value)?,
            StateOp::Delete { table, key } => change.delete(table, &key)?,
        }
    }
    Ok(())
}

fn good_rows(
    snapshot: &Snapshot,
    table: &'static str,
    prefix: &[u8],
    limit: usize,
    damaged: &Counter<u64>,
) -> Result<Vec<StateRow>> {
    let mut good = Vec::new();
    for (key, value) in snapshot.scan(table, prefix, end_of(prefix).as_deref())? {
        if good.len() == limit {
            break;
        }
        match value {
            Ok(value) => good.push((key, value)),
            Err(error) => {
                damaged.add(1, &[KeyValue::new("signal", "state")]);
                tracing::error!(%error, "a row of the state was passed over");
            }
        }
    }
    Ok(good)
}

/// Returns the first key behind all that start with `prefix`; `None` when there is none.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Tells a caller of a failed commit that it may try again.
fn refused(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Internal => Error::unavailable(error.message(), RETRY),
        _ => error,
    }
}

/// Runs what waits for the disk beside the threads that serve requests.
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::internal("reading or writing the state panicked")))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use parking_lot::Mutex;

    use super::*;
    use crate::engines::kit::disk::RealDisk;
    use crate::storage::conformance::state::{Subject, run};

    fn open(path: &Path) -> Result<Engine> {
        Engine::open(&disk(), path)
    }

    fn disk() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    /// Stores in files of one directory, numbered.
    struct Files {
        dir: tempfile::TempDir,
        made: Mutex<u32>,
    }

    impl Files {
        fn path(&self, number: u32) -> PathBuf {
            self.dir.path().join(format!("{number}.redb"))
        }
    }

    #[async_trait]
    impl Subject for Files {
        async fn empty(&self) -> Arc<dyn StateStore> {
            let mut made = self.made.lock();
            *made += 1;
            Arc::new(open(&self.path(*made)).unwrap())
        }

        async fn reopened(&self, store: Arc<dyn StateStore>) -> Option<Arc<dyn StateStore>> {
            let mut made = self.made.lock();
            // A copy of the open file is what a crash at this moment leaves.
            std::fs::copy(self.path(*made), self.path(*made + 1)).unwrap();
            drop(store);
            *made += 1;
            Some(Arc::new(open(&self.path(*made)).unwrap()))
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_engine_keeps_every_promise_of_the_state_port() {
        run(&Files { dir: tempfile::tempdir().unwrap(), made: Mutex::new(0) }).await;
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.redb");
        drop(open(&path).unwrap());
        let newer = FORMAT_VERSION + 1;
        let container = Container::open(&disk(), &path, CACHE_BYTES).unwrap();
        container.write(|change| change.put(FORMAT_TABLE, FORMAT_KEY, &[newer])).unwrap();
        drop(container);
        let error = open(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let container = Container::open(&disk(), &path, CACHE_BYTES).unwrap();
        let version = container.snapshot().unwrap().get(FORMAT_TABLE, FORMAT_KEY).unwrap();
        assert_eq!(version, Some(vec![newer]));
    }

    #[tokio::test]
    async fn a_damaged_row_is_told_by_name_and_its_neighbours_serve() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.redb");
        let store = open(&path).unwrap();
        let put = |key: &[u8]| StateOp::Put { table: "t", key: key.to_vec(), value: b"1".to_vec() };
        store.transact(Vec::new(), vec![put(b"a"), put(b"b"), put(b"c")]).await.unwrap();
        drop(store);
        let raw = redb::Database::open(&path).unwrap();
        let change = raw.begin_write().unwrap();
        let table = redb::TableDefinition::<&[u8], &[u8]>::new("t");
        change.open_table(table).unwrap().insert(&b"b"[..], &b"1no checksum"[..]).unwrap();
        change.commit().unwrap();
        drop(raw);
        let store = open(&path).unwrap();
        let error = store.get("t", b"b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("t/62"), "{error}");
        let rows = store.scan("t", b"", 2).await.unwrap();
        assert_eq!(rows, [(b"a".to_vec(), b"1".to_vec()), (b"c".to_vec(), b"1".to_vec())]);
    }
}
