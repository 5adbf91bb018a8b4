//! Bytes into every event of the catalogue: no panic, accepted exactly if the validator accepts them, and refused in time and in few
//! words.
#![no_main]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eventsmith::Invalid;
use eventsmith_codegen::sample::{Choices, Instances};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use rules_events::CATALOGUE;
use serde_json::Value;

struct Payload {
    name: String,
    schema: Value,
    decode: fn(&[u8]) -> Result<(), Invalid>,
    validator: jsonschema::Validator,
}

fn payloads() -> &'static [Payload] {
    static PAYLOADS: OnceLock<Vec<Payload>> = OnceLock::new();
    PAYLOADS.get_or_init(|| {
        let mut payloads = Vec::new();
        for event in CATALOGUE {
            let name = format!("{}@{}", event.event_type, event.version);
            payloads.push(payload(name.clone(), event.schema, event.decode));
            let answers = event.answers();
            payloads.extend(answers.map(|(part, of)| payload(format!("{name} {part}"), of.schema, of.decode)));
        }
        payloads
    })
}

fn payload(name: String, schema: &str, decode: fn(&[u8]) -> Result<(), Invalid>) -> Payload {
    let schema: Value = serde_json::from_str(schema).expect("schemas are JSON");
    let options = jsonschema::options().should_validate_formats(true).offline();
    let validator = options.build(&schema).expect("schemas compile");
    Payload { name, schema, decode, validator }
}

/// How long one event may take, on a machine that does other things as well and without optimisation.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest text of an error.
const MOST_WORDS: usize = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let parsed = serde_json::from_slice::<Value>(data);
    for payload in payloads() {
        let valid = parsed.as_ref().is_ok_and(|value| payload.validator.is_valid(value));
        let start = Instant::now();
        let decoded = (payload.decode)(data);
        assert!(start.elapsed() < LONGEST, "{}: {:?} for {} bytes", payload.name, start.elapsed(), data.len());
        let words = decoded.as_ref().err().map_or(0, |error| error.to_string().len());
        assert!(words <= MOST_WORDS, "{}: an error of {words} bytes", payload.name);
        // Refused on purpose, and said so: an integer that no type of 64 bits holds, a member that is there twice.
        let says = |words: &str| decoded.as_ref().is_err_and(|error| error.to_string().contains(words));
        let refused = valid && (says("that the Rust type can hold") || says("is there twice"));
        assert!(decoded.is_ok() == valid || refused, "{}: valid is {valid}, but {decoded:?}", payload.name);
    }
});

// Bytes alone hardly ever come close to an event: every other mutation begins with an instance of one.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut choices = Choices::seeded(u64::from(seed));
    if choices.pick(2) == 0 {
        let schema = &payloads()[choices.pick(payloads().len())].schema;
        let mut instances = Instances::new(schema, u64::from(seed)).expect("schemas compile");
        let instance = instances.nth(choices.pick(40)).unwrap_or_default().to_string();
        if instance.len() <= max_size {
            data[..instance.len()].copy_from_slice(instance.as_bytes());
            return match choices.pick(2) {
                0 => instance.len(),
                _ => fuzzer_mutate(data, instance.len(), max_size),
            };
        }
    }
    fuzzer_mutate(data, size, max_size)
});
