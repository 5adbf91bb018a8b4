//! Required properties are declared.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::diagnostic::Severity;
use crate::lint::file::{LintContext, Report, Spot};
use crate::pointer::join;
use crate::references::Location;
use crate::rule::{Family, Rule};
use crate::schema;

pub(crate) const RULE: Rule = Rule {
    id: "undeclared-required",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A name in `required` that no `properties` declares is most often mistyped: writers cannot send the property, and \
              every payload is refused.",
    bad: r#"{"type": "object", "required": ["rule_id"], "properties": {"ruleid": {"type": "string"}}}"#,
    good: r#"{"type": "object", "required": ["rule_id"], "properties": {"rule_id": {"type": "string"}}}"#,
};

/// So many names are compared with what is declared.
const MOST_HELPED: usize = 8;

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    // One look for each value: it takes in everything that is said about that value in place.
    if spot.is_in_place() {
        return;
    }
    let mut said = Said::new(spot.file.context);
    said.gather(spot);
    // What only demands is meant to stand beside something that declares.
    if said.is_open || said.declared.is_empty() && spot.is_definition() {
        return;
    }
    let is_declared = |name: &String| {
        said.declared.contains(name) || said.patterns.iter().any(|pattern| schema::matches(pattern, name))
    };
    for (number, (at, name)) in said.required.iter().filter(|(_, name)| !is_declared(name)).enumerate() {
        // Whoever misspells a name does so a few times, and each name that is compared takes a while.
        let names = said.declared.iter().map(String::as_str).filter(|_| number < MOST_HELPED);
        let near = crate::lookup::nearest(name, names);
        let help = match near.first() {
            Some(near) => format!("did you mean {near:?}? otherwise declare it in properties"),
            None => "declare it in properties".to_owned(),
        };
        report.at(spot.file.document, at, format!("{name:?} is required, but not declared"), help);
    }
}

/// What the schemas of one value declare and require.
struct Said<'a> {
    context: &'a LintContext<'a>,
    declared: HashSet<String>,
    /// Patterns that declare properties.
    patterns: Vec<String>,
    /// What this file demands, with pointers.
    required: Vec<(String, String)>,
    /// Whether undeclared properties have a schema, so that nothing needs declaring.
    is_open: bool,
    seen: HashSet<Location>,
}

impl<'a> Said<'a> {
    fn new(context: &'a LintContext<'a>) -> Self {
        Self {
            context,
            declared: HashSet::new(),
            patterns: Vec::new(),
            required: Vec::new(),
            is_open: false,
            seen: HashSet::new(),
        }
    }

    /// Takes in a schema with all that is about the same value. What stands behind a reference demands for itself.
    fn gather(&mut self, spot: Spot<'_>) {
        let mut open = vec![(spot.location(), spot.schema(), true)];
        while let Some((location, members, counts)) = open.pop() {
            if !self.seen.insert(location.clone()) {
                continue;
            }
            let size = |value: &Value| value.as_object().map_or(0, Map::len) + value.as_array().map_or(0, Vec::len);
            if !spot.file.may_step(members.values().map(size).sum()) {
                self.is_open = true;
                return;
            }
            let more = self.take_in(&location, members, counts);
            open.extend(more.into_iter().rev());
        }
    }

    /// Takes in one schema; returns the others that are about the same value.
    fn take_in<'s>(&mut self, location: &Location, members: &'s Map<String, Value>, counts: bool) -> Vec<Open<'s>>
    where
        'a: 's,
    {
        let object = |keyword| members.get(keyword).and_then(Value::as_object);
        self.declared.extend(object("properties").into_iter().flat_map(|map| map.keys().cloned()));
        self.patterns.extend(object("patternProperties").into_iter().flat_map(|map| map.keys().cloned()));
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            self.is_open |= members.get(keyword).is_some_and(|schema| schema != &Value::Bool(false));
        }
        if counts {
            let names = members.get("required").and_then(Value::as_array).into_iter().flatten().enumerate();
            let below = join(&location.pointer, "required");
            let named = names.filter_map(|(index, name)| Some((join(&below, &index.to_string()), name.as_str()?)));
            self.required.extend(named.map(|(at, name)| (at, name.to_owned())));
        }
        let mut more: Vec<Open<'s>> = Vec::new();
        if let Some((target, Value::Object(schema))) = self.context.target(location) {
            more.push((target, schema, false));
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for (index, item) in members.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate() {
                if let Value::Object(item) = item {
                    more.push((location.below(&format!("/{keyword}/{index}")), item, counts));
                }
            }
        }
        // What must not be there need not be declared.
        for (keyword, counts) in [("if", counts), ("then", counts), ("else", counts), ("not", false)] {
            if let Some(Value::Object(schema)) = members.get(keyword) {
                more.push((location.below(&join("", keyword)), schema, counts));
            }
        }
        for (name, schema) in object("dependentSchemas").into_iter().flatten() {
            if let Value::Object(schema) = schema {
                more.push((location.below(&join("/dependentSchemas", name)), schema, counts));
            }
        }
        more
    }
}

/// A schema to take in, with its place, and whether what it requires counts.
type Open<'s> = (Location, &'s Map<String, Value>, bool);
