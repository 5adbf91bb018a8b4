//! Why a consumer does not run.

use crate::cause::Cause;
use crate::transport::Denied;

/// Why a consumer does not run, or no longer.
///
/// ```
/// use eventsmith::{Bus, ConsumeError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Bus::in_memory().consumer("promotions").run(async {}).await.unwrap_err();
/// assert!(matches!(error, ConsumeError::NoHandlers));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The name cannot be that of a durable consumer.
    #[error("{name:?} cannot name a consumer; use letters, digits, '-' and '_' only")]
    InvalidName {
        /// The name that was given.
        name: String,
    },
    /// There is no handler at all.
    #[error("the consumer has no handlers; give it one with .on(handler)")]
    NoHandlers,
    /// The configuration contradicts itself, or the handlers.
    #[error("the setting {setting} of the consumer is wrong: {reason}")]
    Config {
        /// The setting.
        setting: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// Events are to be ordered by their key and have none.
    #[error(
        "order = \"key\" cannot order {event_type}: its schema {schema} names no key; name one there, as in \
         \"x-event\": {{\"key\": \"/id\"}}, or set order = \"none\" in handlers.\"{event_type}\""
    )]
    NoKey {
        /// The type of the event.
        event_type: &'static str,
        /// Its schema file in the catalogue.
        schema: String,
    },
    /// There is no stream for what cannot be handled.
    #[error(
        "no stream captures {subject}, where dead letters go; declare one in eventsmith.toml and provision it \
         (Bus::provision, or `eventsmith streams apply`)"
    )]
    NoDeadLetters {
        /// The subjects of the dead letters of the consumer.
        subject: String,
    },
    /// Two handlers are for the same type of event.
    #[error("two handlers are for {event_type}; an event goes to one handler, which may call both")]
    TwoHandlers {
        /// The type of the event.
        event_type: &'static str,
    },
    /// No stream holds the events of a handler.
    #[error(
        "no stream captures {subject}, where {event_type} is published; provision the streams (Bus::provision) first"
    )]
    NoStream {
        /// The type of the event.
        event_type: &'static str,
        /// Its subject.
        subject: &'static str,
    },
    /// The durable consumer does not exist, and the bus is not configured to create it.
    #[error(
        "the consumer {consumer} of {stream} does not exist; provision the catalogue (`eventsmith streams apply`, or \
         Bus::provision with services), or set create_consumers in development"
    )]
    Missing {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
    },
    /// The durable consumer is not what this service needs.
    #[error(
        "the consumer {consumer} of {stream} is not what this service needs: {differences}; provision the catalogue \
         that this service was built from (`eventsmith streams plan` shows what would change)"
    )]
    Different {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// Every setting that differs, with what it is and what it must be.
        differences: String,
    },
    /// A consumer of this name exists and cannot become the one that is needed.
    #[error("the consumer {consumer} of {stream} cannot be used: {setting}: {reason}; delete it, or use another name")]
    Refused {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// The setting that stands in the way.
        setting: &'static str,
        /// Why.
        reason: String,
    },
    /// The server refused the consumer.
    #[error("the server refused the consumer {consumer} of {stream}: {reason}")]
    Server {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// The server's message.
        #[source]
        reason: Cause,
    },
    /// The consumer, or its stream, was deleted while it ran.
    #[error(
        "the consumer {consumer} of {stream} cannot be read any more: {reason}; see that it is provisioned \
         (`eventsmith streams apply`) and run it again"
    )]
    Gone {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// The server's message.
        #[source]
        reason: Cause,
    },
    /// The server did not let this program in again after the connection was lost, for as long as
    /// [`login_timeout`](crate::config::Config::login_timeout) says.
    #[error(
        "the consumer {consumer} of {stream} cannot be read any more: {reason}; see that the user exists and that its \
         credentials are current, and run it again"
    )]
    Unauthorized {
        /// The name of the stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// For how long.
        reason: String,
    },
    /// The server does not let this user do what the consumer needs: look for it, fetch, ack, or receive answers.
    #[error("the consumer {consumer} cannot work: {denied}")]
    Denied {
        /// The name of the consumer.
        consumer: String,
        /// What is not allowed, and how to allow it.
        #[source]
        denied: Denied,
    },
    /// The server did not answer.
    #[error("the server did not answer about {about}: {reason}; is JetStream enabled, and may this user use it?")]
    Unavailable {
        /// What it was asked about.
        about: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

impl ConsumeError {
    /// What the server denied, if that is what led to this error.
    pub(super) fn denial(&self) -> Option<Denied> {
        Denied::behind(self).cloned()
    }
}
