//! From configuration to a connection.

use std::time::Duration;

use async_nats::{ClientError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use tokio::time::Instant;

use super::denials::{DenialLog, Denials};
use super::link::Link;
use super::login::{Login, LoginError};
use super::wire::Wire;
use crate::cause::Cause;
use crate::config::{Config, ServerUrl};
use crate::environment::{self, watch};

/// Why there is no connection. No error holds a secret.
///
/// ```
/// use eventsmith::{Bus, Config, ConnectError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let config = Config { servers: Vec::new(), ..Config::default() };
/// let error = Bus::connect(config).await.unwrap_err();
/// assert!(matches!(error, ConnectError::Config { setting: "servers", .. }));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration contradicts itself.
    #[error("the setting {setting} is wrong: {reason}")]
    Config {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it, and what would be right.
        #[source]
        reason: Cause,
    },
    /// No server could be reached.
    #[error("cannot connect to {servers}: {reason}; is a server running there?")]
    Unreachable {
        /// The servers that were tried.
        servers: String,
        /// What the last one said.
        #[source]
        reason: Cause,
    },
    /// A server was reached and did not let us in.
    #[error("{servers} refused the login: {reason}; check user and password, token, credentials_file or nkey_seed")]
    Unauthorized {
        /// The servers that were tried.
        servers: String,
        /// What the server said.
        #[source]
        reason: Cause,
    },
    /// There is no agreement on encryption.
    #[error("no TLS connection to {servers}: {reason}; check tls_ca_file, tls_cert_file and tls_key_file")]
    Tls {
        /// The servers that were tried.
        servers: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

impl ConnectError {
    pub(super) fn unreachable(config: &Config, reason: Cause) -> Self {
        Self::Unreachable { servers: names(&config.servers), reason }
    }
}

impl From<LoginError> for ConnectError {
    fn from(LoginError { setting, reason }: LoginError) -> Self {
        Self::Config { setting, reason }
    }
}

/// The connection was closed, but not in good order.
///
/// ```
/// use eventsmith::{Bus, ShutdownError};
///
/// async fn stop(bus: Bus) {
///     if let Err(error) = bus.shutdown().await {
///         let _: &ShutdownError = &error;
///         eprintln!("{error}");
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the connection did not close in good order: {reason}; what was on its way may be lost")]
pub struct ShutdownError {
    #[source]
    pub(crate) reason: Cause,
}

/// A connection, and what is told about it from then on.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) wire: Wire,
    pub(super) link: watch::Receiver<Link>,
    pub(super) denials: Denials,
}

/// Takes in what the client tells about its connection.
#[derive(Debug)]
pub(super) struct EventLog {
    changes: watch::Sender<Link>,
    denied: watch::Sender<DenialLog>,
    login_timeout: Duration,
}

impl EventLog {
    /// A log that is empty yet, and those who see what is written there.
    pub(super) fn new(config: &Config) -> (Self, watch::Receiver<Link>, Denials) {
        let (changes, link) = watch::channel(Link::new());
        let (denied, denials) = watch::channel(DenialLog::default());
        (Self { changes, denied, login_timeout: config.login_timeout }, link, Denials(denials))
    }

    pub(super) fn note(&self, event: &Event) {
        note(event, &self.changes, self.login_timeout);
        note_denial(event, &self.denied);
    }
}

pub(super) async fn connect(config: &Config) -> Result<Connected, ConnectError> {
    let servers = addresses(&config.servers)?;
    let (log, link, denials) = EventLog::new(config);
    let options = options(config)?.event_callback(move |event| {
        log.note(&event);
        std::future::ready(())
    });
    let client = options.connect(servers).await.map_err(|error| explain(error, config))?;
    Ok(Connected { wire: Wire::Client(client), link, denials })
}

fn options(config: &Config) -> Result<ConnectOptions, ConnectError> {
    let (first, longest) = (config.reconnect_delay, config.max_reconnect_delay);
    let login = Login::of(config)?;
    let options = login.map_or_else(ConnectOptions::new, |login| {
        ConnectOptions::with_auth_callback(move |nonce| login.clone().answer(nonce))
    });
    let mut options = options
        .name(&config.name)
        .connection_timeout(config.connect_timeout)
        .ping_interval(config.ping_interval)
        .request_timeout(Some(config.request_timeout))
        .reconnect_delay_callback(move |attempt| reconnect_delay(attempt, first, longest))
        .require_tls(config.require_tls);
    if let Some(prefix) = &config.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    if let Some(file) = &config.tls_ca_file {
        options = options.add_root_certificates(file.clone());
    }
    match (&config.tls_cert_file, &config.tls_key_file) {
        (Some(cert), Some(key)) => Ok(options.add_client_certificate(cert.clone(), key.clone())),
        (None, None) => Ok(options),
        (Some(_), None) => Err(wrong("tls_key_file", "there is a certificate without its key; set both")),
        (None, Some(_)) => Err(wrong("tls_cert_file", "there is a key without its certificate; set both")),
    }
}

fn addresses(servers: &[ServerUrl]) -> Result<Vec<ServerAddr>, ConnectError> {
    if servers.is_empty() {
        return Err(wrong("servers", "it is empty; name one at least, such as nats://127.0.0.1:4222"));
    }
    let address = |server: &ServerUrl| {
        if server.has_user_info() {
            let reason = format!("{server} holds a secret; put it into user and password, or token");
            return Err(wrong("servers", reason));
        }
        server.as_str().parse().map_err(|error: std::io::Error| wrong("servers", Cause::about(server, error)))
    };
    servers.iter().map(address).collect()
}

pub(super) fn wrong(setting: &'static str, reason: impl Into<Cause>) -> ConnectError {
    ConnectError::Config { setting, reason: reason.into() }
}

fn names(servers: &[ServerUrl]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The client's error as one of ours.
fn explain(error: async_nats::ConnectError, config: &Config) -> ConnectError {
    let servers = names(&config.servers);
    let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation => {
            ConnectError::Unauthorized { servers, reason: Cause::described(text, error) }
        }
        // The source may quote what could not be signed with.
        ConnectErrorKind::Authentication => {
            ConnectError::Unauthorized { servers, reason: "the server's challenge could not be signed".into() }
        }
        ConnectErrorKind::Tls => ConnectError::Tls { servers, reason: Cause::described(text, error) },
        // What goes wrong in the handshake comes as an I/O error of this kind.
        ConnectErrorKind::Io if text.contains("certificate") || text.contains("Certificate") => {
            ConnectError::Tls { servers, reason: Cause::described(text, error) }
        }
        _ => ConnectError::Unreachable { servers, reason: Cause::described(text, error) },
    }
}

/// The delay before an attempt to connect, counted from 1: none before the first, then doubling, and shortened at random
/// so that not all clients of a server that restarts reconnect at once.
fn reconnect_delay(attempt: usize, first: Duration, longest: Duration) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let factor = u32::try_from(doublings).ok().and_then(|doublings| 2_u32.checked_pow(doublings)).unwrap_or(u32::MAX);
    let full = first.saturating_mul(factor).min(longest);
    environment::shortened(full)
}

