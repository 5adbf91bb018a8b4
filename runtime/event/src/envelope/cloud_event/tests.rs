use serde_json::json;

use super::*;
use crate::envelope::{BorrowedEnvelope, Envelope, Outgoing};

const FOREIGN: [(&str, &str); 6] = [
    ("ce-specversion", "1.0"),
    ("CE-Id", "a-1"),
    ("ce-source", "https://example.com/%C3%BC"),
    ("ce-type", "rule.deleted"),
    ("ce-dataschema", "https://example.com/schemas/rule/deleted.v2.json"),
    ("ce-partitionkey", "\"a b\""),
];

fn written(wire: Wire) -> (Vec<(String, String)>, Vec<u8>) {
    let metadata = serde_json::from_value(json!({"user_id": "ü", "request_id": "\"7\" %"})).unwrap();
    let outgoing = Outgoing {
        id: "x",
        event_type: "rule.created",
        source: "rules engine",
        subject: "rules.domain.rule.created",
        time: "2026-11-23T10:00:00Z".parse().unwrap(),
        version: "2",
        correlation_id: Some("order 7 ü"),
        causation_id: None,
        metadata: &metadata,
        data: &json!({"a": [1, 2]}),
    };
    let event = CloudEvent(&outgoing);
    let mut headers = Vec::new();
    match wire {
        Wire::CloudEvents => {
            let shared = CloudEvent::<Value>::shared_headers("rule.created", "2");
            headers.extend(shared.map(|(name, value)| (name.to_owned(), value)));
            event.headers(|name, value| headers.push((name.to_owned(), value.into_owned())));
            (headers, serde_json::to_vec(outgoing.data).unwrap())
        }
        _ => {
            headers.push(("Content-Type".to_owned(), "application/cloudevents+json; charset=UTF-8".to_owned()));
            (headers, serde_json::to_vec(&event).unwrap())
        }
    }
}

fn noted(headers: &[(String, String)]) -> WireHeaders<'_> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn what_was_written_is_read_in_both_modes() {
    for wire in [Wire::CloudEvents, Wire::CloudEventsStructured] {
        let (headers, body) = written(wire);

        let (envelope, data) = Envelope::of_message(&noted(&headers), &body).unwrap();
        let borrowed = BorrowedEnvelope::of_message(&noted(&headers), &body).unwrap();

        assert_eq!((borrowed.wire, borrowed.version, borrowed.data), (wire, 2, r#"{"a":[1,2]}"#));
        assert_eq!(data.get(), r#"{"a":[1,2]}"#);
        assert_eq!((envelope.id.as_str(), envelope.event_type.as_str()), ("x", "rule.created"));
        assert_eq!(envelope.source, "rules%20engine", "a source is a reference");
        assert_eq!(envelope.correlation_id.as_deref(), Some("order 7 ü"));
        assert_eq!(Value::Object(envelope.metadata), json!({"user_id": "ü", "request_id": "\"7\" %"}));
    }
}

#[test]
fn a_foreign_event_needs_no_more_than_the_specification_asks_and_a_version() {
    let headers: WireHeaders<'_> = FOREIGN.into_iter().collect();

    let (envelope, _) = Envelope::of_message(&headers, b"{}").unwrap();

    assert_eq!((envelope.version, envelope.source.as_str()), (2, "https://example.com/ü"));
    assert_eq!(envelope.metadata["partitionkey"], "a b", "extensions of others are not lost");
}

#[test]
fn what_cannot_be_read_is_told_as_a_cloud_event() {
    let without = |name: &str| FOREIGN.into_iter().filter(|(own, _)| *own != name).collect::<Vec<_>>();
    let with = |header| FOREIGN.into_iter().chain([header]).collect::<Vec<_>>();
    for (headers, part) in [
        (without("ce-specversion"), "specversion"),
        (without("CE-Id"), "`id`"),
        (without("ce-type"), "`type`"),
        (without("ce-dataschema"), "version of its schema"),
        (with(("ce-dataversion", "1")), "names version 2"),
        (with(("ce-id", "b")), "twice"),
        (with(("ce-datacontenttype", "text/plain")), "text/plain"),
        (with(("ce-time", "yesterday")), "yesterday"),
        (with(("ce-x", "%C0%A0")), "UTF-8"),
        (with(("ce-metadata", "7")), "metadata"),
        (vec![("content-type", "application/cloudevents-batch+json")], "batch"),
    ] {
        let headers: WireHeaders<'_> = headers.into_iter().collect();

        let error = BorrowedEnvelope::of_message(&headers, b"{}").unwrap_err().to_string();

        assert!(error.contains("CloudEvent") && error.contains(part), "{error}");
    }
}

#[test]
fn members_that_no_attribute_can_be_are_refused() {
    let headers: WireHeaders<'_> = [("Content-Type", "Application/CloudEvents+JSON")].into_iter().collect();
    let start = r#""specversion":"1.0","id":"1","source":"/","type":"t","dataversion":2"#;
    for (more, part) in [
        (r#""x":{},"data":1"#, "neither a string"),
        (r#""id":"2","data":1"#, "twice"),
        (r#""data":1,"data":2"#, "twice"),
        (r#""data_base64":"MQ==""#, "data_base64"),
        (r#""Upper":"x","data":1"#, "Upper"),
        (r#""x":null"#, "no `data`"),
    ] {
        let body = format!("{{{start},{more}}}");

        let error = BorrowedEnvelope::of_message(&headers, body.as_bytes()).unwrap_err().to_string();

        assert!(error.contains(part), "{error}");
    }
    let body = format!("{{{start},\"x\":7,\"data\":null}}");
    let (envelope, data) = Envelope::of_message(&headers, body.as_bytes()).unwrap();
    assert_eq!((data.get(), &envelope.metadata["x"]), ("null", &json!(7)));
}

#[test]
fn the_end_of_a_schemas_name_is_its_version() {
    for name in ["https://e.org/a/b.v2.json", "https://e.org/a/v2", "urn:eventsmith:rule.created:2", "b.v2.json#/x"] {
        assert_eq!(version_of_schema(name), Some(2), "{name}");
    }
    for name in ["https://e.org/a", "https://e.org:2", "https://e.org/v", "urn:x:y", ""] {
        assert_eq!(version_of_schema(name), None, "{name}");
    }
}

#[test]
fn a_structured_event_that_is_not_announced_is_not_taken_for_an_envelope() {
    let (_, body) = written(Wire::CloudEventsStructured);
    let body = String::from_utf8(body).unwrap().replace("dataversion", "version");

    let error = BorrowedEnvelope::of_message(&WireHeaders::default(), body.as_bytes()).unwrap_err().to_string();

    assert!(error.contains("CloudEvent") && error.contains("Content-Type"), "{error}");
}
