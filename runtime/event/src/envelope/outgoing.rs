//! What is written around a payload.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::date_time::DateTime;

/// An envelope to be written, in one go with the event inside. The fields are those of [`Envelope`](super::Envelope).
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "they repeat the fields of the envelope")]
pub struct Outgoing<'a, E> {
    pub id: &'a str,
    #[serde(rename = "type")]
    pub event_type: &'a str,
    pub source: &'a str,
    pub subject: &'a str,
    pub time: DateTime,
    pub version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: &'a Map<String, Value>,
    pub data: &'a E,
}
