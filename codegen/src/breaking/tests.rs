//! Findings about whole catalogues, with their locations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::containment::{Obstacle, Witness};
use crate::generate::from_files;
use crate::schema::Validator;

use super::*;

mod moved;
mod places;

const MANIFEST: (&str, &str) = ("eventsmith.toml", "root = \"rules\"\n");
const NAMED: &str = r#"{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}"#;

fn catalogue(label: &str, files: &[(&str, &str)]) -> Loaded {
    let files = [MANIFEST].iter().chain(files).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    from_files(label, files.collect::<BTreeMap<_, _>>())
}

/// Rule, file and message of what is found between two catalogues.
fn found(previous: &[(&str, &str)], current: &[(&str, &str)]) -> Vec<(&'static str, String, String)> {
    let (previous, current) = (catalogue("main", previous), catalogue("schemas", current));
    let findings = compare(&previous, &current, Policy::Full).findings;
    findings.into_iter().map(|finding| (finding.rule, finding.file, finding.message)).collect()
}

fn finding(rule: &'static str, file: &str, message: &str) -> (&'static str, String, String) {
    (rule, file.to_owned(), message.to_owned())
}

#[test]
fn what_is_new_is_no_finding() {
    let old = [("domain/rule/created.v1.json", NAMED)];
    let new = [
        old[0],
        ("domain/rule/created.v2.json", NAMED),
        ("domain/rule/deleted.v1.json", NAMED),
        ("command/rule/delete.v1.json", NAMED),
        ("command/rule/delete.v1.reply.json", NAMED),
    ];

    assert_eq!(found(&old, &new), []);
}

#[test]
fn what_is_gone_is_found_at_its_old_path() {
    let old = [
        ("domain/rule/created.v1.json", NAMED),
        ("domain/rule/created.v2.json", NAMED),
        ("domain/rule/deleted.v1.json", NAMED),
    ];

    let found = found(&old, &old[..1]);

    let rules: Vec<_> = found.iter().map(|(rule, file, _)| (*rule, file.as_str())).collect();
    assert_eq!(
        rules,
        [("removed-version", "domain/rule/created.v2.json"), ("removed-event", "domain/rule/deleted.v1.json")]
    );
}

#[test]
fn a_version_that_leaves_out_a_number_is_a_warning() {
    let old = [("domain/rule/created.v1.json", NAMED)];
    let new = [old[0], ("domain/rule/created.v3.json", NAMED)];

    let result = compare(&catalogue("main", &old), &catalogue("schemas", &new), Policy::Full);

    assert_eq!(result.findings.len(), 1);
    assert_eq!((result.findings[0].rule, result.findings[0].severity), ("version-gap", Severity::Warning));
    assert_eq!(found(&new, &new), [], "what is published already is left alone");
}

#[test]
fn a_version_may_leave_out_a_number_where_that_is_allowed() {
    let old = [("domain/rule/created.v1.json", NAMED)];
    let allowed = NAMED.replacen('{', "{\"x-lint-allow\": {\"version-gap\": \"2 was never published\"}, ", 1);
    let new = [old[0], ("domain/rule/created.v3.json", allowed.as_str())];

    assert_eq!(found(&old, &new), []);
}

#[test]
fn another_kind_root_or_template_is_another_subject() {
    let with = |template: &str| NAMED.replacen('{', &format!("{{\"x-event\": {{\"subject\": \"{template}\"}}, "), 1);
    let (plain, named) = (with("rules.domain.rule.created.{name}"), with("rules.domain.rule.made.{name}"));
    let file = "domain/rule/created.v1.json";

    assert_eq!(
        found(&[(file, NAMED)], &[("integration/rule/created.v1.json", NAMED)]),
        [finding(
            "changed-subject",
            "integration/rule/created.v1.json",
            "the kind of rule.created was domain and is integration now, and its subject \
             rules.integration.rule.created"
        )]
    );
    assert_eq!(
        found(&[(file, &plain)], &[(file, &named)]),
        [finding(
            "changed-subject",
            file,
            "the subject of rule.created v1 was rules.domain.rule.created.{name} and is \
             rules.domain.rule.made.{name} now"
        )]
    );
    assert_eq!(
        found(&[(file, NAMED)], &[(file, NAMED), ("eventsmith.toml", "root = \"billing\"\n")]),
        [finding(
            "changed-subject",
            "eventsmith.toml",
            "the root of all subjects was \"rules\" and is \"billing\" now"
        )]
    );
}

