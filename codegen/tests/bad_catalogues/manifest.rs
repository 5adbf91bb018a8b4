//! One mistake in `eventsmith.toml` is one finding.

use eventsmith_codegen::{generate, load};

use crate::common::catalogue;
use crate::{FINE, problems};

#[test]
fn a_name_that_was_mistyped_and_copied_is_one_finding() {
    let manifest = "root = \"r\"\n[services.a]\npublishes = [\"rule.creatd\"]\n[services.b]\nconsumes = [\"rule.creatd\"]\n\
                    [services.c]\nconsumes = [\"rule.creatd\"]\n";

    let found = problems(&[("domain/rule/created.v1.json", FINE), ("eventsmith.toml", manifest)]);

    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.message, "service a publishes rule.creatd, which is no event; so it says in line 5 and 7, too");
    assert_eq!(found.position.map(|position| position.line), Some(3));
}

#[test]
fn slips_in_the_manifest_are_explained() {
    for (text, message, help) in [
        ("root = \"r\"\n[lint]\nmissing-title = \"off\"", "the switch of a rule is a table", "write level and reason"),
        ("root = \"r\"\n[compatibility]\npolicy = \"FULL\"", "there is no value `FULL`", "did you mean `full`?"),
        ("root = \"\"", "the root \"\" is not a subject", "root = \"rules\""),
        ("root = \"r\"\n[streams.\"a b\"]\nsubjects = [\"r.>\"]", "\"a b\" is no name of a stream", "A-Z a-z 0-9 _ -"),
        ("root = \"r\"\n[services.\"a.b\"]", "\"a.b\" is no name of a service", "A-Z a-z 0-9 _ -"),
        (
            "root = \"r\"\n[services.a]\npublishes = [\"r.domain.rule.created\"]",
            "which is no event",
            "did you mean rule.created?",
        ),
    ] {
        let [found] =
            problems(&[("domain/rule/created.v1.json", FINE), ("eventsmith.toml", text)]).try_into().expect(text);
        assert!(found.message.contains(message) && found.help.contains(help), "{text}: {found}");
    }
}

#[test]
fn a_subject_that_was_mistyped_is_one_finding_with_the_subject_that_was_meant() {
    let events = [("domain/rule/created.v1.json", FINE), ("domain/rule/deleted.v1.json", FINE)];
    for (root, subject, meant) in [
        ("r", "r.domian.>", "did you mean r.domain.>?"),
        ("r", "r.domain.ruel.*", "did you mean r.domain.rule.*?"),
        ("rules", "rulse.domain.*.*", "did you mean rules.domain.*.*?"),
        ("r", "domain.>", "did you mean r.domain.>?"),
    ] {
        let manifest = format!("root = {root:?}\n[streams.S]\nsubjects = [{subject:?}]\n");
        let found = problems(&[&events[..], &[("eventsmith.toml", manifest.as_str())]].concat());
        let found: Vec<(&str, &str)> = found.iter().map(|found| (found.rule, found.help.as_str())).collect();
        assert_eq!(found, [("unknown-subject", meant)], "{subject}");
    }
    let manifest = "root = \"r\"\n[streams.S]\nsubjects = [\"r.integration.>\"]\n";
    let found = problems(&[&events[..], &[("eventsmith.toml", manifest)]].concat());
    assert_eq!(found.len(), 3, "nothing near was meant: {found:?}");
}

#[test]
fn what_runs_is_a_version_of_a_saga_that_a_stream_holds() {
    let manifest = |runs: &str| {
        format!(
            "root = \"r\"\n[streams.SAGAS]\nsubjects = [\"r.saga.>\"]\nsagas = {{ checkout = \"checkout.progress\" }}\n\
             [services.a]\nruns = [\"{runs}\"]\n"
        )
    };
    let found =
        |runs: &str| problems(&[("state/checkout/progress.v1.json", FINE), ("eventsmith.toml", &manifest(runs))]);

    let good = catalogue(&[("state/checkout/progress.v1.json", FINE), ("eventsmith.toml", &manifest("checkout@1"))]);
    assert!(generate(&load(good.path())).is_ok());
    for (runs, message, help) in [
        ("checkout", "no version of a saga", "checkout@1"),
        ("checkout@01", "no version of a saga", "checkout@1"),
        ("chekout@1", "which no stream holds", "did you mean checkout?"),
    ] {
        let [found] = found(runs).try_into().expect(runs);
        assert_eq!(found.rule, "bad-saga");
        assert!(found.message.contains(message) && found.help.contains(help), "{runs}: {found}");
    }
}

#[test]
fn a_stream_of_sagas_refuses_nothing_new() {
    let manifest = "root = \"r\"\n[streams.SAGAS]\nsubjects = [\"r.saga.>\"]\ndiscard = \"new\"\n\
                    sagas = { checkout = \"checkout.progress\" }\n";

    let [found] =
        problems(&[("state/checkout/progress.v1.json", FINE), ("eventsmith.toml", manifest)]).try_into().unwrap();

    assert_eq!(found.rule, "bad-saga");
    assert!(found.message.contains("discard = \"new\"") && found.help.contains("remove `discard`"), "{found}");
}
