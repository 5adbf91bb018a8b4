//! `eventsmith.toml` of an imported catalogue.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plan::Plan;

/// The manifest. The findings of these rules are only advice there.
pub(super) fn manifest(plan: &Plan, softened: &BTreeSet<String>) -> String {
    let mut text = format!("root = {}\n", quoted(&plan.root));
    match &plan.own {
        Some(own) => owned(plan, own, &mut text),
        None => streams(plan, &mut text),
    }
    let known = |kinds: [&str; 2]| -> BTreeSet<&str> {
        let files = plan.files.values().filter(|planned| !planned.is_answer && kinds.contains(&planned.kind.as_str()));
        files.map(|planned| planned.event_type.as_str()).collect()
    };
    let (events, requests) = (known(["domain", "integration"]), known(["command", "query"]));
    for (name, service) in &plan.services {
        let lists = [
            ("publishes", &service.sends, &events),
            ("consumes", &service.receives, &events),
            ("handles", &service.receives, &requests),
            ("asks", &service.sends, &requests),
        ];
        let _ = write!(text, "\n[services.{}]\n", quoted(name));
        let written = plan.files.values().filter(|planned| service.sends.contains(&planned.event_type));
        if let Some(wire) = written.filter_map(|planned| planned.wire.as_deref()).next() {
            let _ = writeln!(text, "wire = {}", quoted(wire));
        }
        for (role, types, known) in lists {
            let types: Vec<&String> = types.iter().filter(|name| known.contains(name.as_str())).collect();
            if !types.is_empty() {
                let _ = writeln!(text, "{role} = {}", json!(types));
            }
        }
    }
    if !softened.is_empty() {
        text.push_str("\n# What the document does not say. Mend it, then remove the line.\n[lint]\n");
        for rule in softened {
            let _ = writeln!(text, "{rule} = {{ level = \"advice\", reason = \"the AsyncAPI document has it so\" }}");
        }
    }
    text
}

/// One stream for all events, and one for dead letters.
fn streams(plan: &Plan, text: &mut String) {
    let kinds: BTreeSet<&str> = plan.files.values().map(|planned| planned.kind.as_str()).collect();
    if !kinds.contains("domain") {
        return;
    }
    let root = &plan.root;
    // Subjects of their own do not have the token of their kind.
    let of_own = plan.files.values().filter_map(|planned| planned.schema.pointer("/x-event/subject")?.as_str());
    let is_inside = |subject: &&str| !subject.starts_with(&format!("{root}.domain."));
    let mut subjects = vec![format!("{root}.domain.>")];
    subjects.extend(of_own.filter(is_inside).map(wildcard));
    subjects.sort();
    subjects.dedup();
    let mut events = plan.files.values().filter(|planned| planned.kind == "domain");
    let has_derived = events.any(|planned| planned.schema.pointer("/x-event/subject").is_none());
    subjects.retain(|subject| has_derived || !subject.ends_with(".domain.>"));
    let _ = write!(text, "\n[streams.EVENTS]\nsubjects = {}\nduplicate_window = \"2m\"\n", json!(subjects));
    let _ = write!(text, "\n[streams.DEAD_LETTERS]\nsubjects = {}\n", json!([format!("{root}.dlq.>")]));
}

fn wildcard(subject: &str) -> String {
    let tokens = subject.split('.').map(|token| if token.starts_with('{') { "*" } else { token });
    tokens.collect::<Vec<_>>().join(".")
}

/// Streams and buckets as a document of ours has them.
fn owned(plan: &Plan, own: &Value, text: &mut String) {
    let members = |name: &str| own.get(name).and_then(Value::as_object).into_iter().flatten();
    let states: BTreeSet<&str> = {
        let states = plan.files.values().filter(|planned| planned.kind == "state");
        states.map(|planned| planned.event_type.as_str()).collect()
    };
    for (name, stream) in members("streams") {
        let _ = write!(text, "\n[streams.{}]\n", quoted(name));
        for (keyword, member) in [
            ("description", "description"),
            ("subjects", "subjects"),
            ("replicas", "replicas"),
            ("max_age", "maxAge"),
            ("max_bytes", "maxBytes"),
            ("max_messages", "maxMessages"),
        ] {
            if let Some(value) = stream.get(member).filter(|value| !value.is_null() && **value != json!("")) {
                let _ = match value.as_u64().filter(|_| keyword == "max_bytes") {
                    Some(bytes) => writeln!(text, "{keyword} = \"{bytes}B\""),
                    None => writeln!(text, "{keyword} = {value}"),
                };
            }
        }
        if let Some(sagas) = stream.get("sagas").and_then(Value::as_object) {
            let sagas = sagas.iter().map(|(saga, state)| format!("{} = {state}", quoted(saga)));
            let _ = writeln!(text, "sagas = {{ {} }}", sagas.collect::<Vec<_>>().join(", "));
        }
    }
    for (name, bucket) in members("buckets") {
        let Some(state) = bucket.get("state").and_then(Value::as_str).filter(|state| states.contains(state)) else {
            continue;
        };
        let _ = write!(text, "\n[buckets.{}]\nstate = {}\n", quoted(name), quoted(state));
        for keyword in ["description", "history"] {
            if let Some(value) = bucket.get(keyword).filter(|value| !value.is_null() && **value != json!("")) {
                let _ = writeln!(text, "{keyword} = {value}");
            }
        }
    }
}

/// A text as TOML quotes it, as JSON does; or as it is where it is a bare name.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
