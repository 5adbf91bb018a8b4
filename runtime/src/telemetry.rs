//! Traces, metrics and health of a service, by OpenTelemetry: feature `telemetry`, and `otlp` to send them to a collector. With
//! `telemetry-names` alone there is the table of the metrics, without OpenTelemetry. `docs/telemetry.md` shows how.

pub use eventsmith_telemetry::names;
#[cfg(feature = "telemetry")]
pub use eventsmith_telemetry::{LaterDeliveries, ServeError, Telemetry, TelemetryBuilder, TelemetryError};
