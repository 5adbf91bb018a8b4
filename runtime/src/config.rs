//! What the settings of [`Config`](crate::Config) are made of, and what can be wrong with them.

pub use eventsmith_bus::config::{ConfigError, Secret, ServerUrl};
