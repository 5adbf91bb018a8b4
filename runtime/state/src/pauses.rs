//! Buckets that did not do what was asked of them, and are left alone for a while: so nobody waits for them time and again, and each is
//! told of once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long a bucket is left alone first. It doubles each time.
const FIRST: Duration = Duration::from_secs(5);
/// For how long it is left alone at most.
const LONGEST: Duration = Duration::from_secs(300);

/// What is asked of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    Write,
}

/// The buckets that are left alone. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pauses(Arc<Mutex<BTreeMap<(&'static str, Access), Pause>>>);

#[derive(Debug)]
struct Pause {
    until: Instant,
    next: Duration,
}

impl Pauses {
    /// Whether nothing is to be asked of it for now.
    pub(crate) fn is_on(&self, bucket: &'static str, access: Access) -> bool {
        self.with(|pauses| pauses.get(&(bucket, access)).is_some_and(|pause| Instant::now() < pause.until))
    }

    /// It failed. Says whether it did not before: then it is to be told.
    pub(crate) fn failed(&self, bucket: &'static str, access: Access) -> bool {
        self.with(|pauses| {
            let is_new = !pauses.contains_key(&(bucket, access));
            let pause = pauses.entry((bucket, access)).or_insert(Pause { until: Instant::now(), next: FIRST });
            (pause.until, pause.next) = (Instant::now() + pause.next, (pause.next * 2).min(LONGEST));
            is_new
        })
    }

    /// It did what was asked of it. Says whether it had failed before.
    pub(crate) fn went_well(&self, bucket: &'static str, access: Access) -> bool {
        self.with(|pauses| pauses.remove(&(bucket, access)).is_some())
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<(&'static str, Access), Pause>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_is_left_alone_longer_each_time_and_told_of_once() {
        let pauses = Pauses::default();
        let mut lasted = Vec::new();

        let told: Vec<bool> = {
            let mut told = Vec::new();
            for _ in 0..8 {
                told.push(pauses.failed("B", Access::Write));
                let began = Instant::now();
                while pauses.is_on("B", Access::Write) {
                    tokio::time::advance(Duration::from_secs(1)).await;
                }
                lasted.push(began.elapsed().as_secs());
            }
            told
        };

        assert_eq!(told, [true, false, false, false, false, false, false, false]);
        assert_eq!(lasted, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert!(!pauses.is_on("B", Access::Read) && !pauses.is_on("A", Access::Write));
        assert!(pauses.went_well("B", Access::Write) && !pauses.went_well("B", Access::Write));
        assert!(pauses.failed("B", Access::Write));
    }
}
