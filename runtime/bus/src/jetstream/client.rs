//! The connection to NATS, and requests to the server's JetStream API.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream::Error as ServerError;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::acks::Acks;
use super::clock::ServerClock;
use super::connect::{ConnectError, Connected, connect, wrong};
use super::denials::Denials;
use super::link::Link;
use super::outbox::Outbox;
use super::polled::Polled;
use super::silence::Silences;
use super::thread::NetworkThread;
use super::wire::Wire;
use crate::cause::Cause;
use crate::config::Config;
use crate::environment::watch;
use crate::settings::is_legal_name;
use crate::transport::{Denied, ServerFailure, Unavailable};

/// How long to wait for one answer before asking again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long to wait before doing again what the server could not do for the moment.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// A connection to NATS.
pub struct JetStream {
    pub(super) client: Wire,
    /// What the subjects of the JetStream API begin with.
    pub(super) api: String,
    pub(super) link: watch::Receiver<Link>,
    pub(super) denials: Denials,
    /// Where acknowledgements come, and the answers to requests.
    pub(super) acks: Acks,
    pub(super) outbox: Outbox,
    pub(super) silences: Silences,
    /// How many messages wait for a connection.
    pub(super) queued: AtomicUsize,
    pub(super) clock: ServerClock,
    /// Whether JetStream ever answered: then it is there, and its silence passes.
    pub(super) has_answered: AtomicBool,
    /// The connection for what somebody else sends, once there is one.
    pub(super) beside: Mutex<Option<Arc<JetStream>>>,
    /// Streams from which this user may make no consumer to read along.
    pub(super) polled: Polled,
    /// Where the client runs.
    pub(super) thread: NetworkThread,
    pub(super) config: Config,
}

impl fmt::Debug for JetStream {
    /// The server's name alone: what the client holds is long, and partly secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JetStream").field(&self.client.server_info().server_name).finish()
    }
}

/// What the subjects of the JetStream API begin with.
fn api(config: &Config) -> Result<String, ConnectError> {
    match config.domain.as_deref() {
        None => Ok("$JS.API".to_owned()),
        Some(domain) if is_legal_name(domain) => Ok(format!("$JS.{domain}.API")),
        Some(domain) => Err(wrong("domain", format!("{domain:?} is none; use letters, digits, '-' and '_' only"))),
    }
}

/// The server's codes for an account without JetStream, and a server without it.
const NOT_ENABLED: [u64; 2] = [10039, 10076];

