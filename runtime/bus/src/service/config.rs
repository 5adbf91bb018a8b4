//! How a service answers: one struct, from code or from any format that serde reads.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::config::duration;
use crate::consumer::BreakerConfig;

/// How a [`Service`](super::Service) works. Every setting has a default that is right for production.
///
/// ```
/// use eventsmith::config::ServiceConfig;
///
/// let config: ServiceConfig = toml::from_str(
///     r#"
///     version = "1.4.0"
///     concurrency = 32
///
///     [endpoints."evaluation.evaluate"]
///     concurrency = 4
///     timeout = "2s"
///     "#,
/// )?;
/// assert_eq!(config.endpoints["evaluation.evaluate"].concurrency, Some(4));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceConfig {
    /// The version of the service as discovery tells it, by the rules of <https://semver.org>. Default: `0.0.0`.
    pub version: String,
    /// What the service is for, as discovery tells it. Default: nothing.
    pub description: String,
    /// What else discovery tells of the service. Default: nothing.
    pub metadata: BTreeMap<String, String>,
    /// Of all services with this queue group that answer a request, one gets it. Default: `q`.
    pub queue_group: String,
    /// How many requests of one type are handled at the same time; at least 1. Default: 64.
    pub concurrency: usize,
    /// How many requests of one type wait at most until one of those is done; more are answered at once, with code 429.
    /// Default: 256.
    pub max_queued: usize,
    /// How long a handler may take, where its caller does not wait for a shorter time. Default: 30 s.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// A circuit breaker for every endpoint: while it is open, requests are answered with code 503. Default: none.
    pub breaker: Option<BreakerConfig>,
    /// What is different for the requests of one type, by that type.
    pub endpoints: BTreeMap<String, EndpointConfig>,
    /// How long handlers may go on once the service is asked to stop. What still runs or waits then is answered with code 503.
    /// Default: 25 s, which is less than the 30 s that Kubernetes waits.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
}

/// What is different for one type of request.
///
/// ```
/// use eventsmith::config::{EndpointConfig, ServiceConfig};
///
/// let mut config = ServiceConfig::default();
/// let one_by_one = EndpointConfig { concurrency: Some(1), ..EndpointConfig::default() };
/// config.endpoints.insert("cache.warm".to_owned(), one_by_one);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointConfig {
    /// Instead of [`ServiceConfig::concurrency`].
    pub concurrency: Option<usize>,
    /// Instead of [`ServiceConfig::max_queued`].
    pub max_queued: Option<usize>,
    /// Instead of [`ServiceConfig::timeout`].
    #[serde(deserialize_with = "duration::optional")]
    pub timeout: Option<Duration>,
    /// Instead of [`ServiceConfig::breaker`].
    pub breaker: Option<BreakerConfig>,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            version: "0.0.0".to_owned(),
            description: String::new(),
            metadata: BTreeMap::new(),
            queue_group: "q".to_owned(),
            concurrency: 64,
            max_queued: 256,
            timeout: Duration::from_secs(30),
            breaker: None,
            endpoints: BTreeMap::new(),
            shutdown_timeout: Duration::from_secs(25),
        }
    }
}

impl ServiceConfig {
    /// The first setting with a value under which nothing could be answered, and what would be right.
    pub(super) fn senseless(&self) -> Option<(String, &'static str)> {
        const ONE: &str = "it must be 1 at least, or nothing is ever answered";
        const TIME: &str = "it must be longer than no time at all, or every handler is cut off";
        if !is_semver(&self.version) {
            return Some(("version".to_owned(), "it must be a semantic version, such as 1.4.0"));
        }
        let is_token =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || ".*>".contains(c));
        if !is_token(&self.queue_group) {
            return Some(("queue_group".to_owned(), "it must be one token, without dots, wildcards and spaces"));
        }
        let own = ("".to_owned(), Some(self.concurrency), Some(self.timeout), self.breaker.as_ref());
        let endpoints = self.endpoints.iter().map(|(name, endpoint)| {
            let EndpointConfig { concurrency, timeout, breaker, .. } = endpoint;
            (format!("endpoints.{name}."), *concurrency, *timeout, breaker.as_ref())
        });
        std::iter::once(own).chain(endpoints).find_map(|(prefix, concurrency, timeout, breaker)| {
            if concurrency == Some(0) {
                return Some((format!("{prefix}concurrency"), ONE));
            }
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                return Some((format!("{prefix}timeout"), TIME));
            }
            let (setting, reason) = breaker?.senseless()?;
            Some((format!("{prefix}breaker.{setting}"), reason))
        })
    }
}

/// Whether a text is a version by the rules of semver: three numbers, and labels behind `-` and `+`.
fn is_semver(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, label) = text.split_once('-').map_or((text, None), |(numbers, label)| (numbers, Some(label)));
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let is_label = |label: &str| {
        label
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    };
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number) && label.into_iter().chain(build).all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        for right in ["0.0.0", "1.10.2", "1.0.0-rc.1", "1.0.0+abc.5", "2.0.0-a-b+c"] {
            assert!(is_semver(right), "{right}");
        }
        for wrong in ["", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.x", "1.0.0-", "1.0.0+é"] {
            assert!(!is_semver(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_senseless_setting_is_named() {
        let mut config = ServiceConfig::default();
        assert_eq!(config.senseless(), None);
        config.endpoints.insert("a.b".to_owned(), EndpointConfig { concurrency: Some(0), ..Default::default() });

        assert_eq!(config.senseless().unwrap().0, "endpoints.a.b.concurrency");
        assert!(toml::from_str::<ServiceConfig>("concurency = 3").is_err());
    }
}
