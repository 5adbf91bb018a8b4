//! Live events, which nobody keeps: [`Bus::subscribe`](crate::Bus::subscribe).

pub use eventsmith_bus::subscriber::{LiveError, SubscribeBuilder, SubscribeError, Subscriber};
