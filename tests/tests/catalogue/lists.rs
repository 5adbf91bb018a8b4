//! The lists that the guides keep by hand are complete: of keys, settings, reasons and commands.

use eventsmith::admin::DeadReason;
use eventsmith::config::ConsumerConfig;
use eventsmith_codegen::manifest::Manifest;
use eventsmith_codegen::rules::{Family, RULES};
use serde::de::DeserializeOwned;

const CATALOGUE: &str = include_str!("../../../docs/catalogue.md");
const DELIVERY: &str = include_str!("../../../docs/delivery.md");
const DEAD_LETTERS: &str = include_str!("../../../docs/dead-letters.md");

/// The keys that may stand in a place of a TOML document, which the error about one that may not lists.
pub(crate) fn keys<T: DeserializeOwned>(before: &str) -> Vec<String> {
    let text = format!("{before}\nno_such_key = 1");
    let message = toml::from_str::<T>(&text).map(drop).unwrap_err().message().to_owned();
    let (_, expected) = message.split_once("expected").unwrap();
    let keys: Vec<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(keys.len() > 1, "{message}");
    keys
}

/// Those that a page does not name as code.
fn missing(page: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let is_named =
        |name: &str| ["`{}`", "{} = ", ".{}]"].iter().any(|as_code| page.contains(&as_code.replace("{}", name)));
    names.into_iter().filter(|name| !is_named(name)).collect()
}

const NOTHING: [String; 0] = [];

#[test]
fn every_key_of_a_stream_a_bucket_a_service_and_a_consumer_is_in_the_guide() {
    const PLACES: [&str; 5] = [
        "[streams.S]\nsubjects = []",
        "[buckets.B]\nstate = \"rule.compiled\"",
        "[services.s]",
        "[services.s.consumer]",
        "[compatibility]",
    ];
    for place in PLACES {
        assert_eq!(missing(CATALOGUE, keys::<Manifest>(&format!("root = \"r\"\n{place}"))), NOTHING, "{place}");
    }
}

#[test]
fn every_section_of_the_manifest_is_in_the_guide() {
    let sections = keys::<Manifest>("root = \"r\"");

    let is_named = |name: &str| CATALOGUE.contains(&format!("[{name}")) || CATALOGUE.contains(&format!("`{name} = "));
    let missing = sections.into_iter().filter(|name| name != "root" && !is_named(name));
    assert_eq!(missing.collect::<Vec<_>>(), NOTHING);
}

#[test]
fn every_setting_of_a_consumer_is_in_the_guide() {
    let settings = keys::<ConsumerConfig>("");
    let sections = ["breakers", "handlers"];

    let (sections, settings): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|name| sections.contains(&name.as_str()));
    assert_eq!(missing(DELIVERY, settings), NOTHING);
    assert!(sections.iter().all(|name| DELIVERY.contains(&format!("[{name}."))));
}

#[test]
fn every_reason_of_a_dead_letter_is_in_the_guide() {
    let reasons = DeadReason::ALL.iter().map(ToString::to_string);

    let missing = reasons.filter(|reason| !DEAD_LETTERS.contains(&format!("\n| `{reason}` |")));
    assert_eq!(missing.collect::<Vec<_>>(), NOTHING);
}

#[test]
fn every_rule_about_what_services_do_is_in_the_guide() {
    let rules = RULES.iter().filter(|rule| rule.family == Family::Lint && rule.id.starts_with("no-"));

    assert_eq!(missing(CATALOGUE, rules.map(|rule| rule.id.to_owned())), NOTHING);
}
