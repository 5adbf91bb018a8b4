//! What a service has done so far.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use super::endpoint::Endpoint;
use super::stats::Stats;

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
}

/// The type of a request, and the counters of its endpoint.
type EndpointStats = (&'static str, Arc<Stats>);

impl ServiceMonitor {
    pub(super) fn show(&self, endpoints: &[Arc<Endpoint>]) {
        let stats = endpoints.iter().map(|endpoint| (endpoint.route.event_type, Arc::clone(&endpoint.stats)));
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
        self.endpoints.get().into_iter().flatten().map(|(_, stats)| stats.under_way.load(Relaxed)).sum()
    }

    /// The [summary](Self::summary) of each type of request. None before the service runs.
    pub fn endpoints(&self) -> impl Iterator<Item = (&'static str, ServiceSummary)> {
        self.endpoints.get().into_iter().flatten().map(|(name, stats)| {
            let Stats { replied, refused, failed, invalid, busy, expired, .. } = &**stats;
            let [replied, refused, failed] = [replied, refused, failed].map(|counter| counter.load(Relaxed));
            let [invalid, busy, expired] = [invalid, busy, expired].map(|counter| counter.load(Relaxed));
            (*name, ServiceSummary { replied, refused, failed, invalid, busy, expired })
        })
    }
}
