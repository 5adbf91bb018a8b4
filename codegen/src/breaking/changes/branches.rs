//! Changes of lists of schemas: branches, whose order does not matter, and positions, whose order does.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value};

use crate::pointer::join;

use super::Difference;
use super::wording::short;

/// Keywords whose value is a list of branches.
const UNIONS: &[&str] = &["allOf", "anyOf", "oneOf"];

impl Difference<'_> {
    /// The keywords that hold branches. One that came where another went with the same branches took its place.
    pub(super) fn unions(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        let gone = UNIONS.iter().find(|keyword| !list(old, keyword).is_empty() && list(new, keyword).is_empty());
        let came = UNIONS.iter().find(|keyword| list(old, keyword).is_empty() && !list(new, keyword).is_empty());
        let mut heirs = gone.zip(came);
        if let Some((gone, came)) = heirs {
            let (then, now) = (list(old, gone), list(new, came));
            if then.len() == now.len() && then.iter().zip(&now).all(|(then, now)| self.is_same(then, now)) {
                self.add(at, format!("{gone} became {came}"));
                for (index, (then, now)) in then.iter().zip(&now).enumerate() {
                    self.schema(then, now, &join(&join(at, came), &index.to_string()));
                }
            } else {
                heirs = None;
            }
        }
        let follows_references =
            |keyword: &&&str| heirs.is_some_and(|(gone, came)| gone == *keyword || came == *keyword);
        for keyword in UNIONS.iter().filter(|keyword| !follows_references(keyword)) {
            let (then, now) = (list(old, keyword), list(new, keyword));
            match (then.as_slice(), now.as_slice()) {
                ([], []) => {}
                ([], branches) => self.add(at, format!("{keyword} was added:{}", all_spelled(branches))),
                (branches, []) => self.add(at, format!("{keyword} was removed:{}", all_spelled(branches))),
                _ => self.branches(old, new, keyword, at),
            }
        }
    }

    /// The branches of `oneOf` and its like: the same ones are paired first, then those of one name, then by order.
    fn branches(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, at: &str) {
        let at = join(at, keyword);
        let (old, new) = (list(old, keyword), list(new, keyword));
        let mut pairs: Vec<Option<usize>> = vec![None; new.len()];
        let names = |branches: &[Value]| branches.iter().map(name).collect::<Vec<_>>();
        let (old_names, new_names) = (names(&old), names(&new));
        let texts = |branches: &[Value]| branches.iter().map(|branch| Some(branch.to_string())).collect::<Vec<_>>();
        pair_equal(&mut pairs, &texts(&old), &texts(&new));
        self.pair_same(&mut pairs, &old, &new);
        pair_equal(&mut pairs, &old_names, &new_names);
        let is_unnamed = |one: usize, other: usize| old_names[one].is_none() || new_names[other].is_none();
        let mut is_taken = taken(&pairs, old.len());
        for other in 0..old.len().min(new.len()) {
            if pairs[other].is_none() && !is_taken[other] && is_unnamed(other, other) {
                pairs[other] = Some(other);
                is_taken[other] = true;
            }
        }
        let lone = old.len() - pairs.iter().flatten().count();
        if lone == pairs.iter().filter(|pair| pair.is_none()).count() {
            pair_unnamed(&mut pairs, &old_names, &new_names);
        }
        let paired: HashSet<usize> = pairs.iter().flatten().copied().collect();
        for (one, branch) in old.iter().enumerate().filter(|(one, _)| !paired.contains(one)) {
            self.add(&join(&at, &one.to_string()), format!("the branch{} was removed", spelled(branch)));
        }
        for (other, branch) in new.iter().enumerate() {
            let at = join(&at, &other.to_string());
            match pairs[other] {
                Some(one) => self.schema(&old[one], branch, &at),
                None => self.add(&at, format!("the branch{} was added", spelled(branch))),
            }
        }
    }

    /// Pairs what has no partner yet with the first that says the same, as long as there is work left to find out.
    fn pair_same(&self, pairs: &mut [Option<usize>], old: &[Value], new: &[Value]) {
        let mut is_taken = taken(pairs, old.len());
        for (pair, new) in pairs.iter_mut().zip(new).filter(|(pair, _)| pair.is_none()) {
            if self.fuel.get() == 0 {
                return;
            }
            *pair = (0..old.len()).find(|one| !is_taken[*one] && self.is_same(&old[*one], new));
            pair.iter().for_each(|one| is_taken[*one] = true);
        }
    }

    /// The schemas of an array's first elements.
    pub(super) fn positions(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) {
        for keyword in ["prefixItems", "items"] {
            match (old.get(keyword), new.get(keyword)) {
                (Some(Value::Array(_)), Some(Value::Object(_) | Value::Bool(_)))
                | (Some(Value::Object(_) | Value::Bool(_)), Some(Value::Array(_))) => {
                    self.add(at, format!("{keyword} for every element and by position are not the same"));
                    continue;
                }
                _ => {}
            }
            let (old, new) = (list(old, keyword), list(new, keyword));
            for index in 0..old.len().max(new.len()) {
                let at = join(&join(at, keyword), &index.to_string());
                match (old.get(index), new.get(index)) {
                    (Some(old), Some(new)) => self.schema(old, new, &at),
                    (Some(_), None) => self.add(&at, "was removed"),
                    (None, _) => self.add(&at, "was added"),
                }
            }
        }
    }
}

