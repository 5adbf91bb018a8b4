//! From a typed payload to the message that carries it: an envelope around it, and headers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use eventsmith_event::envelope::{CloudEvent, Outgoing};
use eventsmith_event::wire::Wire;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::environment;
use crate::observe::{Observers, TraceContext};
use crate::transport::{Headers, Message, SharedHeaders};

/// The longest correlation or causation that a header repeats, in bytes: a stream takes 64 KiB of headers, and each message has both.
const LONGEST_REPEATED: usize = 512;

/// Who sends: the name under which a bus does, and whoever listens to that.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) source: String,
    pub(crate) observers: Observers,
}

/// What a message says beside its payload.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) sender: &'a Sender,
    pub(crate) id: Uuid,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
    pub(crate) metadata: &'a Map<String, Value>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) tracestate: Option<&'a str>,
}

/// Why a payload cannot be put into a message.
#[derive(Debug)]
pub(crate) enum Unwritable {
    /// It cannot be written as JSON.
    Encode(serde_json::Error),
    /// The trace context holds what no header may.
    Traceparent,
}

impl Circumstances<'_> {
    /// The message that carries a payload of this type and version, on this wire.
    pub(crate) fn message<T: Serialize>(
        &self,
        wire: Wire,
        (event_type, version): (&'static str, u32),
        subject: Cow<'static, str>,
        data: &T,
    ) -> Result<Message, Unwritable> {
        let mut buffer = Uuid::encode_buffer();
        let id = &*self.id.hyphenated().encode_lower(&mut buffer);
        let (version, shared) = type_headers(wire, event_type, version);
        let envelope = Outgoing {
            id,
            event_type,
            source: &self.sender.source,
            subject: &subject,
            time: environment::now().into(),
            version: &version,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            metadata: self.metadata,
            data,
        };
        // Room for most payloads. From 1,024 bytes on, glibc's allocator tidies up all it has before it gives any.
        let mut payload = Vec::with_capacity(960);
        let written = match wire {
            Wire::CloudEvents => serde_json::to_writer(&mut payload, data),
            Wire::CloudEventsStructured => serde_json::to_writer(&mut payload, &CloudEvent(&envelope)),
            _ => serde_json::to_writer(&mut payload, &envelope),
        };
        written.map_err(Unwritable::Encode)?;
        let mut headers = Headers::shared(shared);
        if wire == Wire::CloudEvents {
            CloudEvent(&envelope).headers(|name, value| headers.push(name, value));
        }
        for (name, id) in [(Headers::CORRELATION, self.correlation_id), (Headers::CAUSATION, self.causation_id)] {
            // What no header can hold stands in the envelope alone.
            if let Some(id) = id.filter(|id| fits_header(id)) {
                headers.push(name, id);
            }
        }
        headers.push(Headers::ID, id);
        if self.traceparent.is_some() || self.sender.observers.is_listening() {
            // A line break would let whoever supplies the value add headers of their own.
            if self.traceparent.is_some_and(|text| !text.bytes().all(|byte| byte.is_ascii_graphic())) {
                return Err(Unwritable::Traceparent);
            }
            let [traceparent, tracestate] = [self.traceparent, self.tracestate].map(|text| text.map(ToOwned::to_owned));
            let given = TraceContext { traceparent, tracestate, baggage: None };
            self.sender.observers.context(given).write(&mut headers);
        }
        Ok(Message { subject, headers, payload: payload.into() })
    }
}

/// Whether an id can be repeated in a header: one line, as it is.
fn fits_header(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_REPEATED && id.trim() == id && !id.chars().any(char::is_control)
}

/// A version as text, and the headers that all messages of its type and version have on a wire.
fn type_headers(wire: Wire, event_type: &'static str, version: u32) -> (Arc<str>, Arc<SharedHeaders>) {
    // There are as many as there are types in the program.
    static KNOWN: RwLock<BTreeMap<(Wire, &str, u32), TypeHeaders>> = RwLock::new(BTreeMap::new());
    let key = (wire, event_type, version);
    // A panic cannot leave it half changed.
    if let Some((version, shared)) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return (Arc::clone(version), Arc::clone(shared));
    }
    let version = version.to_string();
    let content_type = match wire {
        Wire::CloudEventsStructured => "application/cloudevents+json; charset=UTF-8",
        _ => "application/json",
    };
    let mut all = vec![
        (Headers::TYPE, Cow::Borrowed(event_type)),
        (Headers::VERSION, Cow::Owned(version.clone())),
        (Headers::CONTENT_TYPE, Cow::Borrowed(content_type)),
    ];
    if wire == Wire::CloudEvents {
        let attributes = CloudEvent::<()>::shared_headers(event_type, &version);
        all.extend(attributes.map(|(name, value)| (name, Cow::Owned(value))));
    }
    let new: TypeHeaders = (version.into(), Arc::new(SharedHeaders::new(all)));
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(new).clone()
}

type TypeHeaders = (Arc<str>, Arc<SharedHeaders>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_header_can_hold_is_not_repeated_there() {
        for id in ["order 7 ü", &"a".repeat(512)] {
            assert!(fits_header(id), "{id:?}");
        }
        for id in ["", " a", "a\r\nNats-Rollup: all", "a\u{0}", &"a".repeat(513)] {
            assert!(!fits_header(id), "{id:?}");
        }
    }
}
