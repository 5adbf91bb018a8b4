//! Arrays.

use std::collections::HashSet;

use serde_json::Value;

use crate::pointer::join;
use crate::references::Location;
use crate::shape::{Body, Check, Classes, Shape, Type, Unknown};

use super::conjunction::{Conjunction, Flat, Part};
use super::context::Context;
use super::dialect::Draft;

/// What one schema says about the elements of an array.
struct Items {
    /// The schemas of the first elements, one each.
    prefix: Vec<Location>,
    /// The schema of all others, and whether it forbids them.
    rest: Option<(Location, bool)>,
}

impl Context<'_> {
    pub(super) fn list(&mut self, flat: &Flat<'_>) -> Shape {
        let handled = ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"];
        self.gaps_but(flat, Classes::ARRAY, &handled);
        let items: Vec<Items> = flat.parts.iter().map(|part| self.items(part)).collect();
        let (min, max) = self.sizes(flat, "minItems", "maxItems");
        if let Some(tuple) = self.tuple(flat, &items, min, max) {
            return tuple;
        }
        let mut item = Shape::of(Type::Any);
        if items.iter().any(|items| !items.prefix.is_empty()) {
            for Items { prefix, rest } in items {
                self.keeping.whole.extend(prefix.into_iter().chain(rest.map(|(location, _)| location)));
            }
            for part in flat.parts.iter().filter(|part| part.get("prefixItems").or(part.get("items")).is_some()) {
                self.gap(&part.location, "items");
            }
        } else {
            let locations: Vec<Location> =
                items.iter().filter_map(|items| Some(items.rest.as_ref()?.0.clone())).collect();
            if !locations.is_empty() {
                item = self.lower(&Conjunction::all(locations), "item");
            }
        }
        let mut checks = Vec::new();
        if min.is_some() || max.is_some() {
            checks.push(Check::Items { min, max });
        }
        for (part, _) in flat.every("uniqueItems").filter(|(_, unique)| **unique == Value::Bool(true)) {
            if self.has_equality(&item) {
                checks.push(Check::Unique { ordered: self.is_ordered(&item) });
            } else {
                self.gap(&part.location, "uniqueItems");
            }
        }
        Shape { ty: Type::List(Box::new(item)), nullable: false, checks }
    }

    fn items(&self, part: &Part<'_>) -> Items {
        let rest = |keyword: &str| {
            let location = part.location.below(&join("", keyword));
            part.get(keyword).map(|schema| (location, schema == &Value::Bool(false)))
        };
        let prefix = |keyword: &str| match part.get(keyword) {
            Some(Value::Array(all)) => (0..all.len()).map(|at| part.below(keyword, &at.to_string())).collect(),
            _ => Vec::new(),
        };
        if part.draft >= Draft::D2020 {
            Items { prefix: prefix("prefixItems"), rest: rest("items") }
        } else if part.get("items").is_some_and(Value::is_array) {
            Items { prefix: prefix("items"), rest: rest("additionalItems") }
        } else {
            Items { prefix: Vec::new(), rest: rest("items") }
        }
    }

    /// An array of one length, each place with a schema of its own.
    fn tuple(&mut self, flat: &Flat<'_>, items: &[Items], min: Option<u64>, max: Option<u64>) -> Option<Shape> {
        /// As long as the tuples for which the standard library implements its traits.
        const LONGEST: usize = 12;
        let mut speaking = items.iter().filter(|items| !items.prefix.is_empty() || items.rest.is_some());
        let (Some(Items { prefix, rest }), None) = (speaking.next(), speaking.next()) else { return None };
        let length = u64::try_from(prefix.len()).ok()?;
        let is_closed = rest.as_ref().is_some_and(|(_, forbids)| *forbids);
        if prefix.is_empty() || prefix.len() > LONGEST || flat.has("uniqueItems") || min != Some(length) {
            return None;
        }
        if max != Some(length) && !is_closed {
            return None;
        }
        let items = prefix.iter().enumerate().map(|(at, location)| {
            let shape = self.lower(&Conjunction::of(location.clone()), &format!("item {}", at + 1));
            self.read_by_serde(shape)
        });
        Some(Shape::of(Type::Tuple(items.collect())))
    }

    /// A shape that serde's own reading takes exactly: one of text in place of types that have other spellings.
    pub(super) fn read_by_serde(&self, mut shape: Shape) -> Shape {
        let format = match shape.ty {
            Type::Uuid => "uuid",
            Type::List(item) => {
                shape.ty = Type::List(Box::new(self.read_by_serde(*item)));
                return shape;
            }
            Type::Map(item) => {
                shape.ty = Type::Map(Box::new(self.read_by_serde(*item)));
                return shape;
            }
            _ => return shape,
        };
        Shape { ty: Type::Text, checks: vec![Check::Format(format.to_owned())], ..shape }
    }

    /// Whether unequal Rust values are unequal JSON values. Equal ones may be too: the validator decides what a check
    /// refuses.
    fn has_equality(&self, item: &Shape) -> bool {
        // Chains of definitions are longer than stacks.
        let (mut open, mut seen) = (vec![item], HashSet::new());
        while let Some(shape) = open.pop() {
            match &shape.ty {
                Type::Any => return false,
                Type::List(item) | Type::Map(item) => open.push(item),
                Type::Tuple(items) => open.extend(items),
                Type::Named(id) | Type::Boxed(id) if seen.insert(*id) => match &self.definitions[*id].body {
                    Body::Open => return false,
                    Body::Enum(_) | Body::Text(_) => {}
                    Body::Wrapper(shape) => open.push(shape),
                    Body::Struct(body) => {
                        open.extend(body.fields.iter().map(|field| &field.shape));
                        if let Unknown::Kept(map) = &body.unknown {
                            open.push(map);
                        }
                    }
                    Body::Union(union) => open.extend(union.variants.iter().map(|variant| &variant.shape)),
                },
                _ => {}
            }
        }
        true
    }

    /// Whether the Rust type has an order to sort by.
    fn is_ordered(&self, item: &Shape) -> bool {
        let plain = match &item.ty {
            Type::Text | Type::Integer(_) | Type::Bool | Type::Uuid => true,
            Type::Named(id) => matches!(self.definitions[*id].body, Body::Text(_) | Body::Enum(_)),
            _ => false,
        };
        plain && !item.nullable
    }
}
