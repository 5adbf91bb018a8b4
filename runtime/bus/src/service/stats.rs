//! What an endpoint has done so far, as discovery and monitors tell it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::answer::{Answer, Outcome};

/// Each run counts for this part of the recent processing time, and those before it for the rest.
const RECENT: u64 = 8;

/// Counters of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) replied: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) expired: AtomicU64,
    /// How many run or wait.
    pub(super) under_way: AtomicUsize,
    /// Nanoseconds in handlers, and how many ran.
    processing: AtomicU64,
    processed: AtomicU64,
    /// Nanoseconds that a handler takes at present.
    recent: AtomicU64,
    last_error: Mutex<String>,
}

impl Stats {
    pub(super) fn note(&self, answer: &Answer) {
        let counter = match answer.outcome {
            Outcome::Replied => &self.replied,
            Outcome::Refused => &self.refused,
            Outcome::Failed => &self.failed,
            Outcome::Invalid => &self.invalid,
            Outcome::Busy => &self.busy,
            Outcome::Expired => &self.expired,
        };
        counter.fetch_add(1, Relaxed);
        if let Some((code, message)) = &answer.error {
            // As ADR-32 has it.
            let message = answer.told.as_ref().unwrap_or(message);
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = format!("{code}:{message}");
        }
    }

    /// A handler ran for so long, to its end or not.
    pub(super) fn processed(&self, took: Duration, to_its_end: bool) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.processing.fetch_add(took, Relaxed);
        self.processed.fetch_add(1, Relaxed);
        // It may be any of several that end at a time; that they miss one another is no harm.
        let recent = self.recent.load(Relaxed);
        let next = match recent {
            0 => took,
            _ => recent - recent / RECENT + took / RECENT,
        };
        // One that was cut off would have taken longer.
        self.recent.store(if to_its_end { next } else { next.max(recent) }, Relaxed);
    }

    /// How long a handler takes at present; nothing before one has run.
    pub(super) fn recent_processing_time(&self) -> Duration {
        Duration::from_nanos(self.recent.load(Relaxed))
    }

    /// All requests that were answered, in whatever way.
    pub(super) fn requests(&self) -> u64 {
        self.replied.load(Relaxed) + self.errors()
    }

    /// Those that were answered with an error.
    pub(super) fn errors(&self) -> u64 {
        let all = [&self.refused, &self.failed, &self.invalid, &self.busy, &self.expired];
        all.iter().map(|counter| counter.load(Relaxed)).sum()
    }

    pub(super) fn processing_time(&self) -> u64 {
        self.processing.load(Relaxed)
    }

    pub(super) fn average_processing_time(&self) -> u64 {
        self.processing_time().checked_div(self.processed.load(Relaxed)).unwrap_or_default()
    }

    pub(super) fn last_error(&self) -> String {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
