//! Documents of buckets, and the buckets that hold them: each mistake is one finding, with the way out.

use eventsmith_codegen::{generate, load};

use crate::common::catalogue;
use crate::{FINE, at, problem, problems};

const DOCUMENT: (&str, &str) = ("state/rule/compiled.v1.json", FINE);

/// The one finding of a catalogue with a document and an event: rule, line, message and help.
fn found(manifest: &str) -> (String, Option<usize>, String, String) {
    let manifest = format!("root = \"r\"\n{manifest}");
    let files = [DOCUMENT, ("domain/rule/created.v1.json", FINE), ("eventsmith.toml", &manifest)];
    let [found] = problems(&files).try_into().expect(&manifest);
    (found.rule.to_owned(), found.position.map(|position| position.line), found.message, found.help)
}

#[test]
fn a_document_needs_a_bucket_and_the_help_is_what_to_add() {
    let (rule, _, message, help) = found("");

    assert_eq!((rule.as_str(), message.as_str()), ("no-bucket", "rule.compiled is in no bucket"));
    let lines = help.split_once('\n').unwrap().1;
    let manifest = format!("root = \"r\"\n{lines}\n");
    let dir = crate::catalogue(&[DOCUMENT, ("eventsmith.toml", &manifest)]);
    assert!(eventsmith_codegen::generate(&eventsmith_codegen::load(dir.path())).is_ok(), "{manifest}");
}

#[test]
fn a_manifest_that_cannot_be_read_says_nothing_of_buckets() {
    for manifest in ["root = \"r", "root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\nhistory = 65"] {
        assert_eq!(problem(&[DOCUMENT, ("eventsmith.toml", manifest)]).0, "bad-manifest");
    }
}

#[test]
fn a_bucket_holds_documents_that_exist() {
    for (state, is, help) in [
        ("rule.compield", "no type of a document", "did you mean rule.compiled?"),
        ("state.rule.compiled", "no type of a document", "did you mean rule.compiled?"),
    ] {
        let (rule, line, message, way_out) = found(&format!("[buckets.B]\nstate = {state:?}"));
        assert_eq!((rule.as_str(), line), ("unknown-state", Some(3)));
        assert_eq!((message, way_out.as_str()), (format!("bucket B holds {state}, which is {is}"), help));
    }
    let (rule, line, message, help) =
        found("[buckets.A]\nstate = \"rule.compiled\"\n[buckets.B]\nstate = \"rule.created\"");
    assert_eq!((rule.as_str(), line), ("unknown-state", Some(5)));
    assert_eq!(message, "bucket B holds rule.created, which is a domain event");
    assert!(help.contains("a file below state/"), "{help}");
}

#[test]
fn a_document_lies_in_one_bucket() {
    let (rule, line, message, _) =
        found("[buckets.A]\nstate = \"rule.compiled\"\n[buckets.B]\nstate = \"rule.compiled\"");

    assert_eq!((rule.as_str(), line), ("two-buckets", Some(5)));
    assert_eq!(message, "rule.compiled is in two buckets, A and B");
}

#[test]
fn keys_of_a_bucket_are_explained_as_those_of_a_stream() {
    let bucket = "[buckets.B]\nstate = \"rule.compiled\"\n";
    for (text, line, message, help) in [
        ("[bucket.B]".to_owned(), 2, "there is no key `bucket`", "did you mean `buckets`?"),
        ("[buckets.B]".to_owned(), 2, "the key `state` is missing", "add a line: state = .."),
        (format!("{bucket}histori = 1"), 4, "there is no key `histori`", "did you mean `history`?"),
        (format!("{bucket}storage = \"files\""), 4, "there is no value `files`", "did you mean `file`?"),
        (format!("{bucket}history = 65"), 4, "a bucket cannot keep 65 values of a key", "write 1 to 64"),
        (format!("{bucket}replicas = 0"), 4, "no cluster keeps 0 replicas", "write 1 to 5"),
        (format!("{bucket}ttl = \"5\""), 4, "\"5\" is not a duration", "write a whole number and ms"),
        (
            format!("{bucket}marker_ttl = \"10ms\""),
            4,
            "a marker stands for whole seconds, and for 1 s at least",
            "write 1s or more",
        ),
        (format!("{bucket}ttl = \"1000000d\""), 4, "longer than a server counts", "write 106751d or less"),
        (
            format!("{bucket}ttl = \"1h\"\nmarker_ttl = \"1h 10m\""),
            2,
            "markers of the bucket B are to stand for 1h 10m, and nothing stays there for more than 1h",
            "write a `marker_ttl` of 1h or less",
        ),
        (format!("{bucket}max_value_bytes = \"3GiB\""), 4, "more than a server counts", "write less than 2GiB"),
        (bucket.replace("buckets.B", "buckets.\"a.b\""), 2, "\"a.b\" is no name of a bucket", "A-Z a-z 0-9 _ -"),
    ] {
        let (rule, at, found, way_out) = found(&text);
        assert_eq!((rule.as_str(), at), ("bad-manifest", Some(line)), "{text}: {found}");
        assert!(found.contains(message) && way_out.contains(help), "{text}: {found}; {way_out}");
    }
}

