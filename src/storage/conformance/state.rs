//! The suite of the state port: what [`StateStore`] promises, checked on any implementation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;

use crate::base::error::ErrorKind;
use crate::storage::state_store::{
    MAX_KEY_BYTES, MAX_VALUE_BYTES, Precondition, StateOp, StateStore,
};

const TABLE: &str = "silences";

/// Makes the stores that the suite checks.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens a new, empty store.
    async fn empty(&self) -> Arc<dyn StateStore>;

    /// Opens the data of `store`, the newest one, as a crash would leave it now; `None` when
    /// nothing is kept.
    async fn reopened(&self, store: Arc<dyn StateStore>) -> Option<Arc<dyn StateStore>> {
        drop(store);
        None
    }
}

/// Runs the whole suite.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run(subject: &dyn Subject) {
    rows_come_back_by_prefix_in_key_order_up_to_the_limit(subject).await;
    tables_do_not_share_keys(subject).await;
    operations_happen_in_order(subject).await;
    one_false_condition_prevents_everything(subject).await;
    one_oversize_operation_prevents_everything(subject).await;
    keys_and_values_of_the_largest_size_are_kept(subject).await;
    concurrent_changes_lose_no_update(subject).await;
    a_returned_transaction_outlives_a_crash(subject).await;
}

fn put(table: &'static str, key: &[u8], value: &[u8]) -> StateOp {
    StateOp::Put { table, key: key.to_vec(), value: value.to_vec() }
}

fn delete(table: &'static str, key: &[u8]) -> StateOp {
    StateOp::Delete { table, key: key.to_vec() }
}

