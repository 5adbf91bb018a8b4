//! Messages and headers as the client has them, and as the contract has them.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

use crate::transport::{Headers, Message, ReceivedHeaders, SetHeader, SharedHeaders};

/// `None` if a header cannot be written; the client's own conversions would panic.
pub(super) fn to_nats(headers: &Headers) -> Option<HeaderMap> {
    if let Some((shared, [(first, id), others @ ..])) = headers.sent()
        && first == Headers::ID
    {
        return event_headers(shared, id, others);
    }
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

/// The headers of an event: to copy a map and replace a value takes a fraction of making the map.
fn event_headers(shared: &SharedHeaders, id: &str, others: &[SetHeader]) -> Option<HeaderMap> {
    let template = |shared: &SharedHeaders| {
        let mut map = HeaderMap::new();
        for (name, value) in shared.iter() {
            map.insert(HeaderName::from_static(name), value.parse::<HeaderValue>().ok()?);
        }
        // Replaced in each copy.
        map.insert(HeaderName::from_static(Headers::ID), HeaderValue::new());
        Some(map)
    };
    let mut map = shared.prepared(template)?.clone()?;
    map.insert(HeaderName::from_static(Headers::ID), id.parse::<HeaderValue>().ok()?);
    for (name, value) in others {
        map.append(name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?);
    }
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
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_header_with_a_line_break_is_no_header() {
        let mut headers = Headers::default();
        headers.push("traceparent", "00-1\r\nNats-Rollup: all");

        assert!(to_nats(&headers).is_none());
    }

    #[test]
    fn headers_that_are_shared_are_sent_with_each_message() {
        let shared = Arc::new(SharedHeaders::new(vec![(Headers::TYPE, "rule.created".into())]));
        for id in ["1", "2"] {
            let mut headers = Headers::shared(Arc::clone(&shared));
            headers.push(Headers::ID, id);
            headers.push(Headers::TYPE, "again");

            let sent = received(to_nats(&headers));

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
        assert!(to_nats(&wrong).is_none());
    }

    #[test]
    fn headers_survive_the_way_there_and_back() {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, "rule.created");
        headers.push("b", "2");
        headers.push("b", "3");

        let back = received(to_nats(&headers));

        assert_eq!(back.get(Headers::TYPE), Some("rule.created"));
        assert_eq!(
            back.iter().filter(|(name, _)| *name == "b").map(|(_, value)| value).collect::<Vec<_>>(),
            ["2", "3"]
        );
        assert_eq!(back.get("B"), None);
    }
}
