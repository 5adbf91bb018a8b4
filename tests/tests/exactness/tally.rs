//! Verdicts held against each other, and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::harness::{At, Outcome, Program};
use crate::round_trip::Declared;

/// What came of many instances.
#[derive(Default)]
pub(crate) struct Tally {
    /// How many instances, by our verdict and the validator's.
    counts: BTreeMap<(bool, bool), usize>,
    /// Valid instances with an integer that no Rust type of 64 bits holds: refused, and said so.
    pub(crate) too_big: usize,
    /// Valid instances that owe it to undeclared members, which a type does not keep: what is encoded is invalid, and
    /// refused by whoever publishes it.
    pub(crate) thin: usize,
    /// Instances that were refused perhaps only because of such an integer: with smaller ones, and what to say if not.
    suspects: Vec<(At, String, String)>,
    /// Everything that should not be.
    pub(crate) findings: Vec<String>,
}

impl Tally {
    pub(crate) fn count(&self, ours: bool, theirs: bool) -> usize {
        self.counts.get(&(ours, theirs)).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.counts.values().sum::<usize>() + self.too_big
    }

    /// Adds what the validator and the generated code think of an instance, and what became of it on the way through
    /// the Rust type.
    pub(crate) fn add(
        &mut self,
        name: &str,
        at: At,
        validator: &jsonschema::Validator,
        declared: &mut Declared,
        instance: &Value,
        outcome: &Outcome,
    ) {
        let theirs = validator.is_valid(instance);
        let ours = matches!(outcome, Outcome::Accepted { .. });
        if let Outcome::Rejected(reason) = outcome
            && theirs
        {
            let mut smaller = instance.clone();
            let is_beyond = clamp(&mut smaller);
            if is_beyond && reason.contains("expected a number that the Rust type can hold") {
                self.too_big += 1;
                return;
            }
            // Where alternatives are tried, the reason does not say so; and the validator divides doubles.
            if is_beyond && validator.is_valid(&smaller) {
                let finding = format!("{name}: only ours rejects: {reason}\n  instance {instance}");
                self.suspects.push((at, smaller.to_string(), finding));
                return;
            }
        }
        *self.counts.entry((ours, theirs)).or_default() += 1;
        let finding = match outcome {
            Outcome::Crashed(words) => Some(format!("crashed: {words}")),
            Outcome::Rejected(reason) if theirs => Some(format!("only ours rejects: {reason}")),
            Outcome::Rejected(_) => None,
            Outcome::Accepted { .. } if !theirs => Some("only ours accepts".to_owned()),
            Outcome::Accepted { encoded, .. } if self.is_thin(validator, declared, instance, encoded) => None,
            Outcome::Accepted { trouble: Some(trouble), encoded } => Some(format!("{trouble}\n  encoded {encoded}")),
            Outcome::Accepted { trouble: None, encoded } => {
                let value: Value = serde_json::from_str(encoded).unwrap();
                let mut faults = declared.faults(instance, &value);
                if !validator.is_valid(&value) {
                    faults.push("what is encoded is invalid".to_owned());
                }
                (!faults.is_empty()).then(|| format!("round trip: {}\n  encoded {encoded}", faults.join("; ")))
            }
        };
        self.findings.extend(
            finding.map(|finding| format!("{name}: {finding}\n  schema {}\n  instance {instance}", declared.schema())),
        );
    }

    /// Counts an instance that is invalid without its undeclared members.
    fn is_thin(
        &mut self,
        validator: &jsonschema::Validator,
        declared: &mut Declared,
        instance: &Value,
        encoded: &str,
    ) -> bool {
        let encoded: Value = serde_json::from_str(encoded).unwrap();
        let thin = !validator.is_valid(&encoded) && declared.faults(instance, &encoded).is_empty();
        self.thin += usize::from(thin);
        thin
    }

    /// Tells integers that are too big from other reasons to refuse: the same instance with smaller ones must be accepted.
    pub(crate) fn settle(&mut self, program: &Program) {
        let inputs: Vec<(At, String)> = self.suspects.iter().map(|(at, smaller, _)| (*at, smaller.clone())).collect();
        for ((_, _, finding), outcome) in std::mem::take(&mut self.suspects).into_iter().zip(program.run(&inputs)) {
            if matches!(outcome, Outcome::Accepted { .. }) {
                self.too_big += 1;
            } else {
                *self.counts.entry((false, true)).or_default() += 1;
                self.findings.push(finding);
            }
        }
    }

    /// Panics if there are findings, with the first one of each schema.
    pub(crate) fn assert_no_findings(&self) {
        let mut seen = BTreeSet::new();
        let first = |finding: &&String| seen.insert(finding.split(": ").next().map(str::to_owned));
        let shown: Vec<&str> = self.findings.iter().filter(first).map(String::as_str).collect();
        assert!(shown.is_empty(), "{} findings in {} schemas:\n{}", self.findings.len(), shown.len(), shown.join("\n"));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "both accept {}, both reject {}, only ours accepts {}, only ours rejects {}, integers beyond 64 bits {}, \
             invalid without undeclared members {}",
            self.count(true, true),
            self.count(false, false),
            self.count(true, false),
            self.count(false, true),
            self.too_big,
            self.thin
        )
    }
}

/// An integer near the end of 64 bits that most divisors divide.
const ROUND: i64 = 9_000_000_000_000_000_000;

/// Puts an integer of 64 bits in place of each one beyond; whether there was one.
fn clamp(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            let is_beyond =
                number.as_i64().is_none() && float.fract() == 0.0 && float.abs() >= 9_223_372_036_854_775_808.0;
            if is_beyond {
                *value = Value::from(if float > 0.0 { ROUND } else { -ROUND });
            }
            is_beyond
        }
        Value::Array(items) => items.iter_mut().map(clamp).filter(|found| *found).count() > 0,
        Value::Object(members) => members.values_mut().map(clamp).filter(|found| *found).count() > 0,
        _ => false,
    }
}
