//! How the API is set up.

use std::path::PathBuf;
use std::time::Duration;

/// What the API allows.
///
/// ```
/// use rules_engine_edge::api::ApiConfig;
///
/// let config = ApiConfig { max_body: 16 * 1024, ..ApiConfig::new("/run/secrets/api-tokens") };
/// assert_eq!(config.environment, "development");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// The file of those who may ask: lines of `NAME TOKEN`. It is read for each request, so that a token that is added or taken away
    /// needs no restart.
    pub token_file: PathBuf,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request is waited for where its caller does not say.
    pub timeout: Duration,
    /// The longest that a caller may ask to be waited for.
    pub max_timeout: Duration,
    /// How many requests are under way at a time; more are answered with 429 at once.
    pub max_concurrent: usize,
    /// Where it runs, as metadata of requests has it.
    pub environment: String,
}

impl ApiConfig {
    /// The settings for production, with this file of tokens.
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            token_file: token_file.into(),
            max_body: 256 * 1024,
            body_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            max_timeout: Duration::from_secs(60),
            max_concurrent: 512,
            environment: "development".to_owned(),
        }
    }
}
