//! Idempotent commands: what `x-request` becomes, and which changes of it are reported.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::catalogue;
use eventsmith_codegen::breaking::compare;
use eventsmith_codegen::domain_event::Site;
use eventsmith_codegen::manifest::Policy;
use eventsmith_codegen::model::Idempotent;
use eventsmith_codegen::{Loaded, domain_event, generate, lint, load};
use quote::quote;

const V1: &str = "command/payment/capture.v1.json";
const V2: &str = "command/payment/capture.v2.json";

/// A command with these options; without any for an empty text.
fn command(options: &str) -> String {
    let options = if options.is_empty() { String::new() } else { format!("\"x-request\": {options}, ") };
    format!(
        "{{{options}\"title\": \"PaymentCapture\", \"type\": \"object\", \"required\": [\"payment_id\"], \"properties\": \
         {{\"payment_id\": {{\"type\": \"string\"}}}}}}"
    )
}

/// A catalogue of versions of the command, by their files and options.
fn loaded(versions: &[(&str, &str)]) -> Loaded {
    let schemas: Vec<(&str, String)> = versions.iter().map(|(file, options)| (*file, command(options))).collect();
    let files: Vec<(&str, &str)> = schemas.iter().map(|(file, schema)| (*file, schema.as_str())).collect();
    load(catalogue(&files).path())
}

/// The text without its layout: white space, and commas before a closing parenthesis.
fn generated(options: &str) -> String {
    let text = generate(&loaded(&[(V1, options)])).unwrap_or_else(|problems| panic!("{problems:#?}"));
    text.split_whitespace().collect::<String>().replace(",)", ")")
}

#[test]
fn a_window_is_read_as_the_manifest_writes_it() {
    for (text, seconds) in [("1s", 1), ("5000ms", 5), ("10m", 600), ("1h", 3_600), ("7d", 604_800)] {
        let loaded = loaded(&[(V1, &format!("{{\"idempotent\": {text:?}}}"))]);

        let read = loaded.catalogue.events[0].versions[0].idempotent;
        let expected = Idempotent { window: Duration::from_secs(seconds), reruns_lost: false };
        assert_eq!(read, Some(expected), "{text}");
    }
}

#[test]
fn what_is_lost_is_begun_again_only_where_the_schema_says_so() {
    for (when_lost, reruns_lost) in [("rerun", true), ("unknown", false)] {
        let loaded = loaded(&[(V1, &format!("{{\"idempotent\": \"10m\", \"when_lost\": {when_lost:?}}}"))]);

        let read = loaded.catalogue.events[0].versions[0].idempotent.unwrap();
        assert_eq!(read.reruns_lost, reruns_lost, "{when_lost}");
    }
}

