//! A CloudEvent to be written.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::header_value::{encode, percent_encoded};
use crate::envelope::outgoing::Outgoing;

/// The parts of an envelope as those of a CloudEvent.
#[derive(Debug)]
pub struct CloudEvent<'a, E>(pub &'a Outgoing<'a, E>);

/// The URI that names the schema of a payload.
fn data_schema(event_type: &str, version: &str) -> String {
    format!("urn:eventsmith:{event_type}:{version}")
}

/// The name of a service as the reference that `source` is: what no URI may hold is percent-encoded.
fn source_of(name: &str) -> Cow<'_, str> {
    let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    match name {
        "" => Cow::Borrowed("/"),
        name => percent_encoded(name, is_kept),
    }
}

impl<E> CloudEvent<'_, E> {
    /// The headers of binary mode that each message has for itself; the others are those of its type and version.
    pub fn headers(&self, mut push: impl FnMut(&'static str, Cow<'_, str>)) {
        let Outgoing { id, source, subject, time, correlation_id, causation_id, .. } = self.0;
        push("ce-id", encode(id));
        push("ce-source", encode(&source_of(source)));
        push("ce-subject", encode(subject));
        push("ce-time", time.to_string().into());
        for (name, value) in [("ce-correlationid", correlation_id), ("ce-causationid", causation_id)] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                push(name, encode(value));
            }
        }
        if let Some(metadata) = self.metadata() {
            push("ce-metadata", encode(&metadata));
        }
    }

    /// The headers of binary mode that all messages of a type and version have.
    pub fn shared_headers(event_type: &str, version: &str) -> [(&'static str, String); 5] {
        [
            ("ce-specversion", "1.0".to_owned()),
            ("ce-type", encode(event_type).into_owned()),
            ("ce-datacontenttype", "application/json".to_owned()),
            ("ce-dataschema", encode(&data_schema(event_type, version)).into_owned()),
            ("ce-dataversion", version.to_owned()),
        ]
    }

    /// The members of our metadata as one text, since attributes hold no objects.
    fn metadata(&self) -> Option<String> {
        (!self.0.metadata.is_empty()).then(|| serde_json::Value::Object(self.0.metadata.clone()).to_string())
    }
}

/// The document of structured mode.
impl<E: Serialize> Serialize for CloudEvent<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Outgoing { id, event_type, source, subject, time, version, correlation_id, causation_id, data, .. } =
            self.0;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("specversion", "1.0")?;
        members.serialize_entry("id", id)?;
        members.serialize_entry("type", event_type)?;
        members.serialize_entry("source", &source_of(source))?;
        members.serialize_entry("subject", subject)?;
        members.serialize_entry("time", time)?;
        members.serialize_entry("datacontenttype", "application/json")?;
        members.serialize_entry("dataschema", &data_schema(event_type, version))?;
        members.serialize_entry("dataversion", version)?;
        for (name, value) in [("correlationid", correlation_id), ("causationid", causation_id)] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                members.serialize_entry(name, value)?;
            }
        }
        if let Some(metadata) = self.metadata() {
            members.serialize_entry("metadata", &metadata)?;
        }
        members.serialize_entry("data", data)?;
        members.end()
    }
}