#[test]
fn another_key_is_found_at_its_place() {
    let with = |event: Value| {
        json!({"x-event": event, "properties": {"id": {"type": "string"}, "name": {"type": "string"}}, "required": ["id", "name"]}).to_string()
    };
    let file = "domain/rule/created.v1.json";
    let (id, name) = (with(json!({"key": "/id"})), with(json!({"key": "/name"})));

    let result = compare(&catalogue("main", &[(file, &id)]), &catalogue("schemas", &[(file, &name)]), Policy::Full);

    let finding = &result.findings[0];
    assert_eq!((finding.rule, finding.pointer.as_str()), ("changed-key", "/x-event/key"));
    assert_eq!(finding.message, "the ordering key of rule.created v1 was /id and is /name now");
    assert_eq!(finding.position.map(|position| position.column), Some(13));
}

#[test]
fn an_event_stays_in_the_history_of_its_aggregate() {
    let with = |event: Value| {
        json!({"x-event": event, "properties": {"id": {"type": "string"}}, "required": ["id"]}).to_string()
    };
    let file = "domain/rule/created.v1.json";
    let subject = "rules.domain.rule.created.{id}";
    let of = |aggregate: &str| with(json!({"key": "/id", "aggregate": aggregate}));
    let none = with(json!({"key": "/id", "subject": subject}));

    let rule = of("rule");
    for (then, now, change) in [
        (&rule, &of("ruleset"), "rule and is ruleset"),
        (&rule, &none, "rule and is none"),
        (&none, &rule, "none and is rule"),
    ] {
        let said = format!("the aggregate of rule.created v1 was {change} now");
        assert_eq!(found(&[(file, then)], &[(file, now)]), [finding("changed-aggregate", file, &said)]);
    }
    assert_eq!(found(&[(file, &none)], &[(file, &none)]), []);
}

#[test]
fn the_subjects_of_an_aggregate_become_no_more() {
    let event = json!({"x-event": {"key": "/id", "aggregate": "rule"}, "properties": {"id": {"type": "string"}}, "required": ["id"]});
    let event = event.to_string();
    let (created, deleted) = ("domain/rule/created.v1.json", "domain/rule/deleted.v1.json");
    let changed = |file: &str, was: &str, is: &str| {
        let said = format!("the events of the aggregate rule were those on {was} and are those on {is} now");
        finding("changed-aggregate", file, &said)
    };
    let one = [(created, event.as_str())];

    assert_eq!(found(&one, &[one[0], (deleted, &event)]), [], "one more event of the same kind and group");
    for (file, is) in [
        ("integration/rule/imported.v1.json", "*.rule.*.*"),
        ("domain/import/ended.v1.json", "domain.*.*.*"),
        ("integration/import/ended.v1.json", "*.*.*.*"),
    ] {
        let more = [one[0], (file, event.as_str())];
        assert_eq!(found(&one, &more), [changed(file, "domain.rule.*.*", is)]);
        assert_eq!(found(&more, &more), []);
        let fewer = found(&more, &one);
        assert!(fewer.contains(&changed(created, is, "domain.rule.*.*")), "{fewer:?}");
    }
}