#[test]
fn a_command_says_for_how_long_its_answer_is_kept() {
    let within = "constIDEMPOTENT:Option<::eventsmith::catalogue::Idempotent>=\
                  Some(::eventsmith::catalogue::Idempotent::within(::std::time::Duration::from_secs(600))";

    let unknown = generated(r#"{"idempotent": "10m"}"#);
    let rerun = generated(r#"{"idempotent": "10m", "when_lost": "rerun"}"#);

    let beside = "constKEY:Option<&'staticstr>=None;";
    assert!(unknown.contains(&format!("{beside}{within});")), "{unknown}");
    assert!(rerun.contains(&format!("{beside}{within}.rerunning_lost());")), "{rerun}");
}

#[test]
fn a_command_that_says_nothing_is_as_it_was() {
    assert_eq!(generated("{}").matches("IDEMPOTENT").count(), 0);
    assert_eq!(generated("").matches("IDEMPOTENT").count(), 0);
}

#[test]
fn a_type_may_be_called_idempotent() {
    let titled = command(r#"{"idempotent": "10m"}"#).replace("PaymentCapture", "Idempotent");

    let text = generate(&load(catalogue(&[(V1, &titled)]).path())).unwrap();

    assert!(text.contains("pub struct Idempotent {"), "{text}");
    assert!(text.contains("impl Request for Idempotent {"), "{text}");
}

#[test]
fn a_struct_of_ones_own_says_it_too() {
    let schema = command(r#"{"idempotent": "90s", "when_lost": "rerun"}"#);
    let dir = catalogue(&[(V1, &schema)]);
    let item = quote! {
        struct PaymentCapture {
            payment_id: String,
        }
    };

    let site = Site { crate_dir: dir.path(), source_file: None };
    let text = domain_event(quote!("payment.capture", version = 1), item, site).to_string().replace(' ', "");

    assert!(!text.contains("compile_error"), "{text}");
    let within = "Idempotent::within(::std::time::Duration::from_secs(90)).rerunning_lost());";
    assert!(text.contains(&format!("=::std::option::Option::Some(::eventsmith::catalogue::{within}")), "{text}");
}

/// What is found between two catalogues: rule, file, pointer and message.
fn found(previous: &[(&str, &str)], current: &[(&str, &str)]) -> Vec<(&'static str, String, String, String)> {
    let findings = compare(&loaded(previous), &loaded(current), Policy::Full).findings;
    findings.into_iter().map(|found| (found.rule, found.file, found.pointer, found.message)).collect()
}

fn changed(file: &str, pointer: &str, message: &str) -> (&'static str, String, String, String) {
    ("changed-idempotence", file.to_owned(), pointer.to_owned(), message.to_owned())
}

const TEN: &str = r#"{"idempotent": "10m"}"#;
const RERUN: &str = r#"{"idempotent": "10m", "when_lost": "rerun"}"#;

#[test]
fn what_callers_count_on_stays() {
    let by_itself = |now: &str| found(&[(V1, TEN)], &[(V1, now)]);

    let gone = "payment.capture v1 was idempotent within 10m, and it is not";
    assert_eq!(by_itself(""), [changed(V1, "", gone)]);
    assert_eq!(by_itself(r#"{"idempotent": "600s"}"#), []);
    assert_eq!(
        by_itself(r#"{"idempotent": "5m"}"#),
        [changed(V1, "/x-request/idempotent", "payment.capture v1 was idempotent within 10m, and it is within 5m")]
    );
    assert_eq!(
        by_itself(RERUN),
        [changed(
            V1,
            "/x-request/when_lost",
            "payment.capture v1 was not begun again where its service was lost, and it is"
        )]
    );
}

#[test]
fn what_callers_do_not_count_on_may_change() {
    assert_eq!(found(&[(V1, "")], &[(V1, RERUN)]), []);
    assert_eq!(found(&[(V1, TEN)], &[(V1, r#"{"idempotent": "1h"}"#)]), []);
    assert_eq!(found(&[(V1, RERUN)], &[(V1, TEN)]), []);
}

#[test]
fn a_new_version_answers_callers_of_the_old_one_too() {
    assert_eq!(found(&[(V1, TEN)], &[(V1, TEN), (V2, r#"{"idempotent": "1h"}"#)]), []);
    assert_eq!(
        found(&[(V1, TEN)], &[(V1, TEN), (V2, "")]),
        [changed(V2, "", "payment.capture v1 was idempotent within 10m, and v2 is not")]
    );
    assert_eq!(found(&[(V1, TEN), (V2, "")], &[(V1, TEN), (V2, "")]), [], "what is published is left alone");
}

#[test]
fn options_that_cannot_be_read_are_one_finding() {
    let found = found(&[(V1, TEN)], &[(V1, r#"{"idempotent": "10"}"#)]);

    assert_eq!(found.iter().map(|(rule, ..)| *rule).collect::<Vec<_>>(), ["bad-x-request"]);
}

#[test]
fn a_mistyped_keyword_is_found() {
    let schema = command(TEN).replace("x-request", "x-requst");

    let findings = lint::lint(&load(catalogue(&[(V1, &schema)]).path()));

    let found: Vec<_> = findings.iter().filter(|finding| finding.rule == "misspelt-keyword").collect();
    assert_eq!(found.len(), 1, "{findings:#?}");
    assert_eq!(found[0].help, "did you mean \"x-request\"?");
    let known = lint::lint(&loaded(&[(V1, TEN)]));
    assert!(known.iter().all(|finding| !finding.message.contains("x-request")), "{known:#?}");
}
