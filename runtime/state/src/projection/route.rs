//! From a message of a stream to an event that a projection has a handler for.

use std::sync::Arc;

use bytes::Bytes;
use eventsmith_bus::bus::Bus;
use eventsmith_bus::handler::{HandlerError, Place, Received};
use eventsmith_bus::observe::MessageType;
use eventsmith_bus::transport::{Headers, Message, StreamMessage};
use eventsmith_event::clip::clip;
use eventsmith_event::envelope::parse_version;
use eventsmith_event::event::Event;
use eventsmith_event::filter::covers;
use eventsmith_event::invalid::DecodeError;

use crate::confine::confined;
use crate::record::Record;

/// Events of one type, which a projection has a handler for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub(crate) event_type: &'static str,
    pub(crate) subject: &'static str,
    /// The newest version that is known.
    newest: u32,
    is_of_aggregate: bool,
}

impl Wanted {
    pub(crate) fn of<E: Event>() -> Self {
        let (newest, is_of_aggregate) = (E::VERSION, E::AGGREGATE.is_some());
        Self { event_type: E::TYPE, subject: E::SUBJECT, newest, is_of_aggregate }
    }
}

/// An event, not decoded yet.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The place of its type among those that are wanted.
    pub(crate) index: usize,
    pub(crate) place: Place,
    version: u32,
    message: Message,
    data: Bytes,
    is_complete: bool,
}

/// What a message is to a projection.
#[derive(Debug)]
pub(crate) enum Sorted {
    /// An event that it has a handler for.
    Event(Incoming),
    /// It is none of its business.
    Foreign,
    /// It is on the subject of an event that it has a handler for, and cannot be read.
    Unreadable(String),
}

/// Why an event was not projected.
#[derive(Debug, Clone)]
pub enum EventFailure {
    /// Nobody can read it.
    Unreadable(String),
    /// The program does not know its version yet.
    Newer(String),
    /// The handler wants nothing of it, now or ever.
    Rejected(String),
    /// It may go better next time.
    Failed(String),
}

/// What a message of a stream is.
pub(crate) fn sort(wanted: &[Wanted], stream: &Arc<str>, stored: StreamMessage) -> Sorted {
    let StreamMessage { sequence, stored: at, message } = &stored;
    let headers = &message.headers;
    // A replayed event is for one consumer; the event itself was read before.
    if headers.get(Headers::REPLAY_OF).is_some() || headers.get(Headers::ONLY).is_some() {
        return Sorted::Foreign;
    }
    if !wanted.iter().any(|wanted| covers(wanted.subject, &message.subject)) {
        return Sorted::Foreign;
    }
    if let Some(malformed) = headers.malformed() {
        return Sorted::Unreadable(malformed.explanation());
    }
    let envelope = match message.borrowed_envelope() {
        Ok(envelope) => envelope,
        Err(error) => return Sorted::Unreadable(error.to_string()),
    };
    let event_type = headers.get(Headers::TYPE).unwrap_or(&envelope.event_type);
    let version = match headers.get(Headers::VERSION).map_or(Some(envelope.version), parse_version) {
        Some(version) => version,
        None => return Sorted::Unreadable(format!("the header {} is no version", Headers::VERSION)),
    };
    let Some(index) = wanted.iter().position(|wanted| wanted.event_type == event_type) else {
        return of_another_type(event_type, &message.subject);
    };
    if !covers(wanted[index].subject, &message.subject) {
        return Sorted::Unreadable(clip(format!(
            "it says that it is {event_type}, which belongs on {}",
            wanted[index].subject
        )));
    }
    let (data, is_complete) = (message.payload.slice_ref(envelope.data.as_bytes()), envelope.is_complete);
    if wanted[index].is_of_aggregate
        && let Err(stray) = Record::read(stored.clone())
    {
        return Sorted::Unreadable(format!("it is no event of the history of its aggregate: {}", stray.reason));
    }
    let place = Place::new(Arc::clone(stream), *sequence, *at);
    Sorted::Event(Incoming { index, place, version, message: stored.message, data, is_complete })
}

