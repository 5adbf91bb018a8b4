//! Traces, metrics and health of a service, by OpenTelemetry. `docs/telemetry.md` shows how.

pub use eventsmith_telemetry::{LaterDeliveries, ServeError, Telemetry, TelemetryBuilder, TelemetryError, names};
