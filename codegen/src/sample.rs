//! Instances of a schema: a valid one for people to look at, and as many more as tests want.
//!
//! A sampler makes candidates by walking the schema, and believes none of them: what it returns, the validator has
//! accepted. So the walk may be simple where a schema is odd; an odd schema costs more tries.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use eventsmith_codegen::sample::Sampler;
//! use serde_json::json;
//!
//! let schema = json!({
//!     "type": "object",
//!     "properties": {"rule_id": {"type": "string", "pattern": "^R-[0-9]{3}$"}, "price": {"minimum": 5}},
//!     "required": ["rule_id"]
//! });
//! assert_eq!(Sampler::new(&schema)?.sample()?, json!({"rule_id": "R-000"}));
//! # Ok(())
//! # }
//! ```

mod array;
mod choices;
mod flatten;
mod formats;
mod instances;
mod intersect;
pub(crate) mod local;
mod mutate;
mod number;
mod object;
mod pattern;
mod text;
mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::schema::{Fault, Validator};

pub use choices::{Choices, Optional};
pub use instances::Instances;

/// Makes instances of one self-contained schema.
pub struct Sampler {
    /// The schema with its references as pointers.
    root: Value,
    validator: Validator,
    checks: Checks,
}

/// Validators for what has no parts, by their schemas: they are asked for again with every candidate.
type Checks = RefCell<HashMap<String, Option<Rc<Validator>>>>;

/// Why there is no sample.
#[derive(Debug, Clone)]
pub struct NoSample {
    /// The number of candidates made.
    pub tries: usize,
    /// What is wrong with the best of them; nothing, if none could be made.
    pub faults: Vec<Fault>,
}