#[test]
fn a_stream_keeps_off_buckets() {
    let bucket = "[buckets.B]\nstate = \"rule.compiled\"\n";
    for (name, subjects, message) in [
        ("S", r#""r.domain.>", "$KV.B.>""#, "stream S captures $KV.B.>, and with it documents of the bucket B"),
        ("S", r#""r.domain.>", "$KV.*.a""#, "stream S captures $KV.*.a, and with it documents of the bucket B"),
        ("S", r#"">""#, "stream S captures >, and with it documents of the bucket B"),
        ("KV_B", r#""r.domain.>""#, "KV_B is the stream of the bucket B"),
        ("KV_B", r#""r.domain.>", "$KV.B.>""#, "KV_B is the stream of the bucket B"),
    ] {
        let (rule, _, found, _) = found(&format!("{bucket}[streams.{name}]\nsubjects = [{subjects}]"));
        assert_eq!((rule.as_str(), found.as_str()), ("stream-over-bucket", message), "{name} {subjects}");
    }
}

#[test]
fn a_document_has_neither_key_nor_subject_nor_answers() {
    let manifest = ("eventsmith.toml", "root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\n");
    let keyed = FINE.replacen('{', "{\n\"x-event\": {\"key\": \"/id\"}, ", 1);

    assert_eq!(
        problem(&[manifest, (DOCUMENT.0, &keyed)]),
        at("bad-x-event", "state/rule/compiled.v1.json", "/x-event", Some(2))
    );
    for (part, rule) in [("reply", "stray-reply"), ("error", "stray-error")] {
        let file = format!("state/rule/compiled.v1.{part}.json");
        let [found] = problems(&[manifest, DOCUMENT, (&file, FINE)]).try_into().unwrap();
        assert_eq!((found.rule, found.file.as_str()), (rule, file.as_str()));
        assert_eq!(found.message, format!("a document of a bucket has no {part}"));
    }
}

#[test]
fn services_list_documents_by_what_they_do_with_them() {
    for list in ["writes = [\"rule.compiled\"]", "reads = [\"rule.compiled\"]", "projects = { \"rule.compiled\" = [] }"]
    {
        let services = format!("[services.a]\n{list}\n[buckets.B]\nstate = \"rule.compiled\"\n");
        let dir = catalogue(&[("eventsmith.toml", &format!("root = \"rules\"\n{services}")), DOCUMENT]);
        assert!(generate(&load(dir.path())).is_ok(), "{list}");
    }
    for role in ["publishes", "consumes", "handles", "asks"] {
        let services = format!("[services.a]\n{role} = [\"rule.compiled\"]\n[buckets.B]\nstate = \"rule.compiled\"\n");
        let (rule, line, message, help) = found(&services);

        assert_eq!((rule.as_str(), line), ("wrong-role", Some(3)));
        assert_eq!(message, format!("service a {role} rule.compiled, which is a document of a bucket"));
        assert!(help.contains("`writes`, `reads` and `projects`"), "{help}");
    }
}

#[test]
fn a_type_is_of_one_kind() {
    let manifest = ("eventsmith.toml", "root = \"r\"\n[buckets.B]\nstate = \"rule.compiled\"\n");

    let found = problem(&[manifest, DOCUMENT, ("domain/rule/compiled.v1.json", FINE)]);

    assert_eq!(found, at("duplicate-version", "state/rule/compiled.v1.json", "", None));
}
