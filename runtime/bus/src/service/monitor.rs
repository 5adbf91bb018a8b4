//! What a service has done so far.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use super::endpoint::Endpoint;
use super::stats::Stats;
use crate::consumer::breaker::Breaker;
use crate::consumer::component::breaker_figure;
use crate::observe::{Component, ComponentKind, ComponentState, Figure, FigureKind, StateCell};

/// What became of the requests that a service got.
///
/// ```
/// let summary = eventsmith::monitor::ServiceSummary::default();
/// assert_eq!((summary.replied, summary.busy), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceSummary {
    /// Answered with a reply.
    pub replied: u64,
    /// Refused by their handlers.
    pub refused: u64,
    /// Answered with a failure of the handler, or as what it needs was not available.
    pub failed: u64,
    /// Answered as invalid, or of an unknown version.
    pub invalid: u64,
    /// Answered at once, as there was no room for them.
    pub busy: u64,
    /// Not begun, or cut off, as nobody waited any more.
    pub expired: u64,
}

/// A view of a service that goes on while it runs: for health checks and metrics. Cheap to clone.
///
/// ```
/// use eventsmith::Bus;
///
/// let service = Bus::in_memory().service("rules-management");
/// let monitor = service.monitor(); // kept for the health check, while `service` runs
/// assert_eq!(monitor.summary().replied, 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServiceMonitor {
    endpoints: Arc<OnceLock<Vec<EndpointStats>>>,
    state: Arc<StateCell>,
}

/// The type of a request, and the counters of its endpoint with its breaker.
type EndpointStats = (&'static str, Arc<Stats>, Option<Arc<Breaker>>);

/// A service that runs, until this is dropped.
pub(super) struct AtWork(Arc<StateCell>);

impl AtWork {
    pub(super) fn begin(monitor: &ServiceMonitor) -> Self {
        monitor.state.set(ComponentState::Starting);
        Self(Arc::clone(&monitor.state))
    }

    pub(super) fn set(&self, state: ComponentState) {
        self.0.set(state);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.set(ComponentState::Ended);
    }
}

/// A service, as observers meet it.
pub(super) struct ServiceComponent {
    pub(super) name: String,
    pub(super) monitor: ServiceMonitor,
}

impl Component for ServiceComponent {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Service
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> ComponentState {
        self.monitor.state.get()
    }

    fn figures(&self) -> Vec<Figure> {
        let under_way = self.monitor.under_way() as u64;
        let breakers = self.monitor.endpoints.get().into_iter().flatten();
        let breakers = breakers.filter_map(|(_, _, breaker)| breaker.as_ref());
        let breakers = breakers.map(|breaker| breaker_figure(&breaker.name, breaker.state()));
        let running = Figure { kind: FigureKind::Running, of: String::new(), value: under_way };
        std::iter::once(running).chain(breakers).collect()
    }
}

impl ServiceMonitor {
    pub(super) fn show(&self, endpoints: &[Arc<Endpoint>]) {
        let stats = endpoints
            .iter()
            .map(|endpoint| (endpoint.route.event_type, Arc::clone(&endpoint.stats), endpoint.breaker.clone()));
        // A service runs once, so there is nothing to replace.
        let _ = self.endpoints.set(stats.collect());
    }

    /// What became of the requests so far.
    pub fn summary(&self) -> ServiceSummary {
        self.endpoints().fold(ServiceSummary::default(), |sum, (_, next)| ServiceSummary {
            replied: sum.replied + next.replied,
            refused: sum.refused + next.refused,
            failed: sum.failed + next.failed,
            invalid: sum.invalid + next.invalid,
            busy: sum.busy + next.busy,
            expired: sum.expired + next.expired,
        })
    }

    /// How many requests run or wait at the moment.
    pub fn under_way(&self) -> usize {
        self.endpoints.get().into_iter().flatten().map(|(_, stats, _)| stats.under_way.load(Relaxed)).sum()
    }

    /// The [summary](Self::summary) of each type of request. None before the service runs.
    pub fn endpoints(&self) -> impl Iterator<Item = (&'static str, ServiceSummary)> {
        self.endpoints.get().into_iter().flatten().map(|(name, stats, _)| {
            let Stats { replied, refused, failed, invalid, busy, expired, .. } = &**stats;
            let [replied, refused, failed] = [replied, refused, failed].map(|counter| counter.load(Relaxed));
            let [invalid, busy, expired] = [invalid, busy, expired].map(|counter| counter.load(Relaxed));
            (*name, ServiceSummary { replied, refused, failed, invalid, busy, expired })
        })
    }
}