impl fmt::Display for NoSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no valid sample in {} tries", self.tries)?;
        match self.faults.first() {
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

/// How many seeds are tried once the plain ways have failed.
const SEEDS: u64 = 300;

impl Sampler {
    /// A sampler for a schema that refers to nothing outside of itself.
    ///
    /// # Errors
    /// The schema cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        Ok(Self { root: local::localized(schema), validator: Validator::new(schema)?, checks: Checks::default() })
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

    /// A valid instance: the simplest, with the examples and defaults of its parts where they fit.
    ///
    /// # Errors
    /// No candidate was valid: the schema accepts nothing, or is too odd for this sampler.
    pub fn sample(&self) -> Result<Value, NoSample> {
        let plain =
            [(Optional::Leave, true), (Optional::Take, true), (Optional::Leave, false), (Optional::Take, false)];
        let plain = plain.into_iter().map(|(optional, hints)| (Choices::first(optional), hints));
        let seeded = (1..=SEEDS).map(|seed| (Choices::seeded(seed), false));
        let mut failed = NoSample { tries: 0, faults: Vec::new() };
        for (choices, hints) in plain.chain(seeded) {
            failed.tries += 1;
            let Some(candidate) = self.candidate(choices, hints) else { continue };
            let faults = self.validator.faults(&candidate);
            if faults.is_empty() {
                return Ok(candidate);
            }
            if failed.faults.is_empty() || faults.len() < failed.faults.len() {
                failed.faults = faults;
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
    fn candidate_at(&self, pointer: &str, choices: Choices) -> Option<Value> {
        self.growth(choices, false).value(self.root.pointer(pointer)?)
    }

    fn growth(&self, choices: Choices, hints: bool) -> Growth<'_> {
        Growth { root: &self.root, checks: &self.checks, choices, hints, depth: 0, fuel: FUEL, turn: 0, branches: 1 }
    }

    /// The simplest value for a schema that may refer to this sampler's own; believed by nobody yet.
    pub(crate) fn fill(&self, schema: &Value) -> Option<Value> {
        self.growth(Choices::first(Optional::Leave), false).value(schema)
    }

    /// Whether the schema accepts an instance.
    pub fn accepts(&self, instance: &Value) -> bool {
        self.validator.is_valid(instance)
    }
}

/// How many values one candidate may consist of, with those that were discarded on the way.
const FUEL: usize = 20_000;
/// How deep a candidate may be.
const DEEPEST: usize = 16;
/// From which depth on nothing is taken that need not be there, and nothing recurs that need not.
const DEEP: usize = 4;

/// One candidate in the making.
struct Growth<'a> {
    root: &'a Value,
    checks: &'a Checks,
    choices: Choices,
    hints: bool,
    depth: usize,
    fuel: usize,
    /// How often the value at hand has been tried already: another branch each time.
    turn: usize,
    /// The greatest number of branches met while the value at hand was flattened.
    branches: usize,
}

impl Growth<'_> {
    /// A candidate for a schema below the root.
    fn value(&mut self, schema: &Value) -> Option<Value> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let mut found = None;
        let mut turn = 0;
        while let Some(fuel) = self.fuel.checked_sub(1) {
            self.fuel = fuel;
            (self.turn, self.branches) = (turn, 1);
            let flat = self.flat(schema, 0);
            let branches = self.branches;
            self.turn = 0;
            found = flat.and_then(|flat| self.flat_value(&flat));
            turn += 1;
            if found.is_some() || turn >= branches {
                break;
            }
        }
        self.depth -= 1;
        found
    }

    /// Whether there is room for what need not be there.
    fn takes_optional(&mut self) -> bool {
        self.depth <= DEEP && self.choices.takes_optional()
    }

    fn flat_value(&mut self, flat: &Map<String, Value>) -> Option<Value> {
        if let Some(value) = flat.get("const") {
            return Some(value.clone());
        }
        if let Some(Value::Array(values)) = flat.get("enum") {
            let check = self.scalar_check(flat)?;
            let values: Vec<&Value> = values.iter().filter(|value| check.faults(value).is_empty()).collect();
            return values.get(self.choices.pick(values.len())).copied().cloned();
        }
        if self.hints
            && let Some(hint) =
                flat.get("examples").and_then(|examples| examples.get(0)).or_else(|| flat.get("default"))
        {
            return Some(hint.clone());
        }
        let types = types(flat);
        let start = self.choices.pick(types.len());
        (0..types.len()).find_map(|offset| self.of_type(types[(start + offset) % types.len()], flat))
    }

    fn of_type(&mut self, name: &str, flat: &Map<String, Value>) -> Option<Value> {
        match name {
            "object" => self.object(flat),
            "array" => self.array(flat),
            "string" => self.text(flat).map(Value::String),
            "integer" => number::integer(flat, &mut self.choices),
            "number" => number::number(flat, &mut self.choices),
            "boolean" => Some(Value::Bool(self.choices.pick(2) == 0)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    /// A validator for what a schema says about values that have no parts.
    fn scalar_check(&self, flat: &Map<String, Value>) -> Option<Rc<Validator>> {
        const KEYWORDS: &[&str] = &[
            "exclusiveMaximum",
            "exclusiveMinimum",
            "format",
            "maxLength",
            "maximum",
            "minLength",
            "minimum",
            "multipleOf",
            "pattern",
            "type",
        ];
        let mut schema = Map::new();
        if let Some(draft) = self.root.get("$schema") {
            schema.insert("$schema".to_owned(), draft.clone());
        }
        let said = KEYWORDS
            .iter()
            .filter_map(|keyword| flat.get(*keyword).map(|value| ((*keyword).to_owned(), value.clone())));
        schema.extend(said);
        if let Some(Value::Array(more)) = flat.get(intersect::MORE_PATTERNS) {
            let patterns: Vec<Value> = more.iter().map(|pattern| json!({"pattern": pattern})).collect();
            schema.insert("allOf".to_owned(), Value::Array(patterns));
        }
        let schema = Value::Object(schema);
        let mut checks = self.checks.borrow_mut();
        checks.entry(schema.to_string()).or_insert_with(|| Validator::new(&schema).ok().map(Rc::new)).clone()
    }

    /// Makes a value until it is none of those taken already; later tries choose at random.
    fn distinct<T>(
        &mut self,
        is_taken: impl Fn(&T) -> bool,
        mut make: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        const TRIES: u64 = 40;
        let choices = self.choices.clone();
        for seed in 0..TRIES {
            if let Some(made) = make(self)
                && !is_taken(&made)
            {
                if choices.is_first() {
                    self.choices = choices;
                }
                return Some(made);
            }
            if choices.is_first() {
                self.choices = Choices::seeded(seed);
            }
        }
        self.choices = choices;
        None
    }
}

/// The types that a schema allows; where it says nothing, the one that its other keywords speak of.
fn types(flat: &Map<String, Value>) -> Vec<&str> {
    const SPOKEN_OF: &[(&str, &[&str])] = &[
        ("object", &["properties", "required", "patternProperties", "minProperties", "propertyNames"]),
        ("array", &["items", "prefixItems", "minItems", "contains", "uniqueItems"]),
        ("string", &["pattern", "format", "minLength", "maxLength"]),
        ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ];
    match flat.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => {
            let speaks = |keywords: &[&str]| keywords.iter().any(|keyword| flat.contains_key(*keyword));
            let spoken = SPOKEN_OF.iter().filter(|(_, keywords)| speaks(keywords)).map(|(name, _)| *name);
            let others = ["string", "integer", "boolean", "null", "object", "array", "number"];
            let mut types: Vec<&str> = spoken.collect();
            types.extend(others.into_iter().filter(|name| !types.contains(name)).collect::<Vec<_>>());
            types
        }
    }
}

#[cfg(test)]
mod tests;
