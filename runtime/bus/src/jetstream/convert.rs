//! Messages and headers as the client has them, and as the contract has them.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};

use crate::transport::{Headers, Message, ReceivedHeaders};

/// `None` if a header cannot be written; the client's own conversions would panic.
pub(super) fn to_nats(headers: &Headers) -> Option<HeaderMap> {
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

    #[test]
    fn a_header_with_a_line_break_is_no_header() {
        let mut headers = Headers::default();
        headers.push("traceparent", "00-1\r\nNats-Rollup: all");

        assert!(to_nats(&headers).is_none());
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
