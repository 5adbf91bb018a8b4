//! How much one payload may come to.
//!
//! Schemas that hold together multiply: each pair of alternatives, each refinement of a shared definition is a type of its own. What
//! is written must stay in proportion to what was read, so that a small file cannot make a program that nobody can compile.

use std::cell::Cell;

use crate::shape::{Body, Check, Definition, Rule, Shape, Type, Unknown};

/// Text that every payload may have, in bytes: as much as the types of 128 alternatives take.
const TEXT: usize = 128 << 10;

/// Text for each byte of the files that a payload is described by.
const TEXT_PER_BYTE: usize = 8;

/// Schemas that may be looked at for every payload.
const WORK: usize = 50_000;

/// Schemas that one keyword may be made a rule of.
const RULES: usize = 4096;

/// What is left for the payload at hand.
#[derive(Default)]
pub(super) struct Budget {
    text: Cell<usize>,
    work: Cell<usize>,
    rules: Cell<usize>,
}

impl Budget {
    /// Begins anew, for a payload that is described by files of so many bytes.
    pub(super) fn begin(&self, bytes: usize) {
        self.text.set(TEXT + TEXT_PER_BYTE * bytes);
        self.work.set(WORK + bytes);
    }

    /// Whether nothing is left: from then on the honest wider type and the validator take over.
    pub(super) fn is_spent(&self) -> bool {
        self.text.get() == 0 || self.work.get() == 0
    }

    /// Notes that some schemas were looked at.
    pub(super) fn look(&self, schemas: usize) {
        self.work.set(self.work.get().saturating_sub(schemas));
    }

    /// Begins with the rules of a keyword.
    pub(super) fn begin_rules(&self) {
        self.rules.set(RULES);
    }

    /// Notes a rule; whether it is still one that is worth writing.
    pub(super) fn adds_rule(&self) -> bool {
        self.rules.set(self.rules.get().saturating_sub(1));
        self.rules.get() > 0
    }

    /// Whether a rule can be written.
    pub(super) fn has_room_for(&self, rule: &Rule) -> bool {
        of_rule(rule) <= self.text.get()
    }

    /// Notes that a definition will be written.
    pub(super) fn write(&self, definition: &Definition) {
        self.text.set(self.text.get().saturating_sub(definition.doc.len() + of_body(&definition.body)));
    }
}

/// What anything takes that has a line of its own, besides its names.
const LINE: usize = 48;

/// What a type takes with all that is implemented for it.
const TYPE: usize = 400;

/// What a field takes with its attributes, its check and its setter.
const FIELD: usize = 140;

fn of_body(body: &Body) -> usize {
    TYPE + match body {
        Body::Open => 0,
        Body::Struct(body) => {
            let fields = body.fields.iter().map(|field| {
                let default = field.default.as_ref().map_or(0, |default| default.to_string().len());
                FIELD + 3 * field.property.len() + field.doc.len() + default + of_shape(&field.shape)
            });
            let unknown = match &body.unknown {
                Unknown::Kept(shape) => of_shape(shape),
                Unknown::Ignored | Unknown::Forbidden => 0,
            };
            fields.sum::<usize>() + unknown + body.rules.iter().map(of_rule).sum::<usize>()
        }
        Body::Enum(variants) => variants.iter().map(|variant| LINE + 2 * variant.value.len() + variant.doc.len()).sum(),
        Body::Union(union) => {
            let variants = union.variants.iter().map(|variant| {
                let tags: usize = variant.tags.iter().map(String::len).sum();
                LINE + variant.name.len() + variant.doc.len() + tags + of_shape(&variant.shape)
            });
            variants.sum()
        }
        Body::Text(checks) => of_checks(checks),
        Body::Wrapper(shape) => of_shape(shape),
    }
}

fn of_shape(shape: &Shape) -> usize {
    let inner = match &shape.ty {
        Type::List(item) | Type::Map(item) => of_shape(item),
        Type::Tuple(items) => items.iter().map(of_shape).sum(),
        _ => 0,
    };
    inner + of_checks(&shape.checks)
}

fn of_checks(checks: &[Check]) -> usize {
    let of_check = |check: &Check| match check {
        Check::Pattern(text) | Check::Format(text) => text.len(),
        Check::OneOf(values) => 8 * values.len(),
        Check::Constants(values) => values.iter().map(|value| value.to_string().len()).sum(),
        Check::Any(lists) | Check::One(lists) => lists.iter().map(|list| of_checks(list)).sum(),
        Check::Names(checks) => of_checks(checks),
        _ => 0,
    };
    checks.iter().map(|check| LINE + of_check(check)).sum()
}

/// How much of a program a rule takes.
fn of_rule(rule: &Rule) -> usize {
    LINE + match rule {
        Rule::All(rules) | Rule::Any(rules) | Rule::One(rules) => rules.iter().map(of_rule).sum(),
        Rule::Not(rule) => of_rule(rule),
        Rule::Equals { property, values } => {
            property.len() + values.iter().map(|value| value.to_string().len()).sum::<usize>()
        }
        Rule::Passes { property, checks } => property.len() + of_checks(checks),
        Rule::Present(property) | Rule::Null(property) => property.len(),
        Rule::Count { .. } => 0,
    }
}
