//! Test aids, for `[dev-dependencies]`. Needs the feature `testing`.
//!
//! ```
//! use eventsmith::testing::{NatsServer, ServerError};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ServerError> {
//! let mut server = NatsServer::start().await?;
//! let url = server.url();
//! assert!(url.starts_with("nats://127.0.0.1:"));
//!
//! server.kill()?; // a crash
//! server.start_again().await?; // the same port, the same store
//! assert_eq!(server.url(), url);
//! # Ok(())
//! # }
//! ```

pub use eventsmith_testing::{NatsCluster, NatsServer, NatsServerBuilder, ServerError, agreement, find_or_install};
