//! What must hold between the properties of an object: `if`, `not`, alternatives of required properties, dependencies.
//!
//! A schema that speaks of declared properties only, and of them no more than comparisons and checks, becomes a rule
//! over the fields of the struct. Everything else is a gap.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::pointer::join;
use crate::references::Location;
use crate::shape::{Body, Check, Classes, Field, Rule, Shape, Struct, Type, Unknown};

use super::conjunction::{Conjunction, Flat, Part};
use super::context::Context;

/// How deep rules may lie in each other.
const DEEPEST: usize = 8;

impl Context<'_> {
    /// Adds the rules of an object to its struct; a gap for each that its fields cannot say.
    pub(super) fn add_rules(&mut self, flat: &Flat<'_>, body: &mut Struct) {
        let mut rules = Vec::new();
        let fields = Fields::of(&body.fields);
        for part in &flat.parts {
            for keyword in ["if", "not", "anyOf", "oneOf", "dependentRequired", "dependentSchemas", "dependencies"] {
                if part.get(keyword).is_none() {
                    continue;
                }
                self.budget.begin_rules();
                let rule = self.rule_of(part, keyword, &fields, 0).map(|rule| simplified(rule, &fields));
                match rule.filter(|rule| self.budget.has_room_for(rule)) {
                    Some(rule) => rules.push(rule),
                    None => self.gap(&part.location, keyword),
                }
            }
        }
        let (min, max) = self.sizes(flat, "minProperties", "maxProperties");
        // The tag is there without being a field.
        let left_out = u64::from(body.tag.is_some());
        let required = body.fields.iter().filter(|field| field.required).count();
        let required = u64::try_from(required).unwrap_or(u64::MAX).saturating_add(left_out);
        let declared = u64::try_from(body.fields.len()).unwrap_or(u64::MAX).saturating_add(left_out);
        let min = min.filter(|min| required < *min).map(|min| min - left_out);
        let max = max.filter(|max| body.unknown != Unknown::Forbidden || declared > *max);
        if max.is_some_and(|max| max < left_out) {
            if let Some((part, _)) = flat.every("maxProperties").next() {
                self.gap(&part.location, "maxProperties");
            }
        } else if min.is_some() || max.is_some() {
            // What the struct does not keep cannot be counted.
            self.keep_undeclared(flat, body);
            rules.push(Rule::Count { min, max: max.map(|max| max - left_out) });
        }
        body.rules.extend(rules.into_iter().filter(|rule| *rule != Rule::All(Vec::new())));
    }

    /// What one keyword of a schema says about an object.
    fn rule_of(&self, part: &Part<'_>, keyword: &str, fields: &Fields<'_>, depth: usize) -> Option<Rule> {
        let value = part.get(keyword)?;
        let at = |keyword: &str| part.location.below(&join("", keyword));
        let each = || -> Option<Vec<Rule>> {
            let all = 0..value.as_array()?.len();
            all.map(|index| self.rule(&part.below(keyword, &index.to_string()), fields, depth + 1)).collect()
        };
        Some(match keyword {
            "anyOf" => Rule::Any(each()?),
            "oneOf" => Rule::One(each()?),
            "not" => not(self.rule(&at("not"), fields, depth + 1)?),
            "if" => {
                let condition = self.rule(&at("if"), fields, depth + 1)?;
                let branch = |keyword: &str| match part.sibling(keyword) {
                    Some(_) => self.rule(&at(keyword), fields, depth + 1),
                    None => Some(Rule::All(Vec::new())),
                };
                let then = Rule::Any(vec![not(condition.clone()), branch("then")?]);
                Rule::All(vec![then, Rule::Any(vec![condition, branch("else")?])])
            }
            "required" => {
                let present = |name: &Value| {
                    let name = name.as_str()?;
                    fields.has(name).then(|| Rule::Present(name.to_owned()))
                };
                Rule::All(value.as_array()?.iter().map(present).collect::<Option<_>>()?)
            }
            "properties" => {
                let property = |name: &String| self.property_rule(&part.below(keyword, name), name, fields, depth);
                Rule::All(value.as_object()?.keys().map(property).collect::<Option<_>>()?)
            }
            "dependentRequired" | "dependentSchemas" | "dependencies" => {
                let dependency = |(name, needs): (&String, &Value)| {
                    if !fields.has(name) {
                        return None;
                    }
                    let needs = match needs {
                        Value::Array(names) => {
                            let declared = |name: &&str| fields.has(name);
                            let present = |name: &Value| {
                                name.as_str().filter(declared).map(|name| Rule::Present(name.to_owned()))
                            };
                            Rule::All(names.iter().map(present).collect::<Option<_>>()?)
                        }
                        _ => self.rule(&part.below(keyword, name), fields, depth + 1)?,
                    };
                    Some(Rule::Any(vec![not(Rule::Present(name.clone())), needs]))
                };
                Rule::All(value.as_object()?.iter().map(dependency).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// What a schema says about an object, as a rule over its fields.
    fn rule(&self, location: &Location, fields: &Fields<'_>, depth: usize) -> Option<Rule> {
        if depth > DEEPEST || !self.budget.adds_rule() {
            return None;
        }
        let flat = self.flattened(&Conjunction::of(location.clone()));
        if flat.never.is_some() || !flat.classes.has(Classes::OBJECT) {
            return Some(Rule::Any(Vec::new()));
        }
        if !flat.is_resolved() || !flat.closures().is_empty() {
            return None;
        }
        let mut rules = Vec::new();
        for part in &flat.parts {
            for (keyword, _) in part.keywords().filter(|(keyword, of)| *keyword != "type" && of.has(Classes::OBJECT)) {
                rules.push(self.rule_of(part, keyword, fields, depth)?);
            }
        }
        Some(Rule::All(rules))
    }

    /// What a schema says about one property, which may be absent.
    fn property_rule(&self, location: &Location, name: &str, fields: &Fields<'_>, depth: usize) -> Option<Rule> {
        let flat = self.flattened(&Conjunction::of(location.clone()));
        if flat.never.is_none() && flat.classes == Classes::ALL && flat.is_bare(Classes::ALL) && flat.is_resolved() {
            return Some(Rule::All(Vec::new()));
        }
        let field = fields.get(name)?;
        let absent = not(Rule::Present(name.to_owned()));
        if flat.never.is_some() {
            return Some(absent);
        }
        if !flat.is_resolved() || depth > DEEPEST {
            return None;
        }
        Some(Rule::Any(vec![absent, self.value_rule(&flat, field)?]))
    }

    /// What schemas say about the value of a field that is there.
    fn value_rule(&self, flat: &Flat<'_>, field: &Field) -> Option<Rule> {
        let property = field.property.clone();
        let null = Rule::Null(property.clone());
        if let Some(values) = self.values(flat) {
            if !flat.only_lists() || !values.iter().all(|value| !value.is_object() && !value.is_array()) {
                return None;
            }
            let mut rules = Vec::new();
            let mut equal = Vec::new();
            for value in values {
                match self.compare(&field.shape.ty, &value) {
                    _ if value.is_null() && field.shape.nullable => rules.push(null.clone()),
                    Comparison::Possible => equal.push(value),
                    Comparison::Never => {}
                    Comparison::Unknown => return None,
                }
            }
            if !equal.is_empty() {
                rules.push(Rule::Equals { property, values: equal });
            }
            return Some(Rule::Any(rules));
        }
        // The field is of one type of JSON, besides null; what is said about other types does not matter.
        let class = self.class_of(&field.shape)?;
        let of_class = if flat.classes.has(class) {
            let bare = flat.is_bare(class);
            let checks = if bare { Vec::new() } else { self.checks_of(flat, &field.shape, class)? };
            match checks.as_slice() {
                [] => Rule::All(Vec::new()),
                _ => Rule::Passes { property, checks },
            }
        } else if field.shape.nullable && flat.classes.has(Classes::NULL) {
            return Some(null);
        } else {
            Rule::Any(Vec::new())
        };
        if field.shape.nullable && !flat.classes.has(Classes::NULL) {
            return Some(Rule::All(vec![not(null), of_class]));
        }
        Some(of_class)
    }

    /// The checks that schemas ask for of a value of some type.
    fn checks_of(&self, flat: &Flat<'_>, shape: &Shape, class: Classes) -> Option<Vec<Check>> {
        let text = |ty: &Type| match ty {
            Type::Text => true,
            Type::Named(id) => matches!(self.definitions[*id].body, Body::Text(_)),
            _ => false,
        };
        if class != Classes::STRING || !text(&shape.ty) {
            return None;
        }
        let mut checks = Vec::new();
        for (keyword, value) in flat.parts.iter().flat_map(|part| {
            part.keywords()
                .filter(|(keyword, of)| *keyword != "type" && of.has(class))
                .map(|(keyword, _)| (keyword, part.get(keyword).unwrap_or(&Value::Null)))
        }) {
            let size = || super::integer_of(value).and_then(|size| u64::try_from(size).ok());
            checks.push(match keyword {
                "minLength" => Check::Length { min: Some(size()?), max: None },
                "maxLength" => Check::Length { min: None, max: Some(size()?) },
                "pattern" => Check::Pattern(value.as_str()?.to_owned()),
                _ => return None,
            });
        }
        Some(checks)
    }

    /// The one type of JSON that values of a shape have, besides null.
    fn class_of(&self, shape: &Shape) -> Option<Classes> {
        Some(match &shape.ty {
            Type::Text | Type::Uuid | Type::DateTime | Type::Date | Type::Bytes(_) => Classes::STRING,
            Type::Integer(_) => Classes::NUMBER,
            Type::Bool => Classes::BOOLEAN,
            Type::List(_) | Type::Tuple(_) => Classes::ARRAY,
            Type::Map(_) => Classes::OBJECT,
            Type::Null => Classes::NULL,
            Type::Number | Type::Any => return None,
            Type::Named(id) | Type::Boxed(id) => match &self.definitions[*id].body {
                Body::Struct(_) => Classes::OBJECT,
                Body::Enum(_) | Body::Text(_) => Classes::STRING,
                Body::Wrapper(shape) if !shape.nullable => return self.class_of(shape),
                _ => return None,
            },
        })
    }

    /// Whether a value of a type can be compared to a constant by `==`.
    fn compare(&self, ty: &Type, value: &Value) -> Comparison {
        use Comparison::{Never, Possible, Unknown};
        match (ty, value) {
            (Type::Bool, Value::Bool(_)) | (Type::Text, Value::String(_)) => Possible,
            (Type::Integer(integer), Value::Number(_)) => match super::integer_of(value) {
                Some(value) if (integer.bounds().0..=integer.bounds().1).contains(&value) => Possible,
                Some(_) => Never,
                None => Unknown,
            },
            (Type::Bool | Type::Text | Type::Integer(_), _) => Never,
            (Type::Named(id), _) => match (&self.definitions[*id].body, value) {
                (Body::Enum(variants), Value::String(text)) => {
                    if variants.iter().any(|variant| &variant.value == text) { Possible } else { Never }
                }
                (Body::Text(_), Value::String(_)) => Possible,
                (Body::Enum(_) | Body::Text(_), _) => Never,
                _ => Unknown,
            },
            _ => Unknown,
        }
    }
}

/// The fields of a struct by their properties.
pub(super) struct Fields<'b>(HashMap<&'b str, &'b Field>);

impl<'b> Fields<'b> {
    fn of(fields: &'b [Field]) -> Self {
        Self(fields.iter().map(|field| (field.property.as_str(), field)).collect())
    }

    fn get(&self, property: &str) -> Option<&'b Field> {
        self.0.get(property).copied()
    }

    fn has(&self, property: &str) -> bool {
        self.0.contains_key(property)
    }
}

/// Whether a constant can be a value of a type.
enum Comparison {
    Possible,
    Never,
    Unknown,
}

fn not(rule: Rule) -> Rule {
    match rule {
        Rule::Not(inner) => *inner,
        rule => Rule::Not(Box::new(rule)),
    }
}

/// A rule without parts that always or never hold. `All` and `Any` of nothing are what is left of such rules.
pub(super) fn simplified(rule: Rule, fields: &Fields<'_>) -> Rule {
    let always = Rule::All(Vec::new());
    let never = Rule::Any(Vec::new());
    let each = |rules: Vec<Rule>| rules.into_iter().map(|rule| simplified(rule, fields)).collect::<Vec<_>>();
    match rule {
        Rule::Present(name) if fields.get(&name).is_some_and(|field| field.required) => always,
        Rule::All(rules) => {
            let mut flat = Vec::new();
            let mut seen = HashSet::new();
            for rule in each(rules) {
                match rule {
                    Rule::All(rules) => {
                        seen.extend(rules.iter().map(|rule| format!("{rule:?}")));
                        flat.extend(rules);
                    }
                    rule if rule == never => return never,
                    rule if !seen.insert(format!("{rule:?}")) => {}
                    rule => flat.push(rule),
                }
            }
            one_or(flat, Rule::All)
        }
        Rule::Any(rules) => {
            let mut flat = Vec::new();
            let mut seen = HashSet::new();
            for rule in each(rules) {
                match rule {
                    Rule::Any(rules) => {
                        seen.extend(rules.iter().map(|rule| format!("{rule:?}")));
                        flat.extend(rules);
                    }
                    rule if rule == always => return always,
                    rule if !seen.insert(format!("{rule:?}")) => {}
                    rule => flat.push(rule),
                }
            }
            one_or(flat, Rule::Any)
        }
        Rule::One(rules) => {
            let rules: Vec<Rule> = each(rules).into_iter().filter(|rule| *rule != never).collect();
            match rules.as_slice() {
                [] => never,
                [_] => one_or(rules, Rule::One),
                _ if rules.iter().filter(|rule| **rule == always).count() > 1 => never,
                _ => Rule::One(rules),
            }
        }
        Rule::Not(rule) => match simplified(*rule, fields) {
            Rule::All(rules) => simplified(Rule::Any(rules.into_iter().map(not).collect()), fields),
            Rule::Any(rules) => simplified(Rule::All(rules.into_iter().map(not).collect()), fields),
            rule => not(rule),
        },
        rule => rule,
    }
}

fn one_or(mut rules: Vec<Rule>, many: fn(Vec<Rule>) -> Rule) -> Rule {
    match (rules.len(), rules.pop()) {
        (1, Some(rule)) => rule,
        (_, Some(last)) => {
            rules.push(last);
            many(rules)
        }
        (_, None) => many(rules),
    }
}
