//! Makes candidates, and returns those that the validator accepts.

use std::fmt;

use eventsmith_exact::schema::{pretty_text_of, wide_text};
use serde_json::Value;

use crate::sample::choices::{Choices, Optional};
use crate::sample::growth::{Growth, Known, Limit, WORK};
use crate::sample::local;
use crate::schema::{Fault, Tape, TapeValidator, Validator, is_searchable, schemas_per_value};

/// Makes instances of one self-contained schema.
pub struct Sampler {
    /// The schema with its references as pointers.
    pub(super) root: Value,
    validator: Validator,
    known: Known,
}

/// Why there is no sample.
#[derive(Debug, Clone)]
pub struct NoSample {
    /// The number of candidates made.
    pub tries: usize,
    /// What is wrong with the best of them; nothing, if none could be made.
    pub faults: Vec<Fault>,
    /// Which limit stood in the way; nothing, if the walks through the schema came to their ends.
    pub limit: Option<Limit>,
}

impl fmt::Display for NoSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no valid sample in {} tries", self.tries)?;
        match self.faults.first() {
            None if self.limit == Some(Limit::Size) => {
                write!(f, ": a value of this schema is too large to be made here")
            }
            None if self.limit == Some(Limit::Work) => write!(f, ": the schema takes too long to walk through"),
            None if self.limit == Some(Limit::Height) => {
                write!(f, ": references and alternatives of the schema are nested too deeply to be followed here")
            }
            None => write!(f, ": the schema seems to accept nothing"),
            Some(Fault { pointer, keyword, message, .. }) if pointer.is_empty() => {
                write!(f, "; the nearest fails at {keyword} of the schema: {message}")
            }
            Some(Fault { pointer, keyword, message, .. }) => {
                write!(f, "; the nearest fails at {pointer}, by {keyword} of the schema: {message}")
            }
        }
    }
}

impl std::error::Error for NoSample {}

/// How many seeds are tried when the simplest choices fail.
const SEEDS: u64 = 300;
/// How many candidates are tried where they are too large.
const ENOUGH: usize = 8;
/// How many values a sample may have: there may be large ones, where somebody asks for one.
const MOST_VALUES: usize = 100_000;
/// A candidate that is held against more schemas is not asked what is wrong with it: hundreds are.
const EXPLAINED: usize = 20_000;
/// A validator goes through as many schemas while one part of a schema is copied.
const SCHEMAS: f64 = 10.0;

impl Sampler {
    /// A sampler for a schema that refers to nothing outside of itself.
    ///
    /// # Errors
    /// The schema cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        Ok(Self { root: local::localized(schema), validator: Validator::new(schema)?, known: Known::default() })
    }

    /// The first of the schema's own examples that is valid; without one, a sample.
    ///
    /// # Errors
    /// There is neither.
    pub fn example(&self) -> Result<Value, NoSample> {
        let examples = self.root.get("examples").and_then(Value::as_array);
        let valid = examples.into_iter().flatten().find(|example| self.accepts(example));
        valid.cloned().map_or_else(|| self.sample(), Ok)
    }

    /// The same as a text on several lines, in which the numbers of an example are those that its author wrote.
    ///
    /// # Errors
    /// There is neither.
    pub fn example_text(&self) -> Result<String, NoSample> {
        match self.wide_example() {
            Some(text) => Ok(text),
            None => self.example().map(|example| format!("{example:#}")),
        }
    }

    /// The first valid one of examples that are more than values of `serde_json` say.
    fn wide_example(&self) -> Option<String> {
        let text = wide_text(self.root.as_object()?, "examples")?;
        let validator = TapeValidator::new(&self.root).ok()?;
        let mut tape = Tape::default();
        let examples = tape.read(text)?.children().into_iter().map(|(_, example)| example);
        examples.into_iter().find(|example| validator.accepts(*example)).map(pretty_text_of)
    }

    /// A valid instance: the simplest, with the examples and defaults of its parts where they fit.
    ///
    /// # Errors
    /// No candidate was valid: the schema accepts nothing, or is too odd for this sampler.
    pub fn sample(&self) -> Result<Value, NoSample> {
        let plain =
            [(Optional::Leave, true), (Optional::Take, true), (Optional::Leave, false), (Optional::Take, false)];
        let plain = plain.into_iter().map(|(optional, hints)| (Choices::first(optional), hints));
        let seeded = (1..=SEEDS).map(|seed| (Choices::seeded(seed), false));
        self.known.work.set(WORK);
        let validation = schemas_per_value(&self.root) / SCHEMAS;
        let mut failed = NoSample { tries: 0, faults: Vec::new(), limit: None };
        for (choices, hints) in plain.chain(seeded) {
            failed.tries += 1;
            let mut growth = self.growth(choices, hints);
            growth.values_left = MOST_VALUES;
            let candidate = growth.value(&self.root);
            growth.spend(validation as usize);
            let is_spent = self.known.work.get() == 0;
            let spent = is_spent.then_some(Limit::Work);
            failed.limit = failed.limit.max(growth.limit).max(spent);
            let Some(candidate) = candidate else {
                // What is too large by the simplest choices is hardly smaller by others.
                if is_spent || failed.limit.is_some() && failed.tries >= ENOUGH {
                    break;
                }
                continue;
            };
            // A validator cannot be interrupted.
            if validation > WORK as f64 {
                break;
            }
            if self.accepts(&candidate) {
                return Ok(candidate);
            }
            let text = candidate.to_string();
            if Tape::default().read(&text).is_some_and(|node| is_searchable(&self.root, &self.root, node, EXPLAINED)) {
                let faults = self.validator.faults(&candidate);
                if failed.faults.is_empty() || faults.len() < failed.faults.len() {
                    failed.faults = faults;
                }
            } else {
                failed.limit = failed.limit.max(Some(Limit::Work));
            }
            if is_spent {
                break;
            }
        }
        Err(failed)
    }

    /// One candidate, which is valid more often than not; `None` where the choices led nowhere. With `hints`,
    /// examples and defaults of the schema's parts are taken as they stand.
    pub fn candidate(&self, choices: Choices, hints: bool) -> Option<Value> {
        self.growth(choices, hints).value(&self.root)
    }

    /// One candidate for the part of the schema at a pointer.
    pub(super) fn candidate_at(&self, pointer: &str, choices: Choices) -> Option<Value> {
        self.growth(choices, false).value(self.root.pointer(pointer)?)
    }

    fn growth(&self, choices: Choices, hints: bool) -> Growth<'_> {
        Growth::new(&self.root, &self.known, choices, hints)
    }

    /// The simplest value for a schema that may refer to this sampler's own. It is not validated.
    pub(crate) fn fill(&self, schema: &Value) -> Option<Value> {
        self.growth(Choices::first(Optional::Leave), false).value(schema)
    }

    /// Whether the schema accepts an instance.
    pub fn accepts(&self, instance: &Value) -> bool {
        self.validator.is_valid(instance)
    }
}
