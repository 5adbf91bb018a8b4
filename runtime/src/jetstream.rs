//! The transport over NATS JetStream. Only this module and those below it name `async_nats`.

mod connect;
mod consume;
mod provision;
mod pull;
mod send;

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::Error as ServerError;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Config;
use crate::transport::Unavailable;

pub use connect::{ConnectError, ShutdownError};
pub(crate) use pull::{Acker, Deliveries};

/// A connection to NATS; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct JetStream {
    client: Client,
    context: Context,
    link: watch::Receiver<Link>,
    ack_timeout: Duration,
    request_timeout: Duration,
}

/// What the client tells about its connection as time goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    connected: bool,
    closed: bool,
    /// How often the connection was lost.
    losses: u64,
}

/// What the server answers: what was asked for, or an error with a code.
type Answer<T> = Result<T, ServerError>;

impl JetStream {
    pub(crate) async fn connect(config: &Config) -> Result<Self, ConnectError> {
        let (client, link) = connect::connect(config).await?;
        let context = ContextBuilder::new()
            .timeout(config.ack_timeout)
            .max_ack_inflight(config.max_in_flight.max(1_000))
            .build(client.clone());
        let (ack_timeout, request_timeout) = (config.ack_timeout, config.request_timeout);
        Ok(Self { client, context, link, ack_timeout, request_timeout })
    }

    /// Asks the server's JetStream API.
    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        request: &impl Serialize,
    ) -> Result<Answer<T>, Unavailable> {
        let answer = timeout(self.request_timeout, self.context.request(subject, request)).await;
        match answer {
            Ok(Ok(Response::Ok(answer))) => Ok(Ok(answer)),
            Ok(Ok(Response::Err { error })) => Ok(Err(error)),
            Ok(Err(error)) => Err(Unavailable(error.to_string())),
            Err(_) => Err(Unavailable(format!("no answer within {:?}", self.request_timeout))),
        }
    }

    pub(crate) async fn streams_of(&self, subject: &str) -> Result<Vec<String>, Unavailable> {
        #[derive(Deserialize)]
        struct Names {
            streams: Option<Vec<String>>,
        }
        let answer = self.ask::<Names>("STREAM.NAMES".to_owned(), &json!({ "subject": subject })).await?;
        let names = answer.map_err(|error| Unavailable(error.to_string()))?;
        Ok(names.streams.unwrap_or_default())
    }

    pub(crate) async fn close(&self) -> Result<(), Unavailable> {
        let mut link = self.link.clone();
        // Draining closes the socket without regard to what is not written yet, so that comes first.
        let close = async {
            self.client.flush().await.map_err(|error| Unavailable(error.to_string()))?;
            self.client.drain().await.map_err(|error| Unavailable(error.to_string()))?;
            // Fails only when the client's tasks have ended, which is what is waited for.
            drop(link.wait_for(|link| link.closed).await);
            Ok(())
        };
        let in_time = timeout(self.request_timeout, close).await;
        in_time.unwrap_or_else(|_| Err(Unavailable(format!("not closed within {:?}", self.request_timeout))))
    }
}

/// A configuration as the server has it, including what this version of the client knows nothing of.
type Settings = Map<String, Value>;

/// The server writes durations as nanoseconds.
fn nanos(duration: Duration) -> Value {
    Value::from(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
