//! What works for long on the buses that are observed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eventsmith_bus::observe::{Component, ComponentKind};

/// All components, each by its kind and name. One that is made anew takes the place of the one before.
#[derive(Clone, Default)]
pub(crate) struct Components(Arc<Mutex<ByName>>);

type ByName = BTreeMap<(ComponentKind, String), Arc<dyn Component>>;

impl Components {
    pub(crate) fn add(&self, component: &Arc<dyn Component>) {
        let key = (component.kind(), component.name());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(component));
    }

    /// As they are now. Nothing is locked while they are asked.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Component>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
