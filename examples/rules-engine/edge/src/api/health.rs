//! Whether the process answers, and whether what it needs is there.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use eventsmith::observe::{Component, ComponentState, Observer};

/// Knows what was made of a bus.
#[derive(Default)]
pub(super) struct Watch {
    components: Mutex<Vec<Arc<dyn Component>>>,
}

impl Observer for Watch {
    fn meet(&self, component: &Arc<dyn Component>) {
        self.components.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(component));
    }
}

impl Watch {
    /// Whether all is at work, and a line about each that is not.
    pub(super) fn readiness(&self) -> (StatusCode, String) {
        let components = self.components.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: String = components
            .iter()
            .filter(|component| component.state() != ComponentState::Working)
            .map(|component| format!("{} {}\n", component.kind().as_str(), component.state().as_str()))
            .collect();
        match missing.is_empty() {
            true => (StatusCode::OK, "ready\n".to_owned()),
            false => (StatusCode::SERVICE_UNAVAILABLE, missing),
        }
    }
}
