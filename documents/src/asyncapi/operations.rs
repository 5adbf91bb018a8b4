//! Operations: what each service sends, receives, asks and answers.

use eventsmith_codegen::Loaded;
use eventsmith_codegen::lookup;
use eventsmith_codegen::manifest::{Named, Service, duration_text};
use serde_json::{Map, Value, json};

use super::channels::Channel;
use super::schemas::key;
use super::tags::tags;

/// The queue group that services of NATS share by default (ADR-32).
const QUEUE: &str = "q";
/// The version of the NATS binding that says so.
const BINDING: &str = "0.1.0";

/// What a service does with a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Publishes,
    Consumes,
    Asks,
    Answers,
}

impl Role {
    const ALL: [Self; 4] = [Self::Publishes, Self::Consumes, Self::Asks, Self::Answers];

    fn types(self, service: &Service) -> &[Named] {
        match self {
            Self::Publishes => &service.publishes,
            Self::Consumes => &service.consumes,
            Self::Asks => &service.asks,
            Self::Answers => &service.handles,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Publishes => "publishes",
            Self::Consumes => "consumes",
            Self::Asks => "asks",
            Self::Answers => "answers",
        }
    }

    /// The word of AsyncAPI: what the service does with the first message.
    fn action(self) -> &'static str {
        match self {
            Self::Publishes | Self::Asks => "send",
            Self::Consumes | Self::Answers => "receive",
        }
    }
}

/// The operations of all services, in their order.
pub(super) fn operations(loaded: &Loaded, channels: &[Channel<'_>]) -> Value {
    let mut all = Map::new();
    for (service, settings) in &loaded.catalogue.manifest.services {
        for role in Role::ALL {
            for event_type in role.types(settings) {
                for channel in channels.iter().filter(|channel| channel.event.event_type == *event_type.get_ref()) {
                    if role.action() == "send" && !channel.is_newest {
                        continue;
                    }
                    let name = format!("{}.{}.{}", key(service.get_ref()), role.word(), channel.name);
                    all.insert(name, operation(loaded, (service.get_ref(), settings), role, channel));
                }
            }
        }
    }
    Value::Object(all)
}

fn operation(loaded: &Loaded, (name, service): (&str, &Service), role: Role, channel: &Channel<'_>) -> Value {
    let messages = |channel: &str, names: &[String]| -> Value {
        names.iter().map(|name| json!({"$ref": format!("#/channels/{channel}/messages/{name}")})).collect()
    };
    let event = channel.event;
    let mut sent = channel.messages();
    if role.action() == "send" {
        sent.drain(..sent.len().saturating_sub(1));
    }
    let mut written = json!({
        "action": role.action(),
        "title": format!("{name} {} {}", role.word(), event.event_type),
        "channel": channel.reference(),
        "messages": messages(&channel.name, &sent),
        "tags": tags(event),
    });
    let Value::Object(members) = &mut written else { return written };
    if !service.description.is_empty() {
        members.insert("description".to_owned(), json!(service.description));
    }
    if matches!(role, Role::Asks | Role::Answers) {
        let answers = messages(&channel.reply, &channel.answers());
        members.insert("reply".to_owned(), json!({"channel": channel.reply(), "messages": answers}));
    }
    if role == Role::Answers {
        members.insert("bindings".to_owned(), json!({"nats": {"queue": QUEUE, "bindingVersion": BINDING}}));
    }
    let mut extension = json!({"service": name, "role": role.word()});
    if let (Value::Object(extension), Role::Consumes) = (&mut extension, role) {
        let streams: Vec<&str> = lookup::streams(&loaded.catalogue, event).iter().map(|(name, _)| *name).collect();
        extension.insert("streams".to_owned(), json!(streams));
        extension.insert("durable".to_owned(), json!(name));
        extension.insert("ordered".to_owned(), json!(service.consumer.ordered));
        extension.extend(service.consumer.ack_wait.map(|time| ("ackWait".to_owned(), json!(duration_text(time)))));
        extension.extend(service.consumer.max_ack_pending.map(|count| ("maxAckPending".to_owned(), json!(count))));
    }
    members.insert("x-eventsmith".to_owned(), extension);
    written
}
