//! Who subscribed to events, and how they are delivered to.

use std::path::PathBuf;
use std::time::Duration;

use eventsmith::config::{BreakerConfig, ConsumerConfig, RetryPolicy};
use rules_events::common::{EndpointId, TenantId};

use crate::external::Backoff;

/// Somebody who subscribed to events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The name of the subscription.
    pub endpoint_id: EndpointId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Where the events go: `https://`, unless [`OutgoingConfig::allow_http`].
    pub url: String,
    /// The file of the secrets that sign them, `whsec_...`, one a line. It is read for each attempt.
    pub secret_file: PathBuf,
    /// The types of the events, such as `payment.captured`.
    pub types: Vec<String>,
}

/// How deliveries are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingConfig {
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
    /// How often an event is tried.
    pub max_attempts: u64,
    /// How long to wait between attempts. A receiver's `Retry-After` makes it longer, up to the longest.
    pub backoff: Backoff,
    /// When a receiver is left alone, and for how long. Its events wait on the server meanwhile.
    pub breaker: BreakerConfig,
    /// How many events a receiver gets at a time.
    pub concurrency: usize,
    /// Whether receivers may be called without TLS: for tests alone.
    pub allow_http: bool,
}

impl Default for OutgoingConfig {
    /// Attempts of 10 s, twelve of them over some ten hours.
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            max_attempts: 12,
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(2 * 3_600) },
            breaker: BreakerConfig {
                consecutive_failures: 5,
                open_for: Duration::from_secs(30),
                ..BreakerConfig::default()
            },
            concurrency: 4,
            allow_http: false,
        }
    }
}

impl Receiver {
    pub(super) fn consumer(&self) -> String {
        format!("webhooks-{}", self.endpoint_id)
    }

    /// The address as events tell it: without its query, and not at all where they have no room for it.
    pub(super) fn told_url(&self) -> Option<String> {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let path = url.strip_prefix("https://")?;
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_~-".contains(&byte);
        (!path.is_empty() && path.len() <= 2_000 && path.bytes().all(is_legal)).then(|| url.to_owned())
    }
}

impl OutgoingConfig {
    pub(super) fn consumer(&self) -> ConsumerConfig {
        ConsumerConfig {
            concurrency: self.concurrency,
            // What waits here is not redelivered elsewhere meanwhile.
            prefetch: self.concurrency,
            timeout: self.attempt_timeout + Duration::from_secs(30),
            retry: RetryPolicy {
                first_delay: self.backoff.first,
                max_delay: self.backoff.longest,
                max_attempts: self.max_attempts,
            },
            breaker: Some(self.breaker.clone()),
            ..ConsumerConfig::default()
        }
    }
}
