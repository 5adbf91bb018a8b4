//! What works for long on the buses that are observed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eventsmith_bus::observe::{Component, ComponentKind, ComponentState};

/// All components. One that is made anew takes the place of those of its kind and name that have ended or were never run; two that are at
/// work, of two buses perhaps, are two.
#[derive(Clone, Default)]
pub(crate) struct Components(Arc<Mutex<ByName>>);

type ByName = BTreeMap<(ComponentKind, String), Vec<Arc<dyn Component>>>;

impl Components {
    pub(crate) fn add(&self, component: &Arc<dyn Component>) {
        let key = (component.kind(), component.name());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = all.entry(key).or_default();
        alike.retain(|other| !matches!(other.state(), ComponentState::Ended | ComponentState::Made));
        alike.push(Arc::clone(component));
    }

    /// As they are now. Nothing is locked while they are asked.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Component>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().flatten().cloned().collect()
    }
}