#[test]
fn streams_keep_what_no_server_changes() {
    let file = ("domain/rule/created.v1.json", NAMED);
    let manifest =
        |name: &str, more: &str| format!("root = \"rules\"\n[streams.{name}]\nsubjects = [\"rules.domain.>\"]\n{more}");
    let found =
        |new: &str| found(&[file, ("eventsmith.toml", &manifest("RULES", ""))], &[file, ("eventsmith.toml", new)]);

    assert_eq!(found(&manifest("RULES", "max_age = \"3d\"\nretention = \"interest\"")), []);
    assert_eq!(
        found(&manifest("RULES", "storage = \"memory\"\nretention = \"work_queue\"")),
        [
            finding("changed-stream", "eventsmith.toml", "the storage of stream RULES was file and is memory now"),
            finding(
                "changed-stream",
                "eventsmith.toml",
                "the retention of stream RULES was limits and is work_queue now"
            ),
        ]
    );
    assert_eq!(
        found(&manifest("FACTS", "")),
        [finding(
            "changed-stream",
            "eventsmith.toml",
            "rule.created was stored in stream RULES and is in stream FACTS now"
        )]
    );
}

#[test]
fn sagas_keep_their_name_stream_and_state() {
    let files = [("state/rule/compiled.v1.json", NAMED), ("state/rule/other.v1.json", NAMED)];
    let manifest = |stream: &str, saga: &str, state: &str| {
        format!(
            "root = \"rules\"\n[streams.{stream}]\nsubjects = [\"rules.saga.>\"]\nsagas = {{ {saga} = \"rule.{state}\" }}\n"
        )
    };
    let found = |new: &str| {
        let then = [files[0], files[1], ("eventsmith.toml", &manifest("SAGAS", "pay", "compiled"))];
        let found = found(&then, &[files[0], files[1], ("eventsmith.toml", new)]);
        found
            .into_iter()
            .map(|(_, _, message)| message)
            .filter(|message| message.contains("the saga"))
            .collect::<Vec<_>>()
    };

    assert_eq!(found(&manifest("SAGAS", "pay", "compiled")), [""; 0]);
    assert_eq!(
        found(&manifest("FLOWS", "pay", "compiled")),
        ["the saga pay lay in stream SAGAS and is in stream FLOWS now"]
    );
    assert_eq!(
        found(&manifest("SAGAS", "pay", "other")),
        ["the state of the saga pay was rule.compiled and is rule.other now"]
    );
    assert_eq!(
        found(&manifest("SAGAS", "paying", "compiled")),
        ["the saga pay of stream SAGAS is gone; nobody goes on with instances of it that run"]
    );
}

const DOCUMENT: &str = "state/rule/compiled.v1.json";

/// A manifest with one bucket.
fn bucket(name: &str, more: &str) -> String {
    format!("root = \"rules\"\n[buckets.{name}]\nstate = \"rule.compiled\"\n{more}")
}

#[test]
fn buckets_keep_their_documents_and_what_no_server_changes() {
    let found = |then: &str, now: &str| {
        found(
            &[(DOCUMENT, NAMED), ("eventsmith.toml", &bucket("RULES", then))],
            &[(DOCUMENT, NAMED), ("eventsmith.toml", now)],
        )
    };
    let changed = |message: &str| finding("changed-bucket", "eventsmith.toml", message);

    let lowered = bucket("RULES", "history = 1\nttl = \"1d\"\nmax_bytes = \"1MiB\"\nreplicas = 1\nmarker_ttl = \"1m\"");
    assert_eq!(found("history = 9\nttl = \"9d\"\nreplicas = 3\nmarker_ttl = \"1h\"", &lowered), []);
    assert_eq!(
        found("marker_ttl = \"1h\"", &bucket("RULES", "storage = \"memory\"")),
        [
            changed("the storage of bucket RULES was file and is memory now"),
            changed("bucket RULES had a marker_ttl and has none now"),
        ]
    );
    assert_eq!(
        found("", &bucket("COMPILED", "")),
        [changed("rule.compiled was kept in bucket RULES and is in bucket COMPILED now")]
    );
    let gone = found("", "root = \"rules\"\n");
    assert!(gone.contains(&changed("rule.compiled was kept in bucket RULES and is in no bucket now")), "{gone:?}");
}

