//! What a projection in this process is doing, for those who look.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsmith_bus::observe::{Component, ComponentKind, ComponentState, Figure, FigureKind, StateCell};
use tokio::sync::watch;

use super::generation::Generation;
use super::status::{EffectsProgress, ProjectionStatus};

/// What a projection in this process is doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doing {
    /// The read models that it makes, or would make.
    pub(crate) models: BTreeMap<Generation, ProjectionStatus>,
    /// The one that serves, if it makes that.
    pub(crate) serving: Option<Generation>,
    /// Whether that has everything which the streams held when this instance began.
    pub(crate) is_current: bool,
    /// Whether a read model is built that is to serve.
    pub(crate) is_building: bool,
    /// How far the side effects are, once they have begun.
    pub(crate) effects: Option<EffectsProgress>,
    /// Whether the side effects of all that are done.
    pub(crate) are_effects_done: bool,
}

impl Doing {
    /// Tells how far the side effects are.
    pub(crate) fn have(&mut self, effects: EffectsProgress) {
        if let Some(model) = self.serving.and_then(|serving| self.models.get_mut(&serving)) {
            model.skipped_effects = effects.skipped;
            model.effects = Some(effects.clone());
        }
        self.effects = Some(effects);
    }
}

/// What a projection in this process is doing: live, without asking a server. See [`Projection::monitor`](super::definition::Projection::monitor).
///
/// ```
/// use eventsmith::state::ProjectionMonitor;
///
/// fn is_healthy(monitor: &ProjectionMonitor) -> bool {
///     monitor.statuses().iter().all(|status| status.error.is_none())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ProjectionMonitor(watch::Receiver<Doing>);

impl ProjectionMonitor {
    pub(crate) fn new(doing: watch::Receiver<Doing>) -> Self {
        Self(doing)
    }

    /// The read models that this instance makes, or waits to make.
    pub fn statuses(&self) -> Vec<ProjectionStatus> {
        self.0.borrow().models.values().cloned().collect()
    }

    /// The read model that serves, if this instance makes it or waits to.
    pub fn serving(&self) -> Option<ProjectionStatus> {
        let doing = self.0.borrow();
        doing.models.get(&doing.serving?).cloned()
    }

    /// Waits until this instance has projected everything that was there when it began into the read model that serves, and the
    /// side effects of that are done.
    pub async fn caught_up(&mut self) {
        self.is(|doing| doing.is_current && doing.are_effects_done).await;
    }

    /// [`caught_up`](Self::caught_up), and what is built beside serves.
    pub(crate) async fn built(&mut self) {
        self.is(|doing| doing.is_current && doing.are_effects_done && !doing.is_building).await;
    }

    async fn is(&mut self, is_current: impl Fn(&Doing) -> bool) {
        if self.0.wait_for(|doing| is_current(doing)).await.is_err() {
            // The projection is gone, and will never be.
            std::future::pending::<()>().await;
        }
    }
}

/// A projection, as observers meet it.
pub(crate) struct ProjectionComponent {
    pub(crate) name: String,
    pub(crate) monitor: ProjectionMonitor,
    pub(crate) state: Arc<StateCell>,
}

impl Component for ProjectionComponent {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Projection
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> ComponentState {
        match self.state.get() {
            // Once it knows which read models it is to make, or waits to make, it is at work.
            ComponentState::Starting if !self.monitor.statuses().is_empty() => ComponentState::Working,
            state => state,
        }
    }

    fn trouble(&self) -> Option<String> {
        self.monitor.statuses().into_iter().find_map(|status| status.error)
    }

    fn figures(&self) -> Vec<Figure> {
        let serving = self.monitor.serving().or_else(|| self.monitor.statuses().into_iter().next());
        let behind = serving.map(|status| status.behind());
        behind.map(|value| Figure { kind: FigureKind::Lag, of: String::new(), value }).into_iter().collect()
    }
}

/// A projection that runs, until this is dropped.
pub(crate) struct AtWork(Arc<StateCell>);

impl AtWork {
    pub(crate) fn begin(state: &Arc<StateCell>) -> Self {
        state.set(ComponentState::Starting);
        Self(Arc::clone(state))
    }

    pub(crate) fn stopping(&self) {
        self.0.set(ComponentState::Stopping);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.set(ComponentState::Ended);
    }
}
