//! How a service is found: the answers to `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` by the rules of NATS services. (ADR-32,
//! <https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md>.)

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::address::may_answer;
use super::endpoint::Endpoint;
use super::route::Route;
use crate::transport::{Headers, LiveMessage, Message};

/// What the subjects of discovery begin with.
const PREFIX: &str = "$SRV";

/// Who a service is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) queue_group: String,
    pub(super) started: Timestamp,
}

/// What is asked of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Ping, Self::Info, Self::Stats];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }
}

impl Identity {
    /// The subjects on which all services are asked, those of this name, and this one.
    pub(super) fn subjects(&self) -> Vec<String> {
        let Self { name, id, .. } = self;
        let of = |verb: Verb| {
            let verb = verb.as_str();
            [format!("{PREFIX}.{verb}"), format!("{PREFIX}.{verb}.{name}"), format!("{PREFIX}.{verb}.{name}.{id}")]
        };
        Verb::ALL.into_iter().flat_map(of).collect()
    }

    /// The answer to a question, if it is one and somebody waits for it.
    pub(super) fn answer(&self, asked: &LiveMessage, endpoints: &[Arc<Endpoint>]) -> Option<Message> {
        let routes = endpoints.iter().map(|endpoint| &endpoint.route);
        let reply = asked.reply.clone().filter(|reply| may_answer(reply, routes))?;
        let verb = asked.message.subject.split('.').nth(1)?;
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
        let mut body = json!({
            "name": self.name,
            "id": self.id,
            "version": self.version,
            "metadata": self.metadata,
        });
        let members = match verb {
            Verb::Ping => json!({ "type": "io.nats.micro.v1.ping_response" }),
            Verb::Info => json!({
                "type": "io.nats.micro.v1.info_response",
                "description": self.description,
                "endpoints": endpoints.iter().map(|endpoint| self.info(endpoint)).collect::<Vec<_>>(),
            }),
            Verb::Stats => json!({
                "type": "io.nats.micro.v1.stats_response",
                // The client for Python reads six digits, neither more nor none.
                "started": format!("{:.6}", self.started),
                "endpoints": endpoints.iter().map(|endpoint| self.stats(endpoint)).collect::<Vec<_>>(),
            }),
        };
        if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
            body.extend(members);
        }
        let payload = body.to_string().into_bytes().into();
        Some(Message { subject: reply.into(), headers: Headers::default(), payload })
    }

    fn info(&self, endpoint: &Endpoint) -> Value {
        json!({
            "name": name(endpoint),
            "subject": endpoint.route.subject,
            "queue_group": self.queue_group,
            "metadata": endpoint.metadata,
        })
    }

    fn stats(&self, endpoint: &Endpoint) -> Value {
        let stats = &endpoint.stats;
        json!({
            "name": name(endpoint),
            "subject": endpoint.route.subject,
            "queue_group": self.queue_group,
            "num_requests": stats.requests(),
            "num_errors": stats.errors(),
            "last_error": stats.last_error(),
            "processing_time": stats.processing_time(),
            "average_processing_time": stats.average_processing_time(),
            // The client for Python wants it to be there.
            "data": null,
            "metadata": endpoint.metadata,
        })
    }
}

/// The name of an endpoint: its type, without the dots, which names may not have.
fn name(endpoint: &Endpoint) -> String {
    endpoint.route.event_type.replace('.', "-")
}

/// What tools need to hold an endpoint against a catalogue.
pub(super) fn metadata(route: &Route) -> Value {
    let [request, reply, error] = route.schemas.map(hash);
    json!({
        "eventsmith.kind": route.kind.as_str(),
        "eventsmith.type": route.event_type,
        "eventsmith.version": route.version.to_string(),
        "eventsmith.request": request,
        "eventsmith.reply": reply,
        "eventsmith.error": error,
    })
}

/// The hash of a schema: SHA-256 of its text, in hexadecimal.
fn hash(schema: &str) -> String {
    Sha256::digest(schema).iter().map(|byte| format!("{byte:02x}")).collect()
}
