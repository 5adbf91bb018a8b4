//! Messages and headers as the client has them, and as the contract has them.

use std::borrow::Cow;
use std::sync::Arc;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

use crate::transport::{Headers, Message, ReceivedHeaders, SharedHeaders};

/// Headers that can be written, to be made into those of the client by the thread that drops them. They consist of many small
/// pieces, and to free a piece that another thread has allocated costs several times as much.
#[derive(Debug)]
pub(super) enum WritableHeaders {
    /// Those of an event: beside those that it shares.
    Event { shared: Arc<SharedHeaders>, id: HeaderValue, others: Vec<(HeaderName, HeaderValue)> },
    /// All others.
    Made(HeaderMap),
}

impl WritableHeaders {
    /// `None` if a header cannot be written; the client's own conversions would panic.
    pub(super) fn of(headers: &Headers) -> Option<Self> {
        let Some((shared, [(Cow::Borrowed(Headers::ID), id), others @ ..])) = headers.sent() else {
            return to_nats(headers).map(Self::Made);
        };
        shared.prepared(template)?.as_ref()?;
        let others = others.iter().map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        Some(Self::Event { shared: Arc::clone(shared), id: id.parse().ok()?, others: others.collect::<Option<_>>()? })
    }

    /// To copy a map and replace a value takes a fraction of making the map.
    pub(super) fn make(self) -> HeaderMap {
        match self {
            Self::Event { shared, id, others } => {
                let mut map = shared.prepared(template).cloned().flatten().unwrap_or_default();
                map.insert(HeaderName::from_static(Headers::ID), id);
                others.into_iter().for_each(|(name, value)| map.append(name, value));
                map
            }
            Self::Made(map) => map,
        }
    }
}

fn to_nats(headers: &Headers) -> Option<HeaderMap> {
    let all: Vec<(&str, &str)> = headers.iter().collect();
    let mut map = HeaderMap::new();
    for (index, (text, value)) in all.iter().enumerate() {
        let name = match headers.static_name(index) {
            Some(name) => HeaderName::from_static(name),
            None => text.parse().ok()?,
        };
        let value = value.parse::<HeaderValue>().ok()?;
        // Appending looks the name up twice, and hardly any comes twice.
        if all[..index].iter().any(|(before, _)| before == text) {
            map.append(name, value);
        } else {
            map.insert(name, value);
        }
    }
    Some(map)
}

/// What the headers of all events of a type are made from.
fn template(shared: &SharedHeaders) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in shared.iter() {
        map.insert(HeaderName::from_static(name), value.parse::<HeaderValue>().ok()?);
    }
    // Replaced in each copy.
    map.insert(HeaderName::from_static(Headers::ID), HeaderValue::new());
    Some(map)
}

/// A message as it was received.
pub(super) fn from_nats(message: async_nats::Message) -> Message {
    Message {
        subject: message.subject.to_string().into(),
        headers: received(message.headers),
        payload: message.payload,
    }
}

fn received(headers: Option<HeaderMap>) -> Headers {
    headers.map_or_else(Headers::default, |headers| Headers::received(Received(headers)))
}

#[derive(Debug)]
struct Received(HeaderMap);

impl ReceivedHeaders for Received {
    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a str, &'a str)) {
        for (name, values) in self.0.iter() {
            values.iter().for_each(|value| visit(name.as_ref(), value.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headers: &Headers) -> Option<HeaderMap> {
        WritableHeaders::of(headers).map(WritableHeaders::make)
    }

    #[test]
    fn a_header_with_a_line_break_is_no_header() {
        let mut headers = Headers::default();
        headers.push("traceparent", "00-1\r\nNats-Rollup: all");

        assert!(written(&headers).is_none());
    }

    #[test]
    fn headers_that_are_shared_are_sent_with_each_message() {
        let shared = Arc::new(SharedHeaders::new(vec![(Headers::TYPE, "rule.created".into())]));
        for id in ["1", "2"] {
            let mut headers = Headers::shared(Arc::clone(&shared));
            headers.push(Headers::ID, id);
            headers.push(Headers::TYPE, "again");

            let sent = received(written(&headers));

            let all = |headers: &Headers| {
                let mut all: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
                all.sort();
                all
            };
            assert_eq!(all(&sent), all(&headers));
            assert_eq!(all(&sent).len(), 3);
        }
        let mut wrong = Headers::shared(shared);
        wrong.push(Headers::ID, "1\r\nX: y");
        assert!(written(&wrong).is_none());
    }

    #[test]
    fn headers_survive_the_way_there_and_back() {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, "rule.created");
        headers.push("b", "2");
        headers.push("b", "3");

        let back = received(written(&headers));

        assert_eq!(back.get(Headers::TYPE), Some("rule.created"));
        assert_eq!(
            back.iter().filter(|(name, _)| *name == "b").map(|(_, value)| value).collect::<Vec<_>>(),
            ["2", "3"]
        );
        assert_eq!(back.get("B"), None);
    }
}