#[test]
fn documents_are_compared_as_events_are() {
    let manifest = bucket("RULES", "");
    let then = [(DOCUMENT, NAMED), ("eventsmith.toml", manifest.as_str())];
    let changed = NAMED.replace("string", "integer");

    let broken = found(&then, &[(DOCUMENT, &changed), then[1]]);
    let gone = found(&then, &[("eventsmith.toml", "root = \"rules\"\n")]);

    let said: Vec<&str> = broken.iter().map(|(_, _, message)| message.split(", {").next().unwrap()).collect();
    assert_eq!(
        said,
        [
            "rule.compiled v1: a new reader rejects what old writers wrote",
            "rule.compiled v1: an old reader rejects what new writers write",
        ]
    );
    assert_eq!(
        gone,
        [finding(
            "removed-event",
            DOCUMENT,
            "rule.compiled is gone; what is stored of it and who reads it need its schema"
        )]
    );
}

#[test]
fn a_reply_that_came_or_went_is_found() {
    let (request, reply) = (("query/rule/get.v1.json", NAMED), ("query/rule/get.v1.reply.json", NAMED));

    assert_eq!(found(&[request], &[request, reply])[0].0, "changed-reply");
    let gone = found(&[request, reply], &[request]);
    assert_eq!((gone[0].0, gone[0].1.as_str()), ("changed-reply", reply.0));
}

#[test]
fn a_refusal_may_come_and_may_not_go() {
    let (request, error) = (("query/rule/get.v1.json", NAMED), ("query/rule/get.v1.error.json", NAMED));

    assert_eq!(found(&[request], &[request, error]), []);
    assert_eq!(
        found(&[request, error], &[request]),
        [finding("removed-error", error.0, "the error of rule.get v1 is gone; servers of before still refuse so")]
    );
}

