//! Settings of consumers and services, what the settings of [`Config`](crate::Config) are made of, and what can be wrong with them.

pub use eventsmith_bus::config::{ConfigError, Secret, ServerUrl};
pub use eventsmith_bus::consumer::{BreakerConfig, ConsumerConfig, HandlerConfig, Order, RetryPolicy};
pub use eventsmith_bus::service::{EndpointConfig, ServiceConfig};
