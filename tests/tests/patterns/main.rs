//! Generated matchers of patterns against the standard validator, on texts that match and on texts that nearly do.
//!
//! The patterns stand in `schemas`; their types are committed in `golden`, so that the very code that is generated is
//! tested. When it changes, write it anew:
//!
//! ```text
//! cargo run --bin eventsmith -- generate --schemas tests/tests/patterns/schemas --out tests/tests/patterns/golden/events.rs
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

include!("golden/events.rs");

macro_rules! matchers {
    ($($name:ident)*) => {
        &[$((stringify!($name), |text| text::v1::$name::new(text).is_ok())),*]
    };
}

/// Whether a text is legal for a type.
type Matcher = fn(&str) -> bool;

/// The type of every pattern, and whether it takes a text.
const MATCHERS: &[(&str, Matcher)] = matchers! {
    TopicId Locale Amount Day EventId Colour ShortColour Release Status Phase Path Link Slug Address Words
    Semver SemverTagged UuidHex UuidFour Arn Iglu Currency Phone Sha GitRef Digest Clock ClockSeconds Instant
    Base64 Hex Ethereum Iban Luhn Zip Snake Camel Shout Prefixed Tagged Factored NotEmpty Few NoSpace NoSpaces
    AnyText ThreeWide WideLiteral Greek NotLetters NotDigits Padded Quoted Escaped EscapedOutside Dotted
    Optional AnyStart PrefixOnly PrefixClass PrefixOptional PrefixGroup PrefixChoice PrefixRepeat EndInside
    EndChoice EndOfSome Nested NestedLists KeyValues Version Fixed Percent Bool Cron MediaType Subject
    ControlTab Unicode Dollar Line Host Mail Anywhere Last Word Ahead NotAhead Twice Property
};

/// How many texts each pattern is tried on.
const TEXTS: usize = 1_150;

#[test]
fn the_committed_text_is_what_the_generator_says() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/patterns/schemas");
    let generated = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas)).unwrap();

    assert!(generated == include_str!("golden/events.rs"), "the golden is stale; see the top of this file");
}

#[test]
fn every_pattern_of_the_schema_is_tested() {
    let patterns = patterns();
    let tested: Vec<&str> = MATCHERS.iter().map(|(name, _)| *name).collect();

    assert_eq!(patterns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), tested);
}

#[test]
fn generated_matchers_agree_with_the_validator() {
    let mut runner = TestRunner::deterministic();
    let (mut matches, mut others) = (0, 0);
    for ((name, pattern), (_, is_match)) in patterns().iter().zip(MATCHERS) {
        let validator = jsonschema::validator_for(&serde_json::json!({ "pattern": pattern })).unwrap();
        let texts = texts(pattern);
        for _ in 0..TEXTS {
            let text = texts.new_tree(&mut runner).unwrap().current();
            let expected = validator.is_valid(&Value::String(text.clone()));
            assert_eq!(is_match(&text), expected, "{name}: {pattern} on {text:?}");
            if expected { matches += 1 } else { others += 1 }
        }
    }
    assert!(matches > 30_000 && others > 30_000, "one-sided: {matches} texts match, {others} do not");
}

/// The patterns of the schema by their names, in the order of the schema.
fn patterns() -> Vec<(String, String)> {
    let schema: Value = serde_json::from_str(include_str!("schemas/domain/text/matched.v1.json")).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    definitions.iter().map(|(name, text)| (name.clone(), text["pattern"].as_str().unwrap().to_owned())).collect()
}

/// Texts that match, as a rule, with up to three mistakes.
fn texts(pattern: &str) -> BoxedStrategy<String> {
    let mut alphabet: Vec<char> = pattern.chars().collect();
    alphabet.extend("aB09-_ .@é٣\n\u{2028}".chars());
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let anything = proptest::collection::vec(select(alphabet.clone()), 0..8).prop_map(String::from_iter);
    let good = match proptest::string::string_regex(inner) {
        Ok(strategy) => prop_oneof![8 => strategy, 1 => anything].boxed(),
        Err(_) => anything.boxed(),
    };
    let mistake = (0..4_u8, any::<Index>(), select(alphabet));
    let mistakes =
        prop_oneof![Just(0), 1..=3_usize].prop_flat_map(move |count| proptest::collection::vec(mistake.clone(), count));
    (good, mistakes).prop_map(|(text, mistakes)| mistakes.into_iter().fold(text, with_mistake)).boxed()
}

fn with_mistake(text: String, (kind, place, char): (u8, Index, char)) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = place.index(chars.len() + 1);
    match (kind, at < chars.len()) {
        (0, true) => chars[at] = char,
        (1, true) => drop(chars.remove(at)),
        (2, _) => chars.truncate(at),
        _ => chars.insert(at, char),
    }
    chars.into_iter().collect()
}
