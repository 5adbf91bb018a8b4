//! What the routes have in common.

use std::sync::Arc;

use eventsmith::Bus;
use eventsmith::catalogue::EventDescriptor;
use tokio::sync::Semaphore;

use super::config::ApiConfig;
use super::health::Watch;

/// What all requests share.
pub(super) struct Shared {
    pub(super) bus: Bus,
    pub(super) config: ApiConfig,
    pub(super) permits: Semaphore,
    pub(super) catalogue: &'static [EventDescriptor],
    pub(super) watch: Arc<Watch>,
}
