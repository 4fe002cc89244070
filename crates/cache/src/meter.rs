//! How far a transfer has come, for whoever shows it; and whether it is to stop.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::gc::Tally;

/// Counts what is transferred. Read and written by many threads.
#[derive(Debug, Default)]
pub struct Meter {
    stop: Arc<AtomicBool>,
    count: AtomicUsize,
    bytes: AtomicU64,
    all_count: AtomicUsize,
    all_bytes: AtomicU64,
}

impl Meter {
    /// A meter of a transfer that ends when `stop` is set.
    pub fn new(stop: Arc<AtomicBool>) -> Self {
        Meter { stop, ..Meter::default() }
    }

    /// What has been transferred, and what is to be in all as far as that is known.
    pub fn read(&self) -> (Tally, Tally) {
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let bytes = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed);
        (
            Tally { count: count(&self.count), bytes: bytes(&self.bytes) },
            Tally { count: count(&self.all_count), bytes: bytes(&self.all_bytes) },
        )
    }

    /// Whether it is to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Some more is to be transferred.
    pub(crate) fn expect(&self, more: Tally) {
        self.all_count.fetch_add(more.count, Ordering::Relaxed);
        self.all_bytes.fetch_add(more.bytes, Ordering::Relaxed);
    }

    /// Bytes went over.
    pub(crate) fn moved(&self, bytes: u64) -> ControlFlow<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Bytes that went over were of no use.
    pub(crate) fn undo(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// An object arrived.
    pub(crate) fn arrived(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}
