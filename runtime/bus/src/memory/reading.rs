//! Who reads streams in memory in their order, and how far: for those who wait until all is taken in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All who read.
#[derive(Debug, Default)]
pub(super) struct Readings(Mutex<BTreeMap<u64, Place>>);

/// What is read, and how far.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) stream: String,
    pub(super) subject: String,
    pub(super) sequence: u64,
}

impl Readings {
    /// Somebody begins, and has this number from now on.
    pub(super) fn begin(&self, place: Place) -> u64 {
        let mut all = self.all();
        let id = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(id, place);
        id
    }

    pub(super) fn at(&self, id: u64, sequence: u64) {
        if let Some(place) = self.all().get_mut(&id) {
            place.sequence = sequence;
        }
    }

    pub(super) fn end(&self, id: u64) {
        self.all().remove(&id);
    }

    pub(super) fn any(&self, holds: impl FnMut(&Place) -> bool) -> bool {
        self.all().values().any(holds)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