/// Why a request to the server's JetStream API has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskFailure {
    #[error("{0}")]
    Denied(#[source] Denied),
    #[error("{reason}")]
    NoJetStream { reason: &'static str, may_pass: bool },
    #[error(transparent)]
    Silent(Cause),
}

/// What the server answers: what was asked for, or an error with a code.
pub(super) type Answer<T> = Result<T, ServerError>;

impl JetStream {
    /// Connects to NATS.
    ///
    /// # Errors
    /// As [`Bus::connect`](crate::bus::Bus::connect).
    pub async fn connect(config: &Config) -> Result<Arc<Self>, ConnectError> {
        let thread = NetworkThread::start().map_err(|error| ConnectError::unreachable(config, Cause::of(error)))?;
        // The client runs its tasks where it is made.
        let connecting = thread.handle().clone().spawn(Self::connect_on(thread, config.clone()));
        connecting.await.unwrap_or_else(|error| Err(ConnectError::unreachable(config, Cause::of(error))))
    }

    /// Another connection with the same configuration: for what may end its client.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_again(&self) -> Result<Arc<Self>, ConnectError> {
        Self::connect(&self.config).await
    }

    async fn connect_on(thread: NetworkThread, config: Config) -> Result<Arc<Self>, ConnectError> {
        let api = api(&config)?;
        let connected = connect(&config).await?;
        Self::over(connected, api, thread, &config).await
    }

    /// Over a connection that a simulation stands in for, and what takes in the events of its client.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "simulation")]
    pub async fn simulate(
        config: &Config,
        client: Arc<dyn super::wire::simulated::SimulatedClient>,
    ) -> Result<(Arc<Self>, impl Fn(&async_nats::Event) + Send + Sync + use<>), ConnectError> {
        let (log, link, denials) = super::connect::EventLog::new(config);
        let connected = Connected { wire: Wire::Simulated(client), link, denials };
        let jetstream = Self::over(connected, api(config)?, NetworkThread::here(), config).await?;
        Ok((jetstream, move |event: &async_nats::Event| log.note(event)))
    }

    async fn over(
        Connected { wire: client, link, denials }: Connected,
        api: String,
        thread: NetworkThread,
        config: &Config,
    ) -> Result<Arc<Self>, ConnectError> {
        let listening = Acks::listen(&client, link.clone(), denials.clone()).await;
        let acks = listening.map_err(|error| ConnectError::unreachable(config, Cause::of(error)))?;
        let outbox = Outbox::open(client.clone(), link.clone());
        Ok(Arc::new(Self {
            client,
            api,
            link,
            denials,
            acks,
            outbox,
            silences: Silences::default(),
            queued: AtomicUsize::new(0),
            clock: ServerClock::default(),
            has_answered: AtomicBool::new(false),
            beside: Mutex::default(),
            polled: Polled::default(),
            thread,
            config: config.clone(),
        }))
    }

    /// Asks the server's JetStream API. What is asked here may be asked twice, and is: while there is no leader, a cluster
    /// leaves requests unanswered.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        request: &impl Serialize,
    ) -> Result<Answer<T>, Unavailable> {
        self.try_ask(subject, request).await.map_err(|failure| Unavailable(Cause::of(failure)))
    }

    /// [`ask`](Self::ask) for those who want to know why there is no answer.
    pub(super) async fn try_ask<T: DeserializeOwned>(
        &self,
        subject: String,
        request: &impl Serialize,
    ) -> Result<Answer<T>, AskFailure> {
        let deadline = Instant::now() + self.config.request_timeout;
        let subject = format!("{}.{subject}", self.api);
        let body = serde_json::to_vec(request).map_err(|error| AskFailure::Silent(Cause::of(error)))?;
        let body = Bytes::from(body);
        if let Some(denied) = self.without_answers() {
            return Err(AskFailure::Denied(denied));
        }
        let mut denied = pin!(self.denials.of_request(&subject));
        let mut link = self.link.clone();
        loop {
            let patience = deadline.min(Instant::now() + ASK_AGAIN);
            let asked = async {
                // What is asked without a connection fills the queue of the client, and nobody waits for it any more once there is one.
                let _ = link.wait_for(|link| link.connected).await;
                self.client.request(subject.clone(), body.clone()).await
            };
            let answer = tokio::select! {
                biased;
                denied = &mut denied => return Err(AskFailure::Denied(denied)),
                answer = timeout_at(patience, asked) => answer,
            };
            let answer = answer.map(|answer| answer.map(|message| read_answer(&message.payload)));
            match answer {
                Ok(Ok(Ok(Err(error)))) if passes(&error) && Instant::now() + PAUSE < deadline => {
                    sleep(PAUSE).await;
                }
                Ok(Ok(Ok(answer))) => {
                    if !matches!(&answer, Err(error) if NOT_ENABLED.contains(&error.error_code().0)) {
                        self.note_answer();
                    }
                    return Ok(answer);
                }
                Ok(Ok(Err(error))) => return Err(AskFailure::Silent(Cause::of(error))),
                Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                    return Err(self.without_jetstream());
                }
                Ok(Err(error)) => return Err(AskFailure::Silent(Cause::of(error))),
                Err(_) if Instant::now() < deadline => {}
                Err(_) => {
                    return Err(AskFailure::Silent(
                        format!("no answer within {:?}", self.config.request_timeout).into(),
                    ));
                }
            }
        }
    }

    /// Asks the server's JetStream API, as `ask` does, for what stands above the bus.
    ///
    /// # Errors
    /// [`ServerFailure`] when the server refuses or does not answer.
    pub async fn request<T: DeserializeOwned>(
        &self,
        subject: String,
        request: &(impl Serialize + Sync),
    ) -> Result<T, ServerFailure> {
        Ok(self.ask(subject, request).await??)
    }

    /// That no answers come over this connection: before any did, it could not subscribe to more. The client subscribes to all answers
    /// once, with the first request.
    fn without_answers(&self) -> Option<Denied> {
        if self.has_answered.load(Ordering::Relaxed) { None } else { self.denials.0.borrow().more().cloned() }
    }

    /// JetStream answered.
    pub(super) fn note_answer(&self) {
        if !self.has_answered.load(Ordering::Relaxed) {
            self.has_answered.store(true, Ordering::Relaxed);
        }
    }

    /// That nobody answers requests to JetStream.
    fn without_jetstream(&self) -> AskFailure {
        let info = self.client.server_info();
        let (reason, may_pass) = match info.jetstream {
            // It is so while a server goes down, and behind a leaf node that is cut off.
            _ if self.has_answered.load(Ordering::Relaxed) => ("JetStream answers nobody at the moment", true),
            true if self.config.domain.is_some() => (
                "no JetStream answers for the setting `domain`; see whether it is right, and whether the leaf node is connected",
                false,
            ),
            true => ("JetStream is not enabled for this user's account; enable it there", false),
            // A server without JetStream may not have reached those of its cluster that run it.
            false => (
                "no server there runs JetStream; enable it in its configuration (jetstream {})",
                info.cluster.is_some(),
            ),
        };
        AskFailure::NoJetStream { reason, may_pass }
    }

    /// Whether the server that we are connected to is of this version or a later one.
    pub fn supports(&self, major: u8, minor: u8) -> bool {
        self.client.is_server_compatible(major.into(), minor.into(), 0)
    }

    /// The version of the server that we are connected to, if it cannot schedule messages in batches: 2.12.0 refuses them there.
    pub fn without_schedules(&self) -> Option<String> {
        (!self.client.is_server_compatible(2, 12, 1)).then(|| self.version())
    }

    /// The version of the server that we are connected to.
    pub fn version(&self) -> String {
        self.client.server_info().version
    }

    pub(super) async fn find_streams(&self, subject: &str) -> Result<Vec<String>, Unavailable> {
        self.try_find_streams(subject).await.map_err(|failure| Unavailable(Cause::of(failure)))
    }

    /// [`find_streams`](Self::find_streams) for those who want to know why there is no answer.
    pub(super) async fn try_find_streams(&self, subject: &str) -> Result<Vec<String>, AskFailure> {
        #[derive(Deserialize)]
        struct Names {
            streams: Option<Vec<String>>,
        }
        match self.try_ask::<Names>("STREAM.NAMES".to_owned(), &json!({ "subject": subject })).await? {
            Ok(names) => Ok(names.streams.unwrap_or_default()),
            Err(error) if NOT_ENABLED.contains(&error.error_code().0) => Err(self.without_jetstream()),
            Err(error) => Err(AskFailure::Silent(Cause::of(error))),
        }
    }

    pub(super) async fn shut_down(&self) -> Result<(), Unavailable> {
        let mut link = self.link.clone();
        if link.borrow().closed {
            return Ok(());
        }
        // Draining closes the socket without regard to what is not written yet, so that comes first.
        let close = async {
            let flushed = timeout(self.config.request_timeout / 2, self.client.flush()).await;
            self.client.drain().await.map_err(|error| Unavailable(Cause::of(error)))?;
            match flushed {
                Ok(flushed) => flushed.map_err(|error| Unavailable(Cause::of(error)))?,
                Err(_) => return Err(Unavailable("what was on its way was not sent in time".into())),
            }
            // Fails only when the client's tasks have ended, which is what is waited for.
            drop(link.wait_for(|link| link.closed).await);
            Ok(())
        };
        let in_time = timeout(self.config.request_timeout, close).await;
        in_time
            .unwrap_or_else(|_| Err(Unavailable(format!("not closed within {:?}", self.config.request_timeout).into())))
    }
}