fn note(event: &Event, changes: &watch::Sender<Link>, login_timeout: Duration) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("lost the connection to NATS; reconnecting"),
        Event::ServerError(error) => tracing::error!(%error, "the NATS server reports an error"),
        Event::ClientError(error) => tracing::warn!(%error, "the NATS client reports an error"),
        Event::SlowConsumer(_) => tracing::warn!("messages come faster than they are taken; some were dropped"),
        Event::LameDuckMode | Event::Draining | Event::Closed => tracing::info!(%event, "NATS"),
    }
    changes.send_if_modified(|link| {
        let before = *link;
        match event {
            Event::Connected => {
                link.connect(Instant::now());
            }
            Event::Disconnected => {
                link.connected = false;
                link.losses += 1;
            }
            Event::ClientError(ClientError::Other(error)) => match attempt_of(error) {
                Some(Attempt::Refused) => link.refuse(Instant::now(), login_timeout),
                Some(Attempt::Failed) => link.miss(Instant::now(), login_timeout),
                None => {}
            },
            Event::Closed => link.closed = true,
            _ => {}
        }
        *link != before
    });
}

/// What the server denies, and that a new connection may be allowed what another one was not.
fn note_denial(event: &Event, denied: &watch::Sender<DenialLog>) {
    match event {
        Event::Connected => denied.send_modify(DenialLog::clear),
        Event::ServerError(ServerError::Other(error)) => drop(denied.send_if_modified(|log| log.record(error))),
        _ => {}
    }
}

/// How an attempt to connect ended.
#[derive(Debug, PartialEq)]
enum Attempt {
    /// The server did not let us in, or we had nothing to answer it with.
    Refused,
    /// No server said anything about the login.
    Failed,
}

/// What the client tells of an attempt: no more than the text of its kind.
fn attempt_of(error: &str) -> Option<Attempt> {
    use ConnectErrorKind as Kind;
    let is_one_of = |kinds: &[Kind]| kinds.iter().any(|kind| kind.to_string() == error);
    if is_one_of(&[Kind::AuthorizationViolation, Kind::Authentication]) {
        Some(Attempt::Refused)
    } else {
        is_one_of(&[Kind::Dns, Kind::TimedOut, Kind::Tls, Kind::Io]).then_some(Attempt::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnecting_begins_at_once_and_slows_down() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));

        assert_eq!(reconnect_delay(1, first, longest), Duration::ZERO);
        for (attempt, full) in [(2, 100), (3, 200), (4, 400), (6, 1_000), (10_000, 1_000)] {
            let (full, delay) = (Duration::from_millis(full), reconnect_delay(attempt, first, longest));
            assert!(full / 2 <= delay && delay <= full, "{attempt}: {delay:?}");
        }
    }

    #[test]
    fn delays_differ_from_client_to_client() {
        let delay = || reconnect_delay(5, Duration::from_secs(1), Duration::from_secs(60));

        assert!((0..20).any(|_| delay() != delay()));
    }

    #[test]
    fn a_secret_in_a_url_is_refused_and_not_repeated() {
        let error = addresses(&["nats://ada:hunter2@localhost:4222".into()]).unwrap_err();

        let text = format!("{error} {error:?}");
        assert!(text.contains("servers") && text.contains("localhost:4222") && !text.contains("hunter2"), "{text}");
    }
}
