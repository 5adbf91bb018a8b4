//! What consumers and services show of themselves while they run, and once they have ended.

pub use eventsmith_bus::consumer::{BreakerState, Monitor, Summary};
pub use eventsmith_bus::service::{ServiceMonitor, ServiceSummary};