fn when(key: &[u8], value: Option<&[u8]>) -> Precondition {
    Precondition { table: TABLE, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
}

async fn keys(store: &dyn StateStore, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
    store.scan(TABLE, prefix, limit).await.unwrap().into_iter().map(|(key, _)| key).collect()
}

async fn rows_come_back_by_prefix_in_key_order_up_to_the_limit(subject: &dyn Subject) {
    let store = subject.empty().await;
    assert_eq!(keys(&*store, b"", 10).await, Vec::<Vec<u8>>::new(), "an unknown table is empty");
    assert_eq!(store.get(TABLE, b"a").await, Ok(None));
    let stored: [&[u8]; 6] = [b"b", b"a\xff\xff", b"a", b"a\xff", b"\xff\xff", b"\xff"];
    let ops = stored.iter().map(|key| put(TABLE, key, b"")).collect();
    store.transact(Vec::new(), ops).await.unwrap();
    assert_eq!(keys(&*store, b"a", 10).await, [&b"a"[..], b"a\xff", b"a\xff\xff"]);
    assert_eq!(keys(&*store, b"a\xff", 10).await, [&b"a\xff"[..], b"a\xff\xff"]);
    assert_eq!(keys(&*store, b"\xff", 10).await, [&b"\xff"[..], b"\xff\xff"]);
    assert_eq!(keys(&*store, b"", 2).await, [&b"a"[..], b"a\xff"]);
    assert_eq!(keys(&*store, b"", 10).await.len(), stored.len());
    assert_eq!(keys(&*store, b"", 0).await, Vec::<Vec<u8>>::new());
}

async fn tables_do_not_share_keys(subject: &dyn Subject) {
    let store = subject.empty().await;
    let ops = vec![put(TABLE, b"a", b"1"), put("outbox", b"a", b"2")];
    store.transact(Vec::new(), ops).await.unwrap();
    store.transact(Vec::new(), vec![delete(TABLE, b"a")]).await.unwrap();
    assert_eq!(store.get(TABLE, b"a").await, Ok(None));
    assert_eq!(store.get("outbox", b"a").await, Ok(Some(b"2".to_vec())));
}

async fn operations_happen_in_order(subject: &dyn Subject) {
    let store = subject.empty().await;
    let ops = vec![
        put(TABLE, b"kept", b"1"),
        put(TABLE, b"kept", b"2"),
        put(TABLE, b"gone", b"1"),
        delete(TABLE, b"gone"),
        delete(TABLE, b"never there"),
    ];
    store.transact(Vec::new(), ops).await.unwrap();
    assert_eq!(store.get(TABLE, b"kept").await, Ok(Some(b"2".to_vec())));
    assert_eq!(store.get(TABLE, b"gone").await, Ok(None));
}

async fn one_false_condition_prevents_everything(subject: &dyn Subject) {
    let store = subject.empty().await;
    store.transact(vec![when(b"a", None)], vec![put(TABLE, b"a", b"1")]).await.unwrap();
    let false_ones = [when(b"a", None), when(b"a", Some(b"2")), when(b"b", Some(b""))];
    for condition in false_ones {
        let conditions = vec![when(b"a", Some(b"1")), condition.clone()];
        let ops = vec![put(TABLE, b"b", b"1"), delete(TABLE, b"a")];
        let error = store.transact(conditions, ops).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{condition:?}");
        assert_eq!(keys(&*store, b"", 10).await, [b"a"], "{condition:?}");
    }
    let conditions = vec![when(b"a", Some(b"1")), when(b"b", None)];
    store.transact(conditions, vec![delete(TABLE, b"a")]).await.unwrap();
    assert_eq!(store.get(TABLE, b"a").await, Ok(None));
}

async fn one_oversize_operation_prevents_everything(subject: &dyn Subject) {
    let store = subject.empty().await;
    let oversize = [
        put(TABLE, &vec![1; MAX_KEY_BYTES + 1], b""),
        put(TABLE, b"large", &vec![1; MAX_VALUE_BYTES + 1]),
        delete(TABLE, &vec![1; MAX_KEY_BYTES + 1]),
    ];
    for op in oversize {
        let ops = vec![put(TABLE, b"small", b""), op];
        let error = store.transact(Vec::new(), ops).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(keys(&*store, b"", 10).await, Vec::<Vec<u8>>::new());
    }
}

async fn keys_and_values_of_the_largest_size_are_kept(subject: &dyn Subject) {
    let store = subject.empty().await;
    let (key, value) = (vec![7; MAX_KEY_BYTES], vec![9; MAX_VALUE_BYTES]);
    store.transact(Vec::new(), vec![put(TABLE, &key, &value)]).await.unwrap();
    let found = store.get(TABLE, &key).await.unwrap();
    assert!(found == Some(value), "the value of the largest size came back otherwise");
}

async fn concurrent_changes_lose_no_update(subject: &dyn Subject) {
    const WRITERS: u8 = 8;
    let store = subject.empty().await;
    let add_one = || async {
        // Each failed try means that another writer got through, so this ends.
        for _ in 0..WRITERS {
            let before = store.get(TABLE, b"count").await.unwrap();
            let next = before.as_ref().map_or(1, |value| value[0] + 1);
            let condition = when(b"count", before.as_deref());
            match store.transact(vec![condition], vec![put(TABLE, b"count", &[next])]).await {
                Ok(()) => return,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
            }
        }
        panic!("a writer met more conflicts than there are writers");
    };
    futures_util::future::join_all((0..WRITERS).map(|_| add_one())).await;
    assert_eq!(store.get(TABLE, b"count").await, Ok(Some(vec![WRITERS])));
}

async fn a_returned_transaction_outlives_a_crash(subject: &dyn Subject) {
    let store = subject.empty().await;
    store.transact(Vec::new(), vec![put(TABLE, b"a", b"1"), put(TABLE, b"b", b"")]).await.unwrap();
    store.transact(Vec::new(), vec![delete(TABLE, b"a")]).await.unwrap();
    let Some(store) = subject.reopened(store).await else { return };
    assert_eq!(store.scan(TABLE, b"", 10).await, Ok(vec![(b"b".to_vec(), Vec::new())]));
}
