//! Receipts of the latest messages.

use std::collections::VecDeque;

use crate::model::delivery::DeliveryReceipt;

/// How many are kept.
const KEPT: usize = 1_000;

/// The latest receipts in the order in which messages ended.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    receipts: VecDeque<DeliveryReceipt>,
}

impl Receipts {
    /// Keeps a receipt; more than are kept push out the oldest.
    pub(crate) fn keep(&mut self, receipt: DeliveryReceipt) {
        self.receipts.push_back(receipt);
        while self.receipts.len() > KEPT {
            self.receipts.pop_front();
        }
    }

    /// Returns the id of the receipt that the next one pushes out.
    pub(crate) fn outgoing(&self) -> Option<u64> {
        let full = self.receipts.len() >= KEPT;
        self.receipts.front().filter(|_| full).map(|receipt| receipt.id)
    }

    /// Returns the latest, newest first, at most `limit`.
    pub(crate) fn latest(&self, limit: usize) -> Vec<DeliveryReceipt> {
        self.receipts.iter().rev().take(limit).cloned().collect()
    }
}
