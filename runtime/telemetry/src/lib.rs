//! Traces, metrics and health of services, by OpenTelemetry.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on: this crate has no promises of its own.
//! The bus tells its observers what happens; [`Telemetry`] is one, and the bus knows nothing of it.
//!
//! [`names`] lists the metrics, and is all there is without the feature `export`: for tools that make dashboards of it.

#[cfg(feature = "export")]
mod bounded;
#[cfg(feature = "export")]
mod components;
#[cfg(feature = "export")]
mod figures;
#[cfg(feature = "export")]
mod health;
#[cfg(feature = "export")]
mod metrics;
pub mod names;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "export")]
mod sampling;
#[cfg(feature = "export")]
mod telemetry;
#[cfg(feature = "export")]
mod traces;

#[cfg(feature = "export")]
pub use health::ServeError;
#[cfg(feature = "export")]
pub use telemetry::{Telemetry, TelemetryBuilder, TelemetryError};
#[cfg(feature = "export")]
pub use traces::LaterDeliveries;