/// What a message is whose type no handler is for, though a subject with wildcards matches its own. The names tell whether it belongs there.
fn of_another_type(event_type: &str, subject: &str) -> Sorted {
    let mut tokens: Vec<&str> = subject.split('.').collect();
    let is_named = |tokens: &[&str]| tokens.join(".").ends_with(&format!(".{event_type}"));
    while tokens.len() > 1 {
        if is_named(&tokens) {
            return Sorted::Foreign;
        }
        // Behind the type come the values of a template.
        tokens.pop();
    }
    Sorted::Unreadable(clip(format!("it says that it is {event_type:?}, which does not belong on its subject")))
}

impl Incoming {
    pub(crate) fn subject(&self) -> &str {
        &self.message.subject
    }

    pub(crate) fn headers(&self) -> &Headers {
        &self.message.headers
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.message.headers.get(Headers::ID)
    }

    /// What it is, for observers.
    pub(crate) fn message_type(&self, wanted: &[Wanted]) -> MessageType {
        let Some(Wanted { event_type: name, subject: template, newest, .. }) = wanted.get(self.index) else {
            return MessageType::OTHER;
        };
        MessageType { name, version: if self.version <= *newest { self.version } else { 0 }, template }
    }

    /// The event, upcast to the version that the program knows.
    pub(crate) fn decode<E: Event>(&self, bus: &Bus, is_replay: bool) -> Result<Received<E>, EventFailure> {
        // Decoding runs the user's code, too: upcasts.
        let decode = |data: &[u8]| match confined(|| E::decode(self.version, data)) {
            Ok(Ok(event)) => Ok(event),
            Ok(Err(error @ DecodeError::UnknownVersion { version, newest, .. })) if version > newest => {
                Err(EventFailure::Newer(error.to_string()))
            }
            Ok(Err(error)) => Err(EventFailure::Unreadable(clip(error.to_string()))),
            Err(panic) => Err(EventFailure::Unreadable(format!("decoding it panicked: {panic}"))),
        };
        let event = match decode(&self.data) {
            Err(EventFailure::Unreadable(_)) if !self.is_complete => {
                // What was found in a hurry may not have been the payload.
                let envelope = self.message.borrowed_envelope_completely();
                let envelope = envelope.map_err(|error| EventFailure::Unreadable(error.to_string()))?;
                decode(envelope.data.as_bytes())
            }
            decoded => decoded,
        }?;
        let place = self.place.clone().replayed(is_replay);
        Ok(Received::projected(event, &self.message, self.version, place, bus))
    }
}

impl EventFailure {
    /// The same of an event that some of its documents have already: it was decided that it is projected, and is not left out of the others.
    pub(crate) fn of_half(self, was_decided: bool) -> Self {
        match self {
            Self::Rejected(reason) | Self::Unreadable(reason) if was_decided => Self::Failed(clip(format!(
                "{reason}; other documents have the event already, so that it cannot be left out"
            ))),
            other => other,
        }
    }

    /// What a handler's error comes to. To display it and to drop it may panic.
    pub(crate) fn of(error: HandlerError) -> Self {
        let is_reject = error.is_reject();
        let text = confined(move || error.to_string()).unwrap_or_else(|panic| format!("its error panicked: {panic}"));
        let text = clip(text);
        if is_reject { Self::Rejected(text) } else { Self::Failed(text) }
    }

    pub(crate) fn panicked(panic: &str) -> Self {
        Self::Rejected(format!("its handler panicked: {panic}"))
    }

    pub(crate) fn reason(&self) -> &str {
        let (Self::Unreadable(reason) | Self::Newer(reason) | Self::Rejected(reason) | Self::Failed(reason)) = self;
        reason
    }

    /// What can be done where it stops a projection.
    pub(crate) fn way_out(&self) -> &'static str {
        match self {
            Self::Newer(_) => "deploy a program whose catalogue has that version",
            Self::Failed(_) => "remove what makes its handler fail",
            Self::Unreadable(_) | Self::Rejected(_) => {
                "mend the program so that it can handle the event, or let it skip such messages (`on_poison`)"
            }
        }
    }
}
