//! Events that found no instance: one that is told of may be about to begin.
//!
//! What is counted is how often it was looked for in vain, and nothing else: an attempt that failed as the server did not answer says nothing
//! of whether the instance is there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many events are remembered. Beyond them all are looked for anew.
const REMEMBERED: usize = 10_000;

/// How often each event found no instance, in this process. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Misses(Arc<Mutex<HashMap<String, u64>>>);

impl Misses {
    /// It found none once more: how often that is.
    pub(crate) fn count(&self, event: String) -> u64 {
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if misses.len() >= REMEMBERED && !misses.contains_key(&event) {
            misses.clear();
        }
        let count = misses.entry(event).or_default();
        *count += 1;
        *count
    }

    /// It need not be remembered any more.
    pub(crate) fn forget(&self, event: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_nothing_is_counted_and_bounded() {
        let misses = Misses::default();

        let counts = [misses.count("a".into()), misses.count("a".into()), misses.count("b".into())];
        misses.forget("a");

        assert_eq!((counts, misses.count("a".into())), ([1, 2, 1], 1));
        (0..2 * REMEMBERED).for_each(|event| assert_eq!(misses.count(format!("e-{event}")), 1));
        assert!(misses.0.lock().unwrap().len() <= REMEMBERED);
    }
}