/// Which of the old branches have a partner.
fn taken(pairs: &[Option<usize>], old: usize) -> Vec<bool> {
    let mut is_taken = vec![false; old];
    pairs.iter().flatten().for_each(|one| is_taken[*one] = true);
    is_taken
}

/// Pairs what has no partner yet with the first that has an equal key.
fn pair_equal(pairs: &mut [Option<usize>], old: &[Option<String>], new: &[Option<String>]) {
    let is_taken = taken(pairs, old.len());
    let mut by_key: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (one, key) in old.iter().enumerate().filter(|(one, _)| !is_taken[*one]) {
        key.iter().for_each(|key| by_key.entry(key).or_default().push_back(one));
    }
    for (pair, key) in pairs.iter_mut().zip(new).filter(|(pair, _)| pair.is_none()) {
        *pair = key.as_ref().and_then(|key| by_key.get_mut(key.as_str())?.pop_front());
    }
}

/// Pairs what has no partner yet with the first of which there is none either, where one of both has no name.
fn pair_unnamed(pairs: &mut [Option<usize>], old: &[Option<String>], new: &[Option<String>]) {
    let mut is_taken = taken(pairs, old.len());
    // Whatever comes before them is taken.
    let (mut any, mut unnamed) = (0, 0);
    for (pair, name) in pairs.iter_mut().zip(new).filter(|(pair, _)| pair.is_none()) {
        let next = if name.is_none() { &mut any } else { &mut unnamed };
        *next += (*next..old.len()).take_while(|one| is_taken[*one] || name.is_some() && old[*one].is_some()).count();
        if let Some(free) = is_taken.get_mut(*next) {
            *free = true;
            *pair = Some(*next);
        }
    }
}

fn list(members: &Map<String, Value>, keyword: &str) -> Vec<Value> {
    members.get(keyword).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The name of a branch in messages: where it refers to, its title, or the constants that distinguish it.
fn name(branch: &Value) -> Option<String> {
    let text = |keyword: &str| branch.get(keyword).and_then(Value::as_str);
    if let Some(reference) = text("$ref") {
        return reference.rsplit('/').next().map(str::to_owned);
    }
    if let Some(title) = text("title") {
        return Some(title.to_owned());
    }
    let properties = branch.get("properties").and_then(Value::as_object).into_iter().flatten();
    let constant = |(name, schema): (&String, &Value)| {
        let only = schema.get("enum").and_then(Value::as_array).and_then(|values| match values.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        schema.get("const").or(only).map(|value| format!("{name} {}", short(value)))
    };
    let constants: Vec<String> = properties.filter_map(constant).collect();
    if !constants.is_empty() {
        return Some(constants.join(", "));
    }
    text("type").map(str::to_owned)
}

/// The name of a branch for people, after a space; that of a nameless object is what it demands.
fn spelled(branch: &Value) -> String {
    let required = branch.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    match name(branch) {
        Some(name) if name == "object" && !required.is_empty() => format!(" (object with {})", required.join(", ")),
        Some(name) => format!(" ({name})"),
        None if !required.is_empty() => format!(" (with {})", required.join(", ")),
        None => String::new(),
    }
}

fn all_spelled(branches: &[Value]) -> String {
    let spelled = branches.iter().map(|branch| match spelled(branch) {
        name if name.is_empty() => " (a schema)".to_owned(),
        name => name,
    });
    spelled.collect::<Vec<_>>().join(",")
}
