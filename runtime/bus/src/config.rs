//! How a bus connects and publishes: one struct, from code, from TOML or from the environment.

pub mod duration;
mod env;
mod injected;
mod secret;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use secret::{Secret, ServerUrl};

/// How a bus connects and publishes.
///
/// Every setting has a default, so that a program states only what differs. Durations are texts such as `"5s"`,
/// `"250ms"` or `"1m 30s"`; unknown settings are errors. Secrets are hidden in `Debug` and in every error.
///
/// In code:
///
/// ```
/// use eventsmith::Config;
///
/// let config = Config {
///     servers: vec!["nats://nats-1:4222".into(), "nats://nats-2:4222".into()],
///     name: "promotions".to_owned(),
///     user: Some("promotions".to_owned()),
///     password: Some("correct horse".into()),
///     ..Config::default()
/// };
/// assert!(!format!("{config:?}").contains("correct horse"));
/// ```
///
/// From TOML:
///
/// ```
/// let config = eventsmith::Config::from_toml(
///     r#"
///     servers = ["tls://nats.example.com:4222"]
///     name = "promotions"
///     credentials_file = "/run/secrets/promotions.creds"
///     tls_ca_file = "/run/secrets/ca.pem"
///     ack_timeout = "2s"
///     replicas = 1
///     "#,
/// )?;
/// assert_eq!(config.ack_timeout, std::time::Duration::from_secs(2));
/// # Ok::<(), eventsmith::config::ConfigError>(())
/// ```
///
/// From the environment, see [`from_env`](Config::from_env): the variable of a setting is its name in capitals after
/// `EVENTSMITH_`, such as `EVENTSMITH_ACK_TIMEOUT=2s`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to connect: any one of a cluster's servers is enough, more make the first connection likelier. Without
    /// user and password, which have settings of their own. Default: `nats://127.0.0.1:4222`.
    pub servers: Vec<ServerUrl>,
    /// The name of this program, usually that of the service: the connection's name at the server, and the `source` of
    /// every event it publishes. Default: the name of the executable.
    pub name: String,

    /// Logs in with user and password.
    pub user: Option<String>,
    /// The password of [`user`](Self::user).
    pub password: Option<Secret>,
    /// A file with the password of [`user`](Self::user). As every file with credentials or certificates it is read for each
    /// connection, so that it may change while the program runs.
    pub password_file: Option<PathBuf>,
    /// Logs in with a token.
    pub token: Option<Secret>,
    /// Logs in with the token in a file.
    pub token_file: Option<PathBuf>,
    /// Logs in with a credentials file (`.creds`: a JWT and the seed of an nkey).
    pub credentials_file: Option<PathBuf>,
    /// Logs in with the seed of an nkey (`SU...`).
    pub nkey_seed: Option<Secret>,
    /// Logs in with the seed of an nkey in a file.
    pub nkey_seed_file: Option<PathBuf>,
    /// For how long the server may refuse the login, after a connection was lost, before consumers end with
    /// [`ConsumeError::Unauthorized`](crate::consumer::ConsumeError::Unauthorized). Longer than it takes until a file that is
    /// renewed has come to this program: with Kubernetes two minutes
    /// (<https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically>). Default: 5 m.
    #[serde(with = "duration")]
    pub login_timeout: Duration,

    /// The JetStream domain to use, where a server is reached through another that has a JetStream of its own, as through a
    /// leaf node. Default: that of the server that is connected to.
    pub domain: Option<String>,

    /// What the subjects begin with on which this program receives answers: `_INBOX.promotions` where its user may subscribe to
    /// `_INBOX.promotions.>` alone, so that nobody reads the answers to another. It is `_INBOX`, or begins with `_INBOX.`.
    /// Default: `_INBOX`.
    pub inbox_prefix: Option<String>,

    /// Refuses connections without TLS. Implied by servers that are written `tls://`. Default: false.
    pub require_tls: bool,
    /// A PEM file with the certificates of authorities to trust, instead of those of the system.
    pub tls_ca_file: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows; needs [`tls_key_file`](Self::tls_key_file).
    pub tls_cert_file: Option<PathBuf>,
    /// A PEM file with the private key of [`tls_cert_file`](Self::tls_cert_file).
    pub tls_key_file: Option<PathBuf>,

    /// How long one attempt to connect to one server may take. Default: 5 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How often an idle connection is checked; a server that misses two checks is left. Default: 20 s.
    #[serde(with = "duration")]
    pub ping_interval: Duration,
    /// The delay before the second attempt to reconnect (the first comes at once); it doubles from there, and each is
    /// shortened at random by up to a half. Default: 100 ms.
    #[serde(with = "duration")]
    pub reconnect_delay: Duration,
    /// The longest delay between attempts to reconnect, which never end. Default: 5 s.
    #[serde(with = "duration")]
    pub max_reconnect_delay: Duration,

    /// How long a request to the server, such as for the state of a stream, may take. Default: 10 s.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// How long to wait for the acknowledgement of one published event before it is sent again. Default: 5 s.
    #[serde(with = "duration")]
    pub ack_timeout: Duration,
    /// For how long after the first attempt a publish that was not acknowledged is tried again, always under the same
    /// id. Keep it shorter than the duplicate windows of the streams, or an event may be stored twice. Default: 30 s.
    #[serde(with = "duration")]
    pub publish_timeout: Duration,
    /// How many events [`Bus::publish_all`](crate::bus::Bus::publish_all) sends ahead of their acknowledgements. Default: 256.
    pub max_in_flight: usize,
    /// How many publishes may wait at one time for a lost connection to come back; one more fails at once with
    /// [`PublishError::QueueFull`](crate::publish::PublishError::QueueFull). Default: 10,000.
    pub max_queued: usize,
    /// Creates the durable consumers of services as they start, or updates them, instead of expecting them to be there as
    /// the catalogue declares them. For development and tests; in production consumers are provisioned, and services have
    /// no right to create any. Default: false; a bus in memory does it until services are provisioned there.
    pub create_consumers: bool,
    /// Provisions streams with this many replicas whatever the catalogue says: 1 for one server in development.
    pub replicas: Option<u8>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            name: executable_name(),
            user: None,
            password: None,
            password_file: None,
            token: None,
            token_file: None,
            credentials_file: None,
            nkey_seed: None,
            nkey_seed_file: None,
            login_timeout: Duration::from_secs(300),
            domain: None,
            inbox_prefix: None,
            require_tls: false,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            connect_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            reconnect_delay: Duration::from_millis(100),
            max_reconnect_delay: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(30),
            max_in_flight: 256,
            max_queued: 10_000,
            create_consumers: false,
            replicas: None,
        }
    }
}