/// Reads an answer. The client's own type for it first takes apart all that is in it, which takes several times as long.
pub(super) fn read_answer<T: DeserializeOwned>(payload: &[u8]) -> Result<Answer<T>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Option<ServerError>,
    }
    match serde_json::from_slice::<Refusal>(payload)?.error {
        Some(error) => Ok(Err(error)),
        None => serde_json::from_slice(payload).map(Ok),
    }
}

/// Whether what the server says will not be so for long: 10008 JetStream is temporarily unavailable, 10009 not the
/// leader, 10118 the stream is offline, 10158 the same id is being stored at this moment, 10163 the stream has not caught
/// up yet, 10164 something is being stored that may make an expectation wrong, 10167 too many requests, 10210 too many batches (nats-server, server/errors.json); and a 503 without such a number, which is what
/// remains of a proposal that a change of leaders overtook.
pub(super) fn passes(error: &ServerError) -> bool {
    let number = error.error_code().0;
    matches!(number, 10008 | 10009 | 10118 | 10158 | 10163 | 10164 | 10167 | 10210)
        || number == 0 && error.code() == 503
}

impl From<ServerError> for ServerFailure {
    fn from(error: ServerError) -> Self {
        Self::Refused { code: error.error_code().0, reason: Cause::of(error) }
    }
}

/// A configuration as the server has it, including what this version of the client knows nothing of.
pub type Settings = Map<String, Value>;

/// The server writes durations as nanoseconds.
pub fn nanos(duration: Duration) -> Value {
    Value::from(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
