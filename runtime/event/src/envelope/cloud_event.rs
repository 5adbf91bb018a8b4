//! CloudEvents 1.0 over NATS: what the headers and the body of such a message say.
//! (<https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md>)

mod attributes;
pub(crate) mod header_value;
mod outgoing;

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::version::parse_version;
use crate::date_time::DateTime;
use crate::wire::Wire;
use attributes::{Attributes, Body};

pub use outgoing::CloudEvent;

/// What the names of headers begin with that hold attributes.
const PREFIX: &str = "ce-";

/// What the media types of messages in structured mode begin with.
const MEDIA_TYPE: &str = "application/cloudevents";

/// The one whose body is JSON.
const JSON_MEDIA_TYPE: &str = "application/cloudevents+json";

/// The headers of a message that say how it is written.
///
/// ```
/// use eventsmith::Wire;
/// # use eventsmith_event::envelope::WireHeaders;
///
/// let headers: WireHeaders<'_> = [("ce-specversion", "1.0"), ("ce-id", "1")].into_iter().collect();
/// assert_eq!(headers.wire(), Wire::CloudEvents);
/// ```
#[derive(Debug, Clone, Default)]
pub struct WireHeaders<'a> {
    /// Names without the prefix, and values as they stand.
    attributes: Vec<(&'a str, &'a str)>,
    content_type: Option<&'a str>,
}

impl<'a> WireHeaders<'a> {
    /// Takes note of a header, if it is one of those.
    pub fn note(&mut self, name: &'a str, value: &'a str) {
        match name.split_at_checked(PREFIX.len()) {
            Some((prefix, attribute)) if prefix.eq_ignore_ascii_case(PREFIX) => {
                self.attributes.push((attribute, value));
            }
            _ if name.eq_ignore_ascii_case("Content-Type") => {
                self.content_type.get_or_insert(value);
            }
            _ => {}
        }
    }

    /// How the message is written.
    pub fn wire(&self) -> Wire {
        const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
        let is_structured =
            |text: &str| text.get(..MEDIA_TYPE.len()).is_some_and(|own| own.eq_ignore_ascii_case(MEDIA_TYPE));
        let is_required = |name: &str| REQUIRED.iter().any(|required| required.eq_ignore_ascii_case(name));
        if self.content_type.is_some_and(|text| is_structured(text.trim_start())) {
            Wire::CloudEventsStructured
        } else if self.attributes.iter().any(|(name, _)| is_required(name)) {
            Wire::CloudEvents
        } else {
            Wire::Plain
        }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for WireHeaders<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(headers: T) -> Self {
        let mut noted = Self::default();
        headers.into_iter().for_each(|(name, value)| noted.note(name, value));
        noted
    }
}

/// A CloudEvent, as our envelope has its parts.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) event_type: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) subject: Cow<'a, str>,
    pub(super) time: Option<DateTime>,
    pub(super) version: u32,
    pub(super) correlation_id: Option<Cow<'a, str>>,
    pub(super) causation_id: Option<Cow<'a, str>>,
    pub(super) metadata: Map<String, Value>,
    /// JSON in structured mode; in binary mode whatever the body is.
    pub(super) data: &'a str,
}

/// A message that is a CloudEvent as the document of structured mode, whichever mode it has. The error is part of a sentence.
pub(super) fn document<'a>(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
    if headers.wire() == Wire::CloudEventsStructured {
        return Ok(Cow::Borrowed(payload));
    }
    let data: &RawValue = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    Attributes::of_headers(&headers.attributes)?.document(data).map(Cow::Owned)
}

/// Reads a message that is a CloudEvent. The error is part of a sentence.
pub(super) fn open<'a>(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Opened<'a>, String> {
    let body = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
    let (mut attributes, data) = match headers.wire() {
        Wire::CloudEventsStructured => {
            let media_type = headers.content_type.unwrap_or_default();
            let essence = media_type.split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case(JSON_MEDIA_TYPE) {
                return Err(format!("its Content-Type is {media_type:?}; {JSON_MEDIA_TYPE:?} is what can be read"));
            }
            let Body { attributes, data } = Body::read(body)?;
            (attributes, data.map(RawValue::get).ok_or("it has no `data`")?)
        }
        _ => (Attributes::of_headers(&headers.attributes)?, body),
    };
    match attributes.required("specversion")? {
        text if text == "1.0" => {}
        other => return Err(format!("its specversion is {other:?}, and 1.0 is what can be read")),
    }
    if let Some(media_type) = attributes.take("datacontenttype").filter(|text| !is_json(text)) {
        return Err(format!("its datacontenttype is {media_type:?}, and payloads here are JSON"));
    }
    let time = match attributes.take("time") {
        Some(text) => Some(text.parse().map_err(|_| format!("its time is {text:?}, which is none of RFC 3339"))?),
        None => None,
    };
    Ok(Opened {
        id: attributes.required("id")?,
        event_type: attributes.required("type")?,
        source: attributes.required("source")?,
        subject: attributes.take("subject").unwrap_or_default(),
        time,
        version: version(&mut attributes)?,
        correlation_id: attributes.take("correlationid"),
        causation_id: attributes.take("causationid"),
        metadata: attributes.into_metadata()?,
        data,
    })
}

/// The version of the payload's schema: the attribute `dataversion`, or what `dataschema` ends in.
fn version(attributes: &mut Attributes<'_>) -> Result<u32, String> {
    let named = attributes.take("dataversion");
    let schema = attributes.take("dataschema");
    let by_schema = schema.as_deref().and_then(version_of_schema);
    let by_name = match &named {
        Some(text) => {
            Some(parse_version(text).ok_or_else(|| format!("its dataversion is {text:?}, no decimal number"))?)
        }
        None => None,
    };
    match (by_name, by_schema) {
        (Some(named), Some(other)) if named != other => {
            Err(format!("its dataversion is {named}, and its dataschema names version {other}"))
        }
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(
            "nothing names the version of its schema: it has no `dataversion`, and no `dataschema` that ends in one \
             (`….v2.json`, `…:2`)"
                .to_owned(),
        ),
    }
}

/// The version that the name of a schema ends in: `….v2.json`, `…/v2`, or `:2` of a URN.
fn version_of_schema(schema: &str) -> Option<u32> {
    let path = schema.split(['?', '#']).next()?;
    let path = path.strip_suffix(".json").unwrap_or(path);
    let last = path.rsplit('/').next()?;
    let is_urn = path.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"));
    let text = match last.rsplit_once(".v") {
        Some((_, version)) => version,
        None if is_urn => last.rsplit(':').next()?,
        None => last.strip_prefix('v')?,
    };
    parse_version(text)
}

/// Whether a media type is one of JSON.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests;
