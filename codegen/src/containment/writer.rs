//! What is known of the values that a writer writes at one location: schemas that hold together.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use crate::sample::local::target;

use super::carried::WHOLE;
use super::closed::{Declared, keeps_several};
use super::number::NumberRange;
use super::pair::{SchemaPair, Side};
use super::types::TypeSet;

/// Schemas that hold together for a value. Every value that a writer may write there fulfils them; not everything
/// that fulfils them is written, because what is of no use for a proof is left out.
#[derive(Debug, Clone)]
pub(super) struct Written<'a> {
    /// What was asked to hold, before references and `allOf` were followed.
    pub(super) given: Vec<(&'a Value, Side)>,
    /// Every schema that holds, with references and `allOf` followed.
    pub(super) parts: Vec<(&'a Map<String, Value>, Side)>,
    /// Alternatives of which one holds.
    pub(super) choices: Vec<Alternatives<'a>>,
    /// Schemas that certainly do not hold: the other alternatives of a `oneOf`, what stands in a `not`.
    pub(super) excluded: Vec<(&'a Value, Side)>,
    /// Alternatives that may hold besides; their properties are declared.
    besides: Vec<(&'a Value, Side)>,
    /// The types at hand.
    pub(super) types: TypeSet,
    /// The values, where they can be listed.
    pub(super) values: Option<Vec<&'a Value>>,
    /// Properties of which one value is considered.
    pub(super) fixed: Vec<(String, &'a Value)>,
    /// Whether all is carried that the schemas accept, declared or not.
    is_whole: bool,
}

/// Alternatives of which one holds, each a list of schemas.
#[derive(Debug, Clone)]
pub(super) struct Alternatives<'a> {
    pub(super) branches: Vec<Vec<(&'a Value, Side)>>,
    kind: Kind<'a>,
    /// Whether a value that several of them accept is carried as it is.
    keeps_several: bool,
}

/// What one alternative says of the others.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind<'a> {
    /// They may hold as well.
    Any,
    /// They do not hold.
    One,
    /// The first holds together with this condition, the second without.
    Condition(&'a Value),
}

/// The most alternatives of an `anyOf` whose every combination is looked at.
const MOST_TOGETHER: usize = 4;

/// The most alternatives that are looked at one by one; of an `anyOf`, where each is looked at with all others beside it.
const MOST_BRANCHES: usize = 2_048;
const MOST_OVERLAPPING: usize = 256;

/// The most alternatives of which the others are kept in mind.
const MOST_EXCLUDED: usize = 128;

/// How deep references and `allOf` may be nested.
const TALLEST: usize = 48;

impl<'a> Written<'a> {
    /// Whatever one schema allows.
    pub(super) fn of(pair: &SchemaPair<'a>, schema: &'a Value, side: Side) -> Self {
        let mut written = Self::anything();
        written.hold(pair, schema, side);
        written
    }

    pub(super) fn anything() -> Self {
        Self {
            given: Vec::new(),
            parts: Vec::new(),
            choices: Vec::new(),
            excluded: Vec::new(),
            besides: Vec::new(),
            types: TypeSet::ALL,
            values: None,
            fixed: Vec::new(),
            is_whole: false,
        }
    }

    /// Anything that is written within this.
    pub(super) fn another(&self) -> Self {
        Self { is_whole: self.is_whole, ..Self::anything() }
    }

    /// Takes a further schema that holds.
    pub(super) fn hold(&mut self, pair: &SchemaPair<'a>, schema: &'a Value, side: Side) {
        self.given.push((schema, side));
        self.follow(pair, schema, side, 0);
        self.follow_dependents(pair);
        self.list(pair);
    }

    /// The same with some types only.
    pub(super) fn only(&self, pair: &SchemaPair<'a>, types: TypeSet) -> Self {
        pair.spend(self.weight());
        let mut written = self.clone();
        written.types = written.types.and(types);
        written.list(pair);
        written
    }

    /// The work of a copy.
    pub(super) fn weight(&self) -> usize {
        let branches: usize = self.choices.iter().map(|choice| 1 + choice.branches.len()).sum();
        let values = self.values.as_ref().map_or(0, Vec::len);
        1 + self.given.len() + self.parts.len() + self.besides.len() + self.excluded.len() + branches + values
    }

    /// What is written, alternative by alternative of the first choice. `None` where there is no choice, or too much of one.
    pub(super) fn alternatives(&self, pair: &SchemaPair<'a>) -> Option<Vec<Self>> {
        let choice = self.choices.first()?;
        let most = if choice.kind == Kind::Any { MOST_OVERLAPPING } else { MOST_BRANCHES };
        if choice.branches.len() > most || pair.is_spent() {
            return None;
        }
        let mut open = self.clone();
        open.choices.remove(0);
        let taking = |written: &Self, branch: &[(&'a Value, Side)]| {
            pair.spend(written.weight());
            let mut written = written.clone();
            branch.iter().for_each(|(schema, side)| written.hold(pair, schema, *side));
            written
        };
        let branches = &choice.branches;
        if choice.kind == Kind::Any && branches.len() <= MOST_TOGETHER {
            // Each set of alternatives that may hold together, and no other does: what those declare is written.
            let sets = (1_u32..1 << branches.len()).map(|set| {
                let members = branches.iter().enumerate().filter(|(index, _)| set & (1 << index) != 0);
                let mut written = members.fold(open.clone(), |written, (_, branch)| taking(&written, branch));
                let others = branches.iter().enumerate().filter(|(index, _)| set & (1 << index) == 0);
                written.excluded.extend(others.flat_map(|(_, branch)| branch));
                written.is_whole |= choice.keeps_several && set.count_ones() > 1;
                written
            });
            return Some(sets.filter(|written| !written.is_never(pair, 0)).collect());
        }
        let chosen = |(index, branch): (usize, &Vec<(&'a Value, Side)>)| {
            let mut written = taking(&open, branch);
            let others = branches.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, branch)| branch);
            match choice.kind {
                Kind::Any => {
                    for other in others {
                        if pair.is_spent() || !taking(&written, other).is_never(pair, 0) {
                            written.besides.extend(other);
                            written.is_whole |= choice.keeps_several;
                        }
                    }
                }
                Kind::One if choice.keeps_several && branches.len() <= MOST_OVERLAPPING => {
                    let mut may_hold = others.clone().filter(|other| !taking(&written, other).is_never(pair, 0));
                    let is_whole = pair.is_spent() || may_hold.next().is_some();
                    written.is_whole |= is_whole;
                    written.excluded.extend(others.flatten());
                }
                Kind::One if choice.keeps_several => written.is_whole = true,
                Kind::One if branches.len() <= MOST_EXCLUDED => written.excluded.extend(others.flatten()),
                Kind::Condition(condition) if index == 1 => {
                    let side = branches.iter().flatten().next().map_or(Side::Reader, |(_, side)| *side);
                    written.excluded.push((condition, side));
                }
                Kind::One | Kind::Condition(_) => {}
            }
            written
        };
        Some(branches.iter().enumerate().map(chosen).collect())
    }

    /// The same with one value of a property.
    pub(super) fn fixing(&self, name: &str, value: &'a Value) -> Self {
        let mut written = self.clone();
        written.fixed.push((name.to_owned(), value));
        written
    }

    fn nothing(&mut self) {
        self.types = TypeSet::NONE;
    }

    fn follow(&mut self, pair: &SchemaPair<'a>, schema: &'a Value, side: Side, height: usize) {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return self.nothing(),
            _ => return,
        };
        if self.parts.iter().any(|(part, _)| std::ptr::eq(*part, members)) {
            return;
        }
        self.parts.push((members, side));
        pair.spend(2 + self.parts.len() / 64);
        self.is_whole |= side == Side::Writer && members.contains_key(WHOLE);
        if let Some(allowed) = members.get("type") {
            self.types = self.types.and(TypeSet::allowed(allowed));
        }
        let divisor = members.get("multipleOf").and_then(Value::as_f64);
        let is_whole = divisor.is_some_and(|divisor| divisor > 0.0 && divisor.fract() == 0.0);
        if is_whole && !pair.is_draft_4 {
            self.types = self.types.without(TypeSet::FRACTION);
        }
        let constant = members.get("const").map(std::slice::from_ref);
        if let Some(values) = constant.or_else(|| members.get("enum").and_then(Value::as_array).map(Vec::as_slice)) {
            match &mut self.values {
                // Without work left all are kept: more may be written, never less.
                Some(known) if !pair.is_spent() => {
                    let listed: HashSet<String> = values.iter().map(|value| pair.canonical(value)).collect();
                    known.retain(|value| listed.contains(&pair.canonical(value)));
                }
                Some(_) => {}
                None => self.values = Some(values.iter().collect()),
            }
        }
        if height > TALLEST {
            return;
        }
        let root = pair.root(side);
        if let Some(found) = members.get("$ref").and_then(Value::as_str).and_then(|name| target(root, name)) {
            self.follow(pair, found, side, height + 1);
        }
        for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.follow(pair, part, side, height + 1);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = members.get(keyword) {
                match branches.as_slice() {
                    [] => self.nothing(),
                    [only] => self.follow(pair, only, side, height + 1),
                    several => {
                        let branches = several.iter().map(|branch| vec![(branch, side)]).collect();
                        let kind = if keyword == "anyOf" { Kind::Any } else { Kind::One };
                        let keeps_several = side == Side::Writer && keeps_several(members, keyword);
                        self.choices.push(Alternatives { branches, kind, keeps_several });
                    }
                }
            }
        }
        if let Some(condition) = members.get("if") {
            let (then, otherwise) = (members.get("then"), members.get("else"));
            if then.is_some() || otherwise.is_some() {
                let holds = [Some(condition), then].into_iter().flatten().map(|schema| (schema, side)).collect();
                let fails = otherwise.into_iter().map(|schema| (schema, side)).collect();
                let kind = Kind::Condition(condition);
                self.choices.push(Alternatives { branches: vec![holds, fails], kind, keeps_several: false });
            }
        }
        self.excluded.extend(members.get("not").map(|schema| (schema, side)));
    }

    /// Takes what must hold because a property must be there.
    fn follow_dependents(&mut self, pair: &SchemaPair<'a>) {
        loop {
            let before = self.parts.len();
            let required = self.required(pair);
            pair.spend(before);
            for (members, side) in self.parts.clone() {
                let dependents = members.get("dependentSchemas").and_then(Value::as_object).into_iter().flatten();
                for (_, schema) in dependents.filter(|(name, _)| required.contains(&name.as_str())) {
                    self.follow(pair, schema, side, 0);
                }
            }
            if self.parts.len() == before {
                return;
            }
        }
    }

    /// Lists the values where that can be done, and leaves out those that are certainly not written.
    fn list(&mut self, pair: &SchemaPair<'a>) {
        if self.values.is_none() && self.types.within(TypeSet::NULL.or(TypeSet::BOOLEAN)) {
            static ALL: [Value; 3] = [Value::Null, Value::Bool(true), Value::Bool(false)];
            self.values = Some(ALL.iter().filter(|value| TypeSet::of(value).within(self.types)).collect());
        }
        let Some(mut values) = self.values.take() else { return };
        values.retain(|value| TypeSet::of(value).within(self.types) && self.may_be(pair, value));
        self.types = self.types.and(values.iter().map(|value| TypeSet::of(value)).fold(TypeSet::NONE, TypeSet::or));
        self.values = Some(values);
    }

    /// Whether a value is not certainly refused.
    pub(super) fn may_be(&self, pair: &SchemaPair<'a>, value: &Value) -> bool {
        TypeSet::of(value).within(self.types)
            && self.given.iter().all(|(schema, side)| pair.accepts(schema, *side, value, 0) != Some(false))
    }

    /// The names that must be there.
    pub(super) fn required(&self, pair: &SchemaPair<'a>) -> Vec<&'a str> {
        let mut known: HashSet<&str> = HashSet::new();
        let mut names: Vec<&str> = Vec::new();
        let mut add = |names: &mut Vec<&'a str>, list: &'a Value| {
            let list = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.extend(list.filter(|name| known.insert(name)));
        };
        self.every("required").for_each(|list| add(&mut names, list));
        let rules: Vec<&Value> = self.every("dependentRequired").collect();
        let mut next = 0;
        while let Some(name) = names.get(next).copied() {
            next += 1;
            rules.iter().filter_map(|rules| rules.get(name)).for_each(|list| add(&mut names, list));
        }
        pair.spend(self.parts.len() / 2 + names.len() * (1 + rules.len()) / 2);
        names
    }

    /// What writers declare here, in any alternative.
    pub(super) fn declared(&self, pair: &SchemaPair<'a>) -> Declared<'a> {
        let mut declared = Declared::default();
        let root = pair.root(Side::Writer);
        let own = |side: &Side| *side == Side::Writer;
        for (members, _) in self.parts.iter().filter(|(_, side)| own(side)) {
            declared.add_own(members);
            let dependents =
                members.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
            dependents.for_each(|schema| declared.add_uncertain(root, schema));
            members.get("if").into_iter().for_each(|condition| declared.add_uncertain(root, condition));
        }
        let open = self.choices.iter().flat_map(|choice| &choice.branches).flatten();
        for (schema, _) in open.chain(&self.besides).filter(|(_, side)| own(side)) {
            declared.add_uncertain(root, schema);
        }
        pair.spend(declared.touched);
        declared.opens_unless_forbidden(pair.is_open || self.is_whole);
        declared
    }

    /// What is written as the value of a property; `None` if it is not written.
    pub(super) fn property(&self, pair: &SchemaPair<'a>, declared: &Declared<'a>, name: &str) -> Option<Self> {
        let is_declared = declared.names.contains(name)
            || declared.required.contains(name)
            || declared.patterns.iter().any(|pattern| pair.matches(pattern, name) != Some(false));
        if declared.closes() && !is_declared {
            return None;
        }
        let mut written = self.another();
        pair.spend(self.parts.len());
        for (members, side) in &self.parts {
            let mut known = false;
            if let Some(schema) = members.get("properties").and_then(|map| map.get(name)) {
                written.hold(pair, schema, *side);
                known = true;
            }
            for (pattern, schema) in members.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
                match pair.matches(pattern, name) {
                    Some(true) => {
                        written.hold(pair, schema, *side);
                        known = true;
                    }
                    Some(false) => {}
                    None => known = true,
                }
            }
            if !known && let Some(schema) = members.get("additionalProperties") {
                written.hold(pair, schema, *side);
            }
            if let Some(names) = members.get("propertyNames")
                && pair.accepts(names, *side, &Value::String(name.to_owned()), 0) == Some(false)
            {
                return None;
            }
        }
        if let Some((_, value)) = self.fixed.iter().find(|(fixed, _)| fixed == name) {
            written.values = Some(vec![*value]);
            written.list(pair);
        }
        (!written.types.is_empty()).then_some(written)
    }

    /// What is known of the names that are written; nothing where no schema speaks of names.
    pub(super) fn names(&self, pair: &SchemaPair<'a>) -> Option<Self> {
        let own = self.parts.iter().filter_map(|(members, side)| Some((members.get("propertyNames")?, *side)));
        let mut names = Self::anything();
        own.for_each(|(schema, side)| names.hold(pair, schema, side));
        (!names.given.is_empty()).then(|| names.only(pair, TypeSet::STRING))
    }

    /// Whether a property is certainly not written, as what does not hold asks for nothing but that it is there.
    pub(super) fn excludes(&self, pair: &SchemaPair<'a>, name: &str) -> bool {
        if self.excluded.is_empty() {
            return false;
        }
        let required = self.required(pair);
        self.excluded.iter().any(|(schema, _)| {
            let Some(members) = schema.as_object().filter(|members| members.len() == 1) else { return false };
            let names = members.get("required").and_then(Value::as_array).into_iter().flatten();
            let mut names = names.filter_map(Value::as_str).peekable();
            names.peek().is_some() && names.all(|asked| asked == name || required.contains(&asked))
        })
    }

    /// What is written as the element at an index; `None` if there is none.
    pub(super) fn element(&self, pair: &SchemaPair<'a>, index: usize) -> Option<Self> {
        let mut written = self.another();
        for (members, side) in &self.parts {
            if members.get("maxItems").and_then(Value::as_f64).is_some_and(|most| (index as f64) >= most) {
                return None;
            }
            let first = members.get("prefixItems").and_then(Value::as_array).and_then(|first| first.get(index));
            // An element that a `contains` is about may have the properties that it declares.
            written.besides.extend(members.get("contains").map(|schema| (schema, *side)));
            if let Some(schema) = first.or_else(|| members.get("items")) {
                written.hold(pair, schema, *side);
            }
        }
        (!written.types.is_empty()).then_some(written)
    }

    /// The longest list of first elements that have schemas of their own.
    pub(super) fn first_elements(&self) -> usize {
        let lists = self.parts.iter().filter_map(|(members, _)| members.get("prefixItems").and_then(Value::as_array));
        lists.map(Vec::len).max().unwrap_or_default()
    }

    /// Every value of a keyword.
    pub(super) fn every(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter_map(move |(members, _)| members.get(keyword))
    }

    /// The range of the numbers that are written.
    pub(super) fn range(&self) -> NumberRange {
        let bounds = |inclusive: &'static str, exclusive: &'static str| {
            let inclusive = self.every(inclusive).map(|bound| (bound, false));
            let all = inclusive.chain(self.every(exclusive).map(|bound| (bound, true)));
            all.filter_map(|(bound, excluded)| Some((bound.as_number()?.clone(), excluded))).collect()
        };
        let (low, high) = (bounds("minimum", "exclusiveMinimum"), bounds("maximum", "exclusiveMaximum"));
        NumberRange::new(low, high, self.types.and(TypeSet::NUMBER) == TypeSet::INTEGER)
    }

    /// The integers that are written, where nothing else is and they are few.
    pub(super) fn integers(&self) -> Option<std::ops::RangeInclusive<i64>> {
        const MOST: u64 = 256;
        let range = self.range();
        let bound = |bound: Option<(Number, bool)>| bound.filter(|(_, excluded)| !excluded)?.0.as_i64();
        let (low, high) = (bound(range.low)?, bound(range.high)?);
        (self.types == TypeSet::INTEGER && high.abs_diff(low) <= MOST).then_some(low..=high)
    }

    /// Whether certainly nothing is written.
    pub(super) fn is_never(&self, pair: &SchemaPair<'a>, depth: usize) -> bool {
        if self.types.is_empty() {
            return true;
        }
        if depth > 1 || self.types != TypeSet::OBJECT || self.values.is_some() {
            return self.types.within(TypeSet::NUMBER) && self.range().is_empty();
        }
        let required = self.required(pair);
        if required.is_empty() {
            return false;
        }
        let declared = self.declared(pair);
        let never =
            |name: &&str| self.property(pair, &declared, name).is_none_or(|written| written.is_never(pair, depth + 1));
        required.iter().any(never)
    }

    /// Equal for two of them that hold the same schemas.
    pub(super) fn key(&self) -> Key {
        let mut parts: Vec<usize> = self.parts.iter().map(|(part, _)| std::ptr::from_ref(*part) as usize).collect();
        parts.sort_unstable();
        let open = self.choices.iter().filter_map(|choice| choice.branches.iter().flatten().next());
        let address = |schema: &Value| std::ptr::from_ref(schema) as usize;
        // Lists of addresses, each behind a number that is none.
        parts.push(usize::MAX - 3);
        parts.extend(open.map(|(schema, _)| address(schema)));
        if !self.besides.is_empty() {
            parts.push(usize::MAX - 2);
            parts.extend(self.besides.iter().map(|(schema, _)| address(schema)));
        }
        parts.extend(self.is_whole.then_some(usize::MAX - 4));
        if let Some(values) = &self.values {
            parts.push(usize::MAX - 1);
            parts.extend(values.iter().map(|value| address(value)));
        }
        if !self.excluded.is_empty() {
            parts.push(usize::MAX);
            parts.extend(self.excluded.iter().map(|(schema, _)| address(schema)));
        }
        let fixed = self.fixed.iter().map(|(name, value)| (name.clone(), address(value))).collect();
        (parts, self.choices.len(), self.types, fixed)
    }
}

/// See [`Written::key`].
pub(super) type Key = (Vec<usize>, usize, TypeSet, Vec<(String, usize)>);
