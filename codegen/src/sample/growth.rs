//! The walk through a schema that builds one candidate, part by part.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::language::Automata;
use crate::sample::choices::Choices;
use crate::sample::{intersect, number};
use crate::schema::Validator;

/// What takes time to find, and every candidate needs again.
pub(super) struct Known {
    /// How much work may still be done for all candidates together, in parts of schemas that are copied. It is counted and not
    /// timed, so that the samples are the same on every machine.
    pub(super) work: Cell<usize>,
    /// Validators of scalar keywords, by their schemas.
    checks: RefCell<HashMap<String, Option<Rc<Validator>>>>,
    /// Texts that keep several keywords at once, by the keywords.
    pub(super) texts: RefCell<HashMap<String, Rc<[String]>>>,
    pub(super) automata: Automata,
}

/// The work of one sampler: about a second.
pub(super) const WORK: usize = 10_000_000;

impl Default for Known {
    fn default() -> Self {
        Self {
            work: Cell::new(WORK),
            checks: RefCell::default(),
            texts: RefCell::default(),
            automata: Automata::default(),
        }
    }
}

/// How many values a schema consists of.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Object(members) => weights(members),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        _ => 1,
    }
}

/// The same for its keywords.
pub(super) fn weights(members: &Map<String, Value>) -> usize {
    1 + members.values().map(weight).sum::<usize>()
}

/// The budget of values for one candidate, discarded ones included.
const MOST_VALUES: usize = 20_000;
/// The budget of schemas that are flattened for one candidate.
const MOST_SCHEMAS: usize = 200_000;
/// How deep a candidate may be.
const DEEPEST: usize = 16;
/// The depth below which optional properties are left out and recursion is avoided.
pub(super) const DEEP: usize = 4;

/// What ends a walk through a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// References and combinators are nested too deeply.
    Height,
    /// The schema takes too much work to walk through.
    Work,
    /// A value would have too many parts, or a text be too long.
    Size,
}

/// The state of the walk that builds one candidate.
pub(super) struct Growth<'a> {
    pub(super) root: &'a Value,
    pub(super) known: &'a Known,
    pub(super) choices: Choices,
    pub(super) hints: bool,
    pub(super) depth: usize,
    /// How many values may still be made.
    pub(super) values_left: usize,
    /// How many schemas may still be flattened.
    pub(super) schemas_left: usize,
    /// Which limit ended the walk, or a branch of it.
    pub(super) limit: Option<Limit>,
    /// How often the current value has been tried already: each attempt takes another branch.
    pub(super) attempt: usize,
    /// The greatest number of branches met while the value at hand was flattened.
    pub(super) branches: usize,
}

impl<'a> Growth<'a> {
    pub(super) fn new(root: &'a Value, known: &'a Known, choices: Choices, hints: bool) -> Self {
        let (values_left, schemas_left) = (MOST_VALUES, MOST_SCHEMAS);
        Self { root, known, choices, hints, depth: 0, values_left, schemas_left, limit: None, attempt: 0, branches: 1 }
    }

    /// Whether as many parts can still be made. It notes where they cannot.
    pub(super) fn has_room(&mut self, parts: usize) -> bool {
        if parts > self.values_left {
            self.limit = self.limit.max(Some(Limit::Size));
        }
        parts <= self.values_left
    }

    /// Counts a schema that is flattened; `false` where it was the last.
    pub(super) fn may_go_on(&mut self) -> bool {
        self.schemas_left = self.schemas_left.saturating_sub(1);
        self.spend(1);
        if self.schemas_left == 0 {
            self.limit = self.limit.max(Some(Limit::Work));
        }
        self.schemas_left > 0
    }

    /// Counts work; where none is left, nothing more is flattened.
    pub(super) fn spend(&mut self, work: usize) {
        let left = self.known.work.get().saturating_sub(work);
        self.known.work.set(left);
        if left == 0 {
            self.schemas_left = 0;
            self.limit = self.limit.max(Some(Limit::Work));
        }
    }

    /// A candidate for a schema below the root.
    pub(super) fn value(&mut self, schema: &Value) -> Option<Value> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let mut found = None;
        let mut attempt = 0;
        while self.has_room(1) && self.schemas_left > 0 {
            self.values_left -= 1;
            (self.attempt, self.branches) = (attempt, 1);
            let flat = self.flat(schema, 0);
            let branches = self.branches;
            self.attempt = 0;
            found = flat.and_then(|flat| self.flat_value(&flat));
            attempt += 1;
            if found.is_some() || attempt >= branches {
                break;
            }
        }
        self.depth -= 1;
        found
    }

    /// Whether an optional property is taken.
    pub(super) fn takes_optional(&mut self) -> bool {
        self.depth <= DEEP && self.choices.takes_optional()
    }

    fn flat_value(&mut self, flat: &Map<String, Value>) -> Option<Value> {
        if let Some(value) = flat.get("const") {
            return Some(value.clone());
        }
        self.spend(weights(flat));
        if let Some(Value::Array(values)) = flat.get("enum") {
            let check = self.scalar_check(flat)?;
            let values: Vec<&Value> = values.iter().filter(|value| check.is_valid(value)).collect();
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
    pub(super) fn scalar_check(&self, flat: &Map<String, Value>) -> Option<Rc<Validator>> {
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
        self.check(&Value::Object(schema))
    }

    /// The validator of a schema that many candidates ask.
    pub(super) fn check(&self, schema: &Value) -> Option<Rc<Validator>> {
        let mut checks = self.known.checks.borrow_mut();
        checks.entry(schema.to_string()).or_insert_with(|| Validator::new(schema).ok().map(Rc::new)).clone()
    }

    /// Makes a value until it is none of those taken already; later tries choose at random.
    pub(super) fn distinct<T>(
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
