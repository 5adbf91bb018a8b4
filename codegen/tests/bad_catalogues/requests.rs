//! Options of commands, `x-request`: each mistake is one finding, with the way out.

use crate::{FINE, at, problem, problems};

const COMMAND: &str = "command/payment/capture.v1.json";

/// A schema with these options.
fn with(options: &str) -> String {
    FINE.replacen('{', &format!("{{\n\"x-request\": {options}, "), 1)
}

#[test]
fn each_mistake_in_the_options_of_a_command_is_shown_with_its_place() {
    let shape = "write \"x-request\": {\"idempotent\": \"10m\", \"when_lost\": \"unknown\"}";
    for (options, pointer, message, help) in [
        ("\"10m\"", "", "x-request is not an object", shape),
        (r#"{"idempotnt": "10m"}"#, "/idempotnt", "x-request has no member \"idempotnt\"", "did you mean idempotent?"),
        (
            r#"{"idempotnt": "10m", "when_lost": "rerun"}"#,
            "/idempotnt",
            "x-request has no member \"idempotnt\"",
            "did you mean idempotent?",
        ),
        (r#"{"idempotent": "10m", "retries": 3}"#, "/retries", "x-request has no member \"retries\"", shape),
        (r#"{"idempotent": 600}"#, "/idempotent", "600 is no duration in quotes", shape),
        (r#"{"idempotent": true}"#, "/idempotent", "true is no duration in quotes", shape),
        (
            r#"{"idempotent": "10"}"#,
            "/idempotent",
            "\"10\" is not a duration",
            "write a whole number and ms, s, m, h or d: \"2m\", or \"1h 10m\"",
        ),
        (
            r#"{"idempotent": "999ms"}"#,
            "/idempotent",
            "answers are not kept for \"999ms\"",
            "write 1s to 7d, for as long as somebody may ask again: \"10m\"",
        ),
        (
            r#"{"idempotent": "8d", "when_lost": "rerun"}"#,
            "/idempotent",
            "answers are not kept for \"8d\"",
            "write 1s to 7d, for as long as somebody may ask again: \"10m\"",
        ),
        (
            r#"{"idempotent": "1500ms"}"#,
            "/idempotent",
            "answers are kept for whole seconds, and \"1500ms\" is none",
            "write it in s, m, h or d: \"10m\"",
        ),
        (
            r#"{"when_lost": "rerun"}"#,
            "/when_lost",
            "when_lost says nothing of a command that is not idempotent",
            "say for how long answers are kept, \"idempotent\": \"10m\", or remove when_lost",
        ),
        (
            r#"{"idempotent": "10m", "when_lost": "reruns"}"#,
            "/when_lost",
            "\"reruns\" is neither \"rerun\" nor \"unknown\"",
            "did you mean rerun?",
        ),
        (
            r#"{"idempotent": "10m", "when_lost": true}"#,
            "/when_lost",
            "true is neither \"rerun\" nor \"unknown\"",
            "write \"rerun\" if it may be begun again, or \"unknown\" if whoever asked is to find out",
        ),
    ] {
        let [found] = problems(&[(COMMAND, &with(options))]).try_into().expect(options);
        assert_eq!((found.rule, found.pointer), ("bad-x-request", format!("/x-request{pointer}")), "{options}");
        assert_eq!((found.message.as_str(), found.help.as_str()), (message, help), "{options}");
        assert_eq!(found.position.map(|position| position.line), Some(2), "{options}");
    }
}

#[test]
fn only_commands_have_options() {
    let manifest = ("eventsmith.toml", "root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\n");
    let document = ("state/rule/compiled.v1.json", FINE);
    let options = with(r#"{"idempotent": "10m"}"#);
    for (file, message) in [
        ("query/rule/get.v1.json", "a query is not idempotent by x-request: a query is asked again anyway"),
        ("domain/rule/created.v1.json", "a domain event is not idempotent by x-request: nobody answers it"),
        ("integration/rule/sent.v1.json", "an integration event is not idempotent by x-request: nobody answers it"),
        (
            "state/rule/compiled.v1.json",
            "a document of a bucket is not idempotent by x-request: it lies in a bucket, and nobody asks it",
        ),
    ] {
        let others = if file == document.0 { (COMMAND, FINE) } else { document };
        let [found] = problems(&[manifest, others, (file, &options)]).try_into().expect(file);
        assert_eq!(
            (found.rule, found.pointer.as_str(), found.message.as_str()),
            ("bad-x-request", "/x-request", message)
        );
        assert!(found.help.starts_with("remove x-request"), "{}", found.help);
    }
}

#[test]
fn answers_have_no_options() {
    for part in ["reply", "error"] {
        let file = format!("command/payment/capture.v1.{part}.json");
        let files = [(COMMAND, FINE), (file.as_str(), &with(r#"{"idempotent": "10m"}"#))];

        assert_eq!(problem(&files), at("bad-x-request", &file, "/x-request", Some(2)));
        assert_eq!(
            problems(&files)[0].message,
            format!("x-request is about a command, and this file describes its {part}")
        );
    }
}

/// The one finding of a manifest for a service that handles a command: rule, line and message.
fn over_replies(options: &str, manifest: &str) -> Vec<(String, Option<usize>, String)> {
    let manifest = format!("root = \"r\"\n[services.payments]\nhandles = [\"payment.capture\"]\n{manifest}");
    let command = with(options);
    let files = [
        (COMMAND, command.as_str()),
        ("state/rule/compiled.v1.json", FINE),
        ("domain/rule/created.v1.json", FINE),
        ("eventsmith.toml", &manifest),
    ];
    let dir = crate::catalogue(&files);
    let found = eventsmith_codegen::generate(&eventsmith_codegen::load(dir.path())).err().unwrap_or_default();
    found.into_iter().map(|found| (found.rule.to_owned(), found.position.map(|at| at.line), found.message)).collect()
}

#[test]
fn streams_and_buckets_keep_off_the_answers_of_services() {
    let answers = "the answers of payments to idempotent commands";
    let bucket = "[buckets.B]\nstate = \"rule.compiled\"\n[streams.";
    let events = "]\nsubjects = [\"r.domain.>\"";
    for (manifest, line, message) in [
        (
            format!("{bucket}KV_REPLIES_payments{events}]"),
            6,
            format!("KV_REPLIES_payments is the stream of the bucket of {answers}"),
        ),
        (
            format!("{bucket}S{events}, \"$KV.REPLIES_payments.>\"]"),
            7,
            format!("stream S captures $KV.REPLIES_payments.>, and with it {answers}"),
        ),
        (
            "[buckets.REPLIES_payments]\nstate = \"rule.compiled\"\n".to_owned(),
            4,
            format!("REPLIES_payments is the bucket of {answers}"),
        ),
    ] {
        let found = over_replies(r#"{"idempotent": "10m"}"#, &manifest);
        assert_eq!(found, [("stream-over-bucket".to_owned(), Some(line), message)], "{manifest}");
    }
}

#[test]
fn a_service_without_idempotent_commands_takes_no_name() {
    for (options, manifest) in [
        ("{}", "[buckets.REPLIES_payments]\nstate = \"rule.compiled\"\n"),
        (r#"{"idempotent": "10m"}"#, "[buckets.REPLIES_orders]\nstate = \"rule.compiled\"\n[services.orders]\n"),
    ] {
        assert_eq!(over_replies(options, manifest), [], "{manifest}");
    }
}
