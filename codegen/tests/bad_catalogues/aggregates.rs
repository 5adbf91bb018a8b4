//! What is wrong with `x-event.aggregate`, and with the aggregates of a catalogue.

use super::{at, problem, problems};

const FILE: &str = "domain/rule/created.v1.json";
const MADE: &str = "domain/rule/made.v1.json";

/// A schema whose `x-event` is this.
fn event(x_event: &str) -> String {
    format!(
        "{{\"type\": \"object\", \"required\": [\"id\", \"name\"],\n \"x-event\": {x_event},\n \"properties\": \
         {{\"id\": {{\"type\": \"string\"}}, \"name\": {{\"type\": \"string\"}}}}}}"
    )
}

fn of_rule() -> String {
    event(r#"{"key": "/id", "aggregate": "rule"}"#)
}

#[test]
fn an_event_of_an_aggregate_is_addressed_by_its_id() {
    for (x_event, pointer) in [
        (r#"{"aggregate": "rule"}"#, "/x-event/aggregate"),
        (r#"{"key": "/id/x", "aggregate": "rule"}"#, "/x-event/key"),
        (r#"{"key": "/id", "aggregate": "a rule"}"#, "/x-event/aggregate"),
        (r#"{"key": "/id", "aggregate": 1}"#, "/x-event/aggregate"),
        (r#"{"key": "/id", "aggregat": "rule"}"#, "/x-event/aggregat"),
        (r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.rule.created"}"#, "/x-event/subject"),
        (r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.{id}.created"}"#, "/x-event/subject"),
        (r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.rule.created.{name}"}"#, "/x-event/subject"),
        (r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.{name}.created.{id}"}"#, "/x-event/subject"),
    ] {
        assert_eq!(problem(&[(FILE, &event(x_event))]), at("bad-x-event", FILE, pointer, Some(2)), "{x_event}");
    }
}

#[test]
fn a_request_is_of_no_aggregate() {
    let file = "command/rule/create.v1.json";

    assert_eq!(problem(&[(file, &of_rule())]), at("bad-x-event", file, "/x-event/aggregate", Some(2)));
}

#[test]
fn what_is_of_no_aggregate_has_no_subject_of_one() {
    let stranger = r#"{"type": "object"}"#;
    let stranger_file = "domain/rule/created/again.v1.json";

    let found = problem(&[(FILE, &of_rule()), (stranger_file, stranger)]);

    assert_eq!(found, at("bad-aggregate", stranger_file, "", Some(1)));
}

#[test]
fn the_versions_of_an_event_are_of_one_aggregate_under_one_subject() {
    let newer = "domain/rule/created.v2.json";
    let elsewhere = event(r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.rule.made.{id}"}"#);

    for (older, pointer) in
        [(event(r#"{"key": "/id", "aggregate": "ruleset"}"#), "/x-event"), (elsewhere, "/x-event/subject")]
    {
        let found = problem(&[(FILE, &older), (newer, &of_rule())]);

        assert_eq!(found, at("bad-aggregate", FILE, pointer, Some(2)));
    }
}

#[test]
fn the_subjects_of_an_aggregate_have_as_many_tokens() {
    let longer = event(r#"{"key": "/id", "aggregate": "rule", "subject": "rules.domain.rule.now.made.{id}"}"#);

    let found = problem(&[(FILE, &of_rule()), (MADE, &longer)]);

    assert_eq!(found, at("bad-aggregate", MADE, "/x-event", Some(2)));
}

#[test]
fn an_aggregate_lies_in_one_stream() {
    let manifest = "root = \"rules\"\n[streams.A]\nsubjects = [\"rules.domain.rule.created.*\"]\n\
                    [streams.B]\nsubjects = [\"rules.domain.rule.made.*\"]\n";

    let found = problem(&[("eventsmith.toml", manifest), (FILE, &of_rule()), (MADE, &of_rule())]);

    assert_eq!(found, at("bad-aggregate", MADE, "/x-event/aggregate", Some(2)));
}

#[test]
fn two_aggregates_are_two_types() {
    let other = event(r#"{"key": "/id", "aggregate": "Rule", "subject": "rules.domain.other.made.{id}"}"#);

    let found = problem(&[(FILE, &of_rule()), (MADE, &other)]);

    assert_eq!((found.0.as_str(), found.2.as_str()), ("bad-aggregate", "/x-event/aggregate"));
}

#[test]
fn the_module_of_aggregates_is_taken_where_there_are_some() {
    let problems = problems(&[(FILE, &of_rule()), ("domain/aggregates/made.v1.json", r#"{"type": "object"}"#)]);

    assert_eq!(problems.iter().map(|problem| problem.rule).collect::<Vec<_>>(), ["reserved-name"]);
}
