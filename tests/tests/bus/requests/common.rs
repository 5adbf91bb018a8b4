//! Requests written by hand, and services that can be stopped.

use std::time::Duration;

use eventsmith::generated::{Schema, Token};
use eventsmith::monitor::{ServiceMonitor, ServiceSummary};
use eventsmith::{Bus, Invalid, Reply, RequestError, RequestOptions, Service, ServiceError, Violation};
pub(super) use eventsmith::{NoRefusal, NoReply};
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A query of version 2, whose version 1 had no `depth`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Get {
    pub(super) rule_id: String,
    #[serde(default = "one")]
    pub(super) depth: u32,
}

fn one() -> u32 {
    1
}

/// Version 1 of [`Get`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OldGet {
    pub(super) rule_id: String,
}

/// The reply to [`Get`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) name: String,
}

/// The refusal of [`Get`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Unknown {
    pub(super) rule_id: String,
}

/// A command without a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Activate {}

pub(super) fn get(rule_id: &str) -> Get {
    Get { rule_id: rule_id.to_owned(), depth: 1 }
}

pub(super) fn found(name: &str) -> Found {
    Found { name: name.to_owned() }
}

pub(super) fn unknown(rule_id: &str) -> Unknown {
    Unknown { rule_id: rule_id.to_owned() }
}

pub(crate) fn invalid(event_type: &'static str, version: u32, expected: &str) -> Invalid {
    Invalid::new(event_type, version, vec![Violation::new("/rule_id", "/x", expected)])
}

macro_rules! request {
    ($name:ident, $kind:ident, $type:literal, $version:literal, $subject:literal, $reply:ty, $error:ty, $valid:expr $(, $idempotent:expr)?) => {
        impl eventsmith::Request for $name {
            type Reply = $reply;
            type Error = $error;
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
            const KIND: eventsmith::Kind = eventsmith::Kind::$kind;
            const TYPE: &'static str = $type;
            const VERSION: u32 = $version;
            const SUBJECT: &'static str = $subject;
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = None;
            $(const IDEMPOTENT: Option<eventsmith::catalogue::Idempotent> = Some($idempotent);)?

            fn payload_schema() -> &'static eventsmith::generated::Schema {
                static SCHEMA: eventsmith::generated::Schema =
                    eventsmith::generated::Schema::new($type, $version, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), eventsmith::Invalid> {
                let valid: fn(&Self) -> bool = $valid;
                if valid(self) {
                    Ok(())
                } else {
                    Err($crate::requests::common::invalid(<Self as eventsmith::Request>::TYPE, $version, "a name"))
                }
            }

            fn decode(version: u32, data: &[u8]) -> Result<Self, eventsmith::DecodeError> {
                if !(1..=$version).contains(&version) {
                    return Err(eventsmith::DecodeError::UnknownVersion {
                        event_type: $type,
                        version,
                        newest: $version,
                    });
                }
                serde_json::from_slice(data)
                    .map_err(|error| $crate::requests::common::invalid($type, version, &error.to_string()).into())
            }
        }
    };
}

macro_rules! reply {
    ($name:ident, $answers:literal, $valid:expr) => {
        impl Reply for $name {
            const SCHEMA: &'static str = "true";
            const ANSWERS: (&'static str, u32) = ($answers, 2);
            const TOKEN: Token = Token::of_generated_code();

            fn payload_schema() -> &'static Schema {
                static SCHEMA: Schema = Schema::new($answers, 2, "true");
                &SCHEMA
            }

            fn validate(&self) -> Result<(), Invalid> {
                let valid: fn(&Self) -> bool = $valid;
                if valid(self) { Ok(()) } else { Err(invalid($answers, 2, "a name")) }
            }

            fn decode(data: &[u8]) -> Result<Self, Invalid> {
                serde_json::from_slice(data).map_err(|error| invalid($answers, 2, &error.to_string()))
            }
        }
    };
}

pub(crate) use request;

request!(Get, Query, "rule.get", 2, "rules.query.rule.get", Found, Unknown, |get| !get.rule_id.is_empty());
request!(OldGet, Query, "rule.get", 1, "rules.query.rule.get", Found, Unknown, |_| true);
request!(Activate, Command, "rule.activate", 1, "rules.command.rule.activate", NoReply, NoRefusal, |_| true);
reply!(Found, "rule.get.reply", |found| !found.name.is_empty());
reply!(Unknown, "rule.get.error", |_| true);

pub(super) fn within(limit: Duration) -> RequestOptions {
    RequestOptions { timeout: Some(limit), ..RequestOptions::default() }
}

pub(super) async fn ask(bus: Bus, options: RequestOptions) -> Result<NoReply, RequestError<NoRefusal>> {
    bus.request_with(&Activate {}, options).await
}

/// A service at work.
pub(super) struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<ServiceSummary, ServiceError>>,
    pub(super) monitor: ServiceMonitor,
}

/// Runs a service in a task of its own. Whoever asks before it is up asks again.
pub(super) fn serve(service: Service) -> Serving {
    let (stop, stopped) = oneshot::channel();
    let monitor = service.monitor();
    let service = service.run(stopped);
    let task = async { service.await.inspect_err(|error| eprintln!("the service ended: {error}")) };
    Serving { stop, task: tokio::spawn(task), monitor }
}

impl Serving {
    pub(super) async fn stop(self) -> Result<ServiceSummary, Box<dyn std::error::Error>> {
        self.stop_in_task().await.map_err(Into::into)
    }

    pub(super) async fn stop_in_task(self) -> Result<ServiceSummary, String> {
        // If it has ended already, the task tells why.
        let _ = self.stop.send(());
        let ended = timeout(PATIENCE, self.task).await.map_err(|error| error.to_string())?;
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Waits until requests come to it.
    pub(super) async fn is_up(&self, bus: &Bus) -> Result<(), Box<dyn std::error::Error>> {
        let up = async {
            while self.monitor.summary() == ServiceSummary::default() {
                // Refused or not, it is counted.
                drop(bus.request_with(&get("up"), within(Duration::from_secs(1))).await);
            }
        };
        Ok(timeout(PATIENCE, up).await?)
    }

    /// Waits until so many requests run or wait here.
    pub(super) async fn has_taken_on(&self, count: usize) -> Result<(), Box<dyn std::error::Error>> {
        let taken = async {
            while self.monitor.under_way() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        Ok(timeout(PATIENCE, taken).await?)
    }
}
