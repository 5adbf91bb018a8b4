//! A schema without references and combinators: one way to satisfy them, chosen.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::sample::growth::{DEEP, Growth, Limit, weight, weights};
use crate::sample::intersect::intersect;
use crate::sample::local;
use crate::schema::{id_keyword, is_meta_schema, ref_has_siblings, resolve_uri};

/// How deep references and combinators may be nested.
const TALLEST: usize = 32;

/// Keywords that flattening replaces by the keywords of their schemas.
const DISSOLVED: &[&str] = &["$ref", "allOf", "anyOf", "else", "if", "oneOf", "then"];

fn is_kept(keyword: &str) -> bool {
    !DISSOLVED.contains(&keyword)
}

impl<'a> Growth<'a> {
    /// The keywords that hold for a value, once every reference is followed and every branch chosen; `None` where
    /// the schema accepts nothing, or nothing on this way.
    pub(super) fn flat(&mut self, schema: &Value, height: usize) -> Option<Map<String, Value>> {
        let members = match schema {
            Value::Bool(true) => return Some(Map::new()),
            Value::Object(_) if height >= TALLEST => {
                self.limit = self.limit.max(Some(Limit::Height));
                return None;
            }
            // It notes itself that there is no time left.
            Value::Object(members) if self.may_go_on() => members,
            _ => return None,
        };
        self.spend(members.iter().filter(|(keyword, _)| is_kept(keyword)).map(|(_, value)| weight(value)).sum());
        let reference = members.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference
            && !ref_has_siblings(self.root)
        {
            let target = self.referred(reference)?;
            return self.flat(&target, height + 1);
        }
        let kept = members.iter().filter(|(keyword, _)| is_kept(keyword));
        let mut flat: Map<String, Value> = kept.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
        if let Some(reference) = reference {
            let target = self.referred(reference)?;
            flat = intersect(flat, self.flat(&target, height + 1)?)?;
        }
        if let Some(Value::Array(all)) = members.get("allOf") {
            for part in all {
                self.spend(weights(&flat));
                flat = intersect(flat, self.flat(part, height + 1)?)?;
            }
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = members.get(keyword) {
                flat = self.branch(&flat, branches, height)?;
            }
        }
        self.condition(flat, members, height)
    }

    /// The schema that a reference leads to. Of a meta-schema it is only told that schemas are objects.
    fn referred(&self, reference: &str) -> Option<Cow<'a, Value>> {
        let base = self.root.get(id_keyword(self.root)).and_then(Value::as_str).unwrap_or("sample:/schema.json");
        match local::target(self.root, reference) {
            Some(target) => Some(Cow::Borrowed(target)),
            None if resolve_uri(base, reference).is_some_and(|uri| is_meta_schema(&uri)) => {
                Some(Cow::Owned(json!({"type": ["object", "boolean"]})))
            }
            None => None,
        }
    }

    /// The keywords with those of one branch; at great depth, rather of one that cannot recur.
    fn branch(&mut self, flat: &Map<String, Value>, branches: &[Value], height: usize) -> Option<Map<String, Value>> {
        let mut order: Vec<&Value> = branches.iter().collect();
        self.branches = self.branches.max(order.len());
        let start = self.choices.pick(order.len()) + self.attempt;
        if order.is_empty() {
            return None;
        }
        let start = start % order.len();
        order.rotate_left(start);
        if self.depth > DEEP && self.attempt == 0 {
            self.spend(order.iter().map(|branch| weight(branch)).sum());
            order.sort_by_cached_key(|branch| branch.to_string().contains("\"$ref\""));
        }
        let copied = weights(flat);
        order.into_iter().find_map(|branch| {
            self.spend(copied);
            intersect(flat.clone(), self.flat(branch, height + 1)?)
        })
    }

    /// The keywords with those of `if` and `then`, or with those of `else`.
    fn condition(
        &mut self,
        flat: Map<String, Value>,
        members: &Map<String, Value>,
        height: usize,
    ) -> Option<Map<String, Value>> {
        let Some(condition) = members.get("if") else { return Some(flat) };
        self.branches = self.branches.max(2);
        let copied = weights(&flat);
        let holds = |growth: &mut Self| {
            growth.spend(copied);
            let flat = intersect(flat.clone(), growth.flat(condition, height + 1)?)?;
            growth.and(flat, members.get("then"), height)
        };
        let fails = |growth: &mut Self| growth.and(flat.clone(), members.get("else"), height);
        if (self.choices.pick(2) + self.attempt).is_multiple_of(2) {
            holds(self).or_else(|| fails(self))
        } else {
            fails(self).or_else(|| holds(self))
        }
    }

    fn and(&mut self, flat: Map<String, Value>, part: Option<&Value>, height: usize) -> Option<Map<String, Value>> {
        match part {
            Some(part) => intersect(flat, self.flat(part, height + 1)?),
            None => Some(flat),
        }
    }
}
