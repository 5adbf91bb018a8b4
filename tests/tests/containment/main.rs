//! Comparisons of pairs of schemas, attacked: what is called compatible must survive, what is called breaking must break.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::panic::resume_unwind;
use std::thread;

use eventsmith_codegen::containment::{Compatibility, Prepared, decide};
use eventsmith_codegen::sample::{Choices, Instances};
use eventsmith_codegen::schema::{Validator, check_schema};
use eventsmith_tests::random_edit::edited;
use eventsmith_tests::random_schema::random_schema;
use serde_json::Value;

/// How many payloads attack one comparison.
const ATTACKS: usize = 1_000;

#[derive(Debug, Default)]
struct Tally {
    identical: usize,
    compatible: usize,
    breaking: usize,
    undecided: usize,
    attacks: usize,
}

impl Tally {
    fn plus(self, other: &Self) -> Self {
        Self {
            identical: self.identical + other.identical,
            compatible: self.compatible + other.compatible,
            breaking: self.breaking + other.breaking,
            undecided: self.undecided + other.undecided,
            attacks: self.attacks + other.attacks,
        }
    }
}

/// A number from the environment, so that a longer run needs no change.
fn setting(name: &str, usual: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn no_comparison_of_random_edits_is_unsound() {
    let first = setting("EVENTSMITH_SEED", 1);
    let pairs = setting("EVENTSMITH_PAIRS", 80);
    let workers = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let tally = thread::scope(|scope| {
        let share = |worker: u64| (first..first + pairs).filter(move |seed| seed % workers == worker);
        let running: Vec<_> = (0..workers).map(|worker| scope.spawn(move || tally_of(share(worker)))).collect();
        running.into_iter().fold(Tally::default(), |sum, worker| match worker.join() {
            Ok(tally) => sum.plus(&tally),
            Err(panic) => resume_unwind(panic),
        })
    });
    println!("{tally:?}");
    assert!(tally.compatible > 20 && tally.breaking > 10, "{tally:?}");
}

fn tally_of(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let one = random_schema(seed);
        let mut choices = Choices::seeded(seed);
        let other = if seed.is_multiple_of(10) { random_schema(seed + 1) } else { edited(&one, &mut choices) };
        if !check_schema(&other).is_empty() || Validator::new(&other).is_err() || Validator::new(&one).is_err() {
            continue;
        }
        check_pair(seed, &one, &other, &mut tally);
        check_pair(seed, &other, &one, &mut tally);
    }
    tally
}

fn check_pair(seed: u64, writer: &Value, reader: &Value, tally: &mut Tally) {
    let (of_writer, of_reader) = (Validator::new(writer).unwrap(), Validator::new(reader).unwrap());
    let prepared = Prepared::new(writer);
    let compatibility = decide(&prepared, &Prepared::new(reader));
    match &compatibility {
        Compatibility::Undecided(obstacle) => {
            tally.undecided += 1;
            if env::var_os("EVENTSMITH_SHOW").is_some() {
                println!("seed {seed}: {obstacle:?}\n  writer {writer}\n  reader {reader}");
            }
        }
        Compatibility::Breaking(witness) => {
            tally.breaking += 1;
            let payload = &witness.payload;
            let context = format!("seed {seed}: {payload}\nwriter {writer}\nreader {reader}");
            assert!(of_writer.is_valid(payload), "not written: {context}");
            assert!(prepared.writes(payload), "with undeclared properties: {context}");
            let is_read = of_reader.is_valid(payload) && Prepared::new(reader).has_room(payload);
            assert!(!is_read, "accepted: {context}");
            assert!(!witness.fault.message.is_empty(), "{context}");
        }
        Compatibility::Identical | Compatibility::Compatible => {
            if compatibility == Compatibility::Identical {
                tally.identical += 1;
            } else {
                tally.compatible += 1;
            }
            let around = |schema: &Value| Instances::new(schema, seed).unwrap().take(ATTACKS);
            for payload in around(writer).chain(around(reader)) {
                if of_writer.is_valid(&payload) && prepared.writes(&payload) {
                    tally.attacks += 1;
                    let accepted = of_reader.is_valid(&payload);
                    assert!(accepted, "seed {seed}, {compatibility:?}: {payload}\nwriter {writer}\nreader {reader}");
                }
            }
        }
    }
}