/// Under each policy, the directions that a longer text breaks in a request, its reply and its refusal.
fn broken_by_longer_texts(policy: Policy) -> Vec<(VersionPart, Direction)> {
    let limit = |limit: u32| format!(r#"{{"type": "string", "maxLength": {limit}}}"#);
    let files = ["query/rule/get.v1.json", "query/rule/get.v1.reply.json", "query/rule/get.v1.error.json"];
    let of = |label: &str, length: u32| {
        catalogue(label, &files.map(|file| (file, limit(length))).each_ref().map(|(file, text)| (*file, text.as_str())))
    };
    let result = compare(&of("main", 5), &of("schemas", 9), policy);
    let broken = result.comparisons.into_iter().filter(|comparison| comparison.status == Status::Breaking);
    broken.map(|comparison| (comparison.part, comparison.direction)).collect()
}

/// Who asks writes the request and reads the answer: what new servers may answer and old callers not read is broken whenever
/// servers change first, and what new callers may ask whenever callers do.
#[test]
fn requests_and_answers_are_compared_in_opposite_directions() {
    use Direction::Forward;

    assert_eq!(
        broken_by_longer_texts(Policy::Backward),
        [(VersionPart::Reply, Forward), (VersionPart::Error, Forward)]
    );
    assert_eq!(broken_by_longer_texts(Policy::Forward), [(VersionPart::Itself, Forward)]);
    assert_eq!(
        broken_by_longer_texts(Policy::Full),
        [(VersionPart::Itself, Forward), (VersionPart::Reply, Forward), (VersionPart::Error, Forward)]
    );
}

#[test]
fn a_witness_says_which_of_caller_and_server_does_not_understand() {
    let (then, now) = (NAMED, NAMED.replace("string", "integer"));
    let of = |text: &str| {
        let files = [("query/rule/get.v1.json", text), ("query/rule/get.v1.reply.json", text)];
        catalogue("schemas", &files)
    };

    let findings = compare(&of(then), &of(&now), Policy::Full).findings;

    let said: Vec<&str> = findings.iter().map(|finding| finding.message.split(", {").next().unwrap()).collect();
    assert_eq!(
        said,
        [
            "rule.get v1: a new server rejects what old callers send",
            "rule.get v1: an old server rejects what new callers send",
            "the reply of rule.get v1: a new caller rejects what old servers answer",
            "the reply of rule.get v1: an old caller rejects what new servers answer",
        ]
    );
}

#[test]
fn a_new_version_whose_reply_older_callers_do_not_understand_is_found_when_it_comes() {
    let old = [("query/rule/get.v1.json", NAMED), ("query/rule/get.v1.reply.json", NAMED)];
    let newer = [old[0], old[1], ("query/rule/get.v2.json", NAMED), ("query/rule/get.v2.reply.json", "{}")];
    let allowed = r#"{"x-lint-allow": {"unreadable-reply": "nobody asks in v1"}}"#;

    let come = found(&old, &newer);
    assert_eq!((come.len(), come[0].0, come[0].1.as_str()), (1, "unreadable-reply", "query/rule/get.v2.reply.json"));
    assert!(come[0].2.contains("callers of v1 reject what servers of v2 answer"), "{come:?}");
    assert_eq!(found(&newer, &newer), [], "it is published by now");
    assert_eq!(found(&old, &[old[0], old[1], newer[2], ("query/rule/get.v2.reply.json", allowed)]), []);
}

#[test]
fn a_changed_reply_goes_with_its_request_into_a_new_version() {
    let request = ("query/rule/get.v1.json", NAMED);
    let (then, now) =
        (catalogue("main", &[request, ("query/rule/get.v1.reply.json", NAMED)]), NAMED.replace("string", "integer"));
    let now = catalogue("schemas", &[request, ("query/rule/get.v1.reply.json", &now)]);

    let findings = compare(&then, &now, Policy::Full).findings;

    let help = &findings[0].help;
    assert!(help.ends_with("query/rule/get.v2.json with query/rule/get.v2.reply.json"), "{help}");
}

/// A catalogue that no other command takes does not pass here.
#[test]
fn what_is_wrong_now_is_told_though_all_can_be_compared() {
    let sound = [("domain/rule/created.v1.json", NAMED)];
    let stray = [sound[0], ("command/rule/delete.v1.reply.json", NAMED)];

    assert_eq!(found(&sound, &stray)[0].0, "stray-reply");
}

#[test]
fn what_was_broken_before_is_told_and_everything_else_compared() {
    let old = [
        ("common.json", r#"{"$defs": {"Id": {"type": "strng"}}}"#),
        ("domain/rule/created.v1.json", r#"{"$ref": "../../common.json#/$defs/Id"}"#),
        ("domain/rule/deleted.v1.json", NAMED),
    ];
    let new = [("domain/rule/created.v1.json", NAMED), ("domain/rule/deleted.v1.json", NAMED)];

    let result = compare(&catalogue("main", &old), &catalogue("schemas", &new), Policy::Backward);

    let compared: Vec<(&str, Status)> =
        result.comparisons.iter().map(|comparison| (comparison.event_type.as_str(), comparison.status)).collect();
    assert_eq!(compared, [("rule.created", Status::Undecided), ("rule.deleted", Status::Identical)]);
    assert_eq!((result.findings[0].rule, result.findings[0].file.as_str()), ("unsound-previous", "common.json"));
    assert!(result.findings[0].message.contains("main: it is broken there at line 1, column 19"), "{result:#?}");
}

#[test]
fn of_all_earlier_texts_the_worst_is_told_with_its_revision() {
    let limit = |limit: u32| format!(r#"{{"type": "string", "maxLength": {limit}}}"#);
    let of = |label: &str, length: u32| catalogue(label, &[("domain/rule/created.v1.json", &limit(length))]);
    let earlier = [of("c2", 10), of("c1", 30), of("c0", 30)];

    let result = compare_all(earlier, &of("main", 20), &of("schemas", 20), Policy::Backward);

    assert_eq!(result.comparisons.len(), 1);
    assert_eq!(result.comparisons[0].revision, "c1");
    assert!(result.comparisons[0].status >= Status::Undecided);
    assert!(result.findings[0].message.contains("old writers of c1 wrote"), "{result:#?}");
}
