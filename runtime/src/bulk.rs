//! Publishing many events with few acknowledgements, for imports and replays: [`Bus::publish_bulk`](crate::Bus::publish_bulk).

pub use eventsmith_bus::publish::{BulkError, BulkPlace, BulkPublished, BulkPublisher};
