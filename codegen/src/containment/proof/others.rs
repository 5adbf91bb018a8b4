//! Properties that nobody declares by name.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::containment::closed::Declared;
use crate::containment::pair::Side;
use crate::containment::text::{Inclusion, are_apart, includes};
use crate::containment::writer::Written;

use super::{Fit, Prover};

/// The most ways in which the patterns of several schemas meet that are looked at one by one.
const MOST_WAYS: usize = 64;

/// The most names that are looked for in what is said of names.
const MOST_NAMES: usize = 16;

/// The work of compiling a pattern.
const PATTERN: usize = 400;

/// Names that the reader speaks of.
pub(super) struct Names<'a> {
    /// The pattern that they match.
    pub(super) of: Option<&'a str>,
    /// Patterns that they do not match.
    pub(super) but: Vec<&'a str>,
}

/// What one schema of the writer says of a name: the pattern that it matches, or else none of them, and the schema.
type Way<'a> = (Option<&'a str>, Option<&'a Value>);

impl<'a> Prover<'a> {
    /// Whether what is written under names that are not declared is accepted by a schema of the reader, which speaks of some
    /// names.
    pub(super) fn others(
        &self,
        written: &Written<'a>,
        declared: &Declared<'a>,
        schema: &'a Value,
        names: &Names<'_>,
    ) -> Fit {
        if declared.closes() && declared.patterns.is_empty() || *schema == Value::Bool(true) {
            return Ok(());
        }
        // What the reader says of others is about names that it does not declare itself; it is of no use here.
        let own = written.parts.iter().filter(|(_, side)| *side == Side::Writer).map(|(members, _)| *members);
        let each: Vec<Vec<Way<'a>>> =
            own.map(ways).filter(|ways| ways.iter().any(|(_, said)| said.is_some())).collect();
        let count = each.iter().map(Vec::len).fold(1, usize::saturating_mul);
        let fits = match count <= MOST_WAYS {
            true => {
                // What alternatives say of names is known once one is chosen.
                let known: HashSet<&str> = each.iter().flatten().filter_map(|(pattern, _)| *pattern).collect();
                let is_complete = declared.patterns.iter().all(|pattern| known.contains(pattern));
                let closes = declared.closes() && is_complete;
                let ways = combinations(&each).into_iter();
                self.all(ways.map(|way| self.way(&written.another(), closes, &way, &each, schema, names)))
            }
            false => self.fits(&written.another(), schema),
        };
        let Err(mut miss) = fits else { return Ok(()) };
        if self.skips_values.get() {
            return Err(miss);
        }
        let values = std::mem::take(&mut miss.values);
        let names = self.names(written, declared, names);
        let values: Vec<Value> = values.into_iter().chain([json!("text"), json!(1), json!(null)]).collect();
        for value in values.iter().take(self.wanted() + 3) {
            for name in &names {
                miss.values.extend(self.with(written, name, value));
            }
        }
        miss.values = self.written_among(written, std::mem::take(&mut miss.values));
        Err(miss)
    }

    /// The same for names of which every schema of the writer says one thing.
    fn way(
        &self,
        other: &Written<'a>,
        closes: bool,
        way: &[Way<'a>],
        each: &[Vec<Way<'a>>],
        schema: &'a Value,
        names: &Names<'_>,
    ) -> Fit {
        let yes = |answer: bool| if answer { Inclusion::Proved } else { Inclusion::Unknown };
        let are_apart = |one: &str, other: &str| {
            self.pair.inclusion(format!("{one:?} apart {other:?}"), |automata| yes(are_apart(automata, one, other)))
                == Inclusion::Proved
        };
        let includes = |wide: &str, narrow: &str| {
            self.pair
                .inclusion(format!("{wide:?} includes {narrow:?}"), |automata| yes(includes(automata, wide, narrow)))
                == Inclusion::Proved
        };
        let matched: Vec<&str> = way.iter().filter_map(|(pattern, _)| *pattern).collect();
        let is_impossible = matched.iter().any(|pattern| {
            names.of.is_some_and(|of| are_apart(of, pattern))
                || names.but.iter().any(|but| but == pattern || includes(but, pattern))
        });
        // A name that matches none of the patterns of a schema.
        let unmatched = way.iter().zip(each).filter(|((pattern, _), _)| pattern.is_none()).flat_map(|(_, all)| all);
        let is_matched = names.of.is_some_and(|of| {
            unmatched.filter_map(|(pattern, _)| *pattern).any(|pattern| pattern == of || includes(pattern, of))
        });
        let is_undeclared = closes && matched.is_empty();
        if is_impossible || is_matched || is_undeclared {
            return Ok(());
        }
        let mut property = other.clone();
        for (_, said) in way {
            if let Some(said) = said {
                property.hold(self.pair, said, Side::Writer);
            }
        }
        self.fits(&property, schema)
    }

    /// Some names of those that the reader speaks of.
    fn names(&self, written: &Written<'a>, declared: &Declared<'a>, names: &Names<'_>) -> Vec<String> {
        let mut found: Vec<String> = ["other", "x", "a", "A", "0", "1", "name"].map(str::to_owned).to_vec();
        let own = written.every("propertyNames").map(Clone::clone);
        let patterns = declared.patterns.iter().copied().chain(names.of).map(|pattern| json!({"pattern": pattern}));
        let but: Vec<Value> = names.but.iter().map(|pattern| json!({"pattern": pattern})).collect();
        let apart = if but.is_empty() { json!(true) } else { json!({"not": {"anyOf": but}}) };
        for schema in own.chain(patterns).take(MOST_NAMES) {
            // Each pattern is compiled for each name.
            self.pair.spend(PATTERN * (1 + names.but.len()));
            if self.pair.is_spent() {
                break;
            }
            let name = json!({"allOf": [{"type": "string"}, schema, apart]});
            let sample = crate::sample::Sampler::new(&name).ok().and_then(|sampler| sampler.sample().ok());
            found.extend(sample.and_then(|name| name.as_str().map(str::to_owned)));
        }
        found.retain(|name| !declared.names.contains(name.as_str()));
        found.retain(|name| names.of.is_none_or(|of| self.pair.matches(of, name) != Some(false)));
        found.retain(|name| !names.but.iter().any(|but| self.pair.matches(but, name) == Some(true)));
        found
    }
}

/// What a schema of the writer may say of a name that it does not declare.
fn ways<'a>(members: &'a Map<String, Value>) -> Vec<Way<'a>> {
    let patterns = members.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
    let mut found: Vec<Way<'a>> = patterns.map(|(pattern, said)| (Some(pattern.as_str()), Some(said))).collect();
    found.push((None, members.get("additionalProperties")));
    found
}

/// Every choice of one way from each list.
fn combinations<'a>(each: &[Vec<Way<'a>>]) -> Vec<Vec<Way<'a>>> {
    each.iter().fold(vec![Vec::new()], |known, ways| {
        known
            .iter()
            .flat_map(|start| ways.iter().map(|way| start.iter().copied().chain([*way]).collect::<Vec<_>>()))
            .collect()
    })
}