impl Config {
    /// The first setting with a value under which nothing could be sent, and what would be right.
    pub(crate) fn senseless(&self) -> Option<(&'static str, &'static str)> {
        const TIME: &str = "it must be longer than no time at all";
        let settings = [
            ("connect_timeout", self.connect_timeout.is_zero(), TIME),
            ("ping_interval", self.ping_interval.is_zero(), TIME),
            ("request_timeout", self.request_timeout.is_zero(), TIME),
            ("ack_timeout", self.ack_timeout.is_zero(), TIME),
            ("max_in_flight", self.max_in_flight == 0, "it must be 1 at least"),
            (
                "inbox_prefix",
                self.inbox_prefix.as_deref().is_some_and(|prefix| !is_inbox_prefix(prefix)),
                "it must be _INBOX, or begin with _INBOX. and have tokens of letters, digits, - and _",
            ),
            ("replicas", self.replicas.is_some_and(|replicas| !(1..=5).contains(&replicas)), "it must be 1 to 5"),
        ];
        settings.into_iter().find(|(_, is_senseless, _)| *is_senseless).map(|(name, _, reason)| (name, reason))
    }

    /// The same, with no wait so long that no clock can add it.
    pub(crate) fn bounded(self) -> Self {
        Self {
            request_timeout: self.request_timeout.min(duration::LONGEST),
            ack_timeout: self.ack_timeout.min(duration::LONGEST),
            publish_timeout: self.publish_timeout.min(duration::LONGEST),
            ..self
        }
    }

    /// Reads a TOML document whose keys are the fields of this struct.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] with the line, but never with the text of it: it might hold a secret.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::toml(text, &error))
    }

    /// Reads a TOML file, see [`from_toml`](Self::from_toml).
    ///
    /// # Errors
    /// [`ConfigError::File`] when it cannot be read, otherwise as [`from_toml`](Self::from_toml).
    pub fn from_toml_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        Self::from_toml(&text)
    }
}

/// Whether inboxes may be told from all other subjects by what they begin with.
fn is_inbox_prefix(prefix: &str) -> bool {
    let is_token =
        |token: &str| !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let mut tokens = prefix.split('.');
    tokens.next() == Some("_INBOX") && tokens.all(is_token)
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The document is not TOML, or a setting is unknown or does not fit.
    #[error("the configuration is wrong{}: {reason}", line.map(|line| format!(" in line {line}")).unwrap_or_default())]
    Toml {
        /// The line that is wrong, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable of the environment is unknown or does not fit.
    #[error("the environment variable {variable} is wrong: {reason}")]
    Env {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ConfigError {
    fn toml(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
        let reason = match suggestion(error.message(), str::to_owned) {
            Some(meant) => format!("{}; {meant}", error.message()),
            None => error.message().to_owned(),
        };
        Self::Toml { line, reason }
    }
}

/// Which setting was meant, by what toml says of one that is unknown, and of all that are known; each as it is written
/// where it stands.
fn suggestion(message: &str, written: impl Fn(&str) -> String) -> Option<String> {
    let mut names = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    let wrong = names.next()?;
    let (distance, meant) = names.map(|name| (strsim::levenshtein(wrong, name), name)).min()?;
    (distance <= wrong.len().div_ceil(3).max(2)).then(|| format!("did you mean {}?", written(meant)))
}

fn executable_name() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "eventsmith".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_is_the_default() {
        assert_eq!(Config::from_toml("").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_setting_is_refused_with_its_line() {
        let error = Config::from_toml("name = \"a\"\nservrs = []\n").unwrap_err();

        let text = error.to_string();
        assert!(text.contains("line 2") && text.contains("servrs") && text.contains("did you mean servers?"), "{text}");
    }

    #[test]
    fn a_secret_of_the_wrong_type_stays_out_of_the_error() {
        let error = Config::from_toml("password = [\"hunter2\"]").unwrap_err();

        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn secrets_and_passwords_in_urls_are_hidden_in_debug() {
        let config = Config::from_toml(
            "servers = [\"nats://ada:hunter2@localhost:4222\"]\npassword = \"hunter2\"\ntoken = \"hunter2\"\n\
             nkey_seed = \"hunter2\"",
        )
        .unwrap();

        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::from_toml_file("/no/such/file.toml").unwrap_err();

        assert!(error.to_string().contains("/no/such/file.toml"), "{error}");
    }
}
