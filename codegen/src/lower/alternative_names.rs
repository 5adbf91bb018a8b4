//! What an alternative of a union is called that no schema names: after what tells it apart from the others, and never after its
//! position among them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::shape::Classes;
use crate::shape::identifiers::{hash, is_readable};

use super::branch::Branch;
use super::conjunction::Conjunction;
use super::context::Context;

/// A title of more words is a sentence.
const MOST_WORDS: usize = 5;

/// More values of a property are no name.
const MOST_VALUES: usize = 3;

impl<'a> Context<'a> {
    /// A title; else a property that only this alternative requires or has; else a property with its constant or constants; else the
    /// type of JSON, its own or that of a property; else the values that it lists, or the format that it has; else a number that is
    /// made of the schema.
    pub(super) fn hint<'b>(&self, branch: &Branch<'a>, others: impl Iterator<Item = &'b Branch<'a>>) -> String
    where
        'a: 'b,
    {
        let title = self.text(&branch.location, "title");
        if !title.is_empty() && title.split_whitespace().count() <= MOST_WORDS {
            return title.to_owned();
        }
        let others: Vec<&Branch<'_>> = others.collect();
        let required: BTreeSet<&str> = others.iter().flat_map(|other| other.flat.required()).collect();
        if let Some(name) = shortest(branch.flat.required().into_iter().filter(|name| !required.contains(name))) {
            return name.to_owned();
        }
        if let Some(name) = self.by_constants(branch, &others) {
            return name;
        }
        let declared: BTreeSet<&str> = others.iter().flat_map(|other| other.flat.property_names()).collect();
        if let Some(own) = shortest(branch.flat.property_names().filter(|name| !declared.contains(name))) {
            return own.to_owned();
        }
        let meets = |classes: Classes, other: Classes| !classes.and(other).is_empty();
        if let Some(class) = one_class(branch.flat.classes)
            && !others.iter().any(|other| meets(branch.flat.classes, other.flat.classes))
        {
            return class.to_owned();
        }
        self.by_type_of_a_property(branch, &others)
            .or_else(|| self.by_values(branch, &others))
            .or_else(|| by_format(branch, &others))
            .unwrap_or_else(|| self.by_content(branch))
    }

    /// Texts that it lists: the only one by itself, and several as the known ones among all that the others accept.
    fn by_values(&self, branch: &Branch<'a>, others: &[&Branch<'a>]) -> Option<String> {
        let texts = |branch: &Branch<'a>| {
            let values = self.values(&branch.flat)?;
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        };
        let own = texts(branch).filter(|own| !own.is_empty())?;
        let listed: Vec<Vec<String>> = others.iter().filter_map(|other| texts(other)).collect();
        match own.as_slice() {
            [only] if is_readable(only) => Some(only.clone()),
            _ if listed.is_empty() => Some("known".to_owned()),
            several if several.len() <= MOST_VALUES => {
                let shares = listed.iter().flatten().any(|text| several.contains(text));
                (!shares && several.iter().all(|text| is_readable(text))).then(|| joined(several))
            }
            _ => None,
        }
    }

    /// A property with the constants that it may be here, and in no other alternative: `card`, `type 1`, `on or off`.
    fn by_constants(&self, branch: &Branch<'a>, others: &[&Branch<'a>]) -> Option<String> {
        in_order(branch.flat.property_names()).into_iter().find_map(|name| {
            let values = self.constants_of(branch, name).filter(|values| (1..=MOST_VALUES).contains(&values.len()))?;
            let has_none = values.len() > 1;
            let shares = |other: &&Branch<'a>| match self.constants_of(other, name) {
                Some(others) => others.iter().any(|value| values.contains(value)),
                None => has_none,
            };
            if others.iter().any(shares) {
                return None;
            }
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            match (texts, values.as_slice()) {
                (Some(texts), _) => Some(joined(&texts)),
                (None, [value @ (Value::Number(_) | Value::Bool(_))]) => Some(format!("{name} {value}")),
                (None, several) if several.iter().all(Value::is_number) => {
                    let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
                    Some(format!("{name} {}", joined(&numbers)))
                }
                _ => None,
            }
        })
    }

    /// The values that a required property may have.
    fn constants_of(&self, branch: &Branch<'a>, property: &str) -> Option<Vec<Value>> {
        let name = branch.flat.required_name(property)?;
        let locations = branch.flat.property(name).locations;
        if locations.is_empty() {
            return None;
        }
        self.values(&self.flattened(&Conjunction::all(locations)))
    }

    /// A property that is of another type of JSON here than in all others: `amount string`.
    fn by_type_of_a_property(&self, branch: &Branch<'a>, others: &[&Branch<'a>]) -> Option<String> {
        let classes = |branch: &Branch<'a>, name: &str| {
            let property = branch.flat.properties().into_iter().find(|property| property.name == name)?;
            Some(self.flattened(&Conjunction::all(property.locations)).classes)
        };
        in_order(branch.flat.property_names()).into_iter().find_map(|name| {
            let own = classes(branch, name)?;
            let differs = |other: &&Branch<'a>| classes(other, name).is_some_and(|other| own.and(other).is_empty());
            let class = one_class(own).filter(|_| others.iter().all(differs))?;
            Some(format!("{name} {class}"))
        })
    }

    /// A number that is made of what the schema asks for. The rule `unreadable-name` finds it.
    fn by_content(&self, branch: &Branch<'a>) -> String {
        const SAYS_NOTHING: [&str; 4] = ["description", "examples", "default", "$comment"];
        match self.schema(&branch.location) {
            Value::Object(members) => {
                let said = members.iter().filter(|(keyword, _)| !SAYS_NOTHING.contains(&keyword.as_str()));
                unnamed(&said.map(|(keyword, value)| (keyword.clone(), value.clone())).collect())
            }
            schema => unnamed(schema),
        }
    }
}

/// The format that no other alternative has; else, where all others have one or list their values, that it is any other.
fn by_format(branch: &Branch<'_>, others: &[&Branch<'_>]) -> Option<String> {
    let format = |branch: &Branch<'_>| {
        let said = branch.flat.parts.iter().find_map(|part| part.get("format"));
        said.and_then(Value::as_str).map(str::to_owned)
    };
    let is_listed = |branch: &Branch<'_>| {
        branch.flat.parts.iter().any(|part| part.get("enum").is_some() || part.get("const").is_some())
    };
    match format(branch) {
        Some(own) if is_readable(&own) => {
            (!others.iter().any(|other| format(other).as_ref() == Some(&own))).then_some(own)
        }
        Some(_) => None,
        None => others.iter().all(|other| is_listed(other) || format(other).is_some()).then(|| "other".to_owned()),
    }
}

/// The name of an alternative that some values of a tag choose.
pub(super) fn of_tags(tags: &[String]) -> String {
    if tags.len() <= MOST_VALUES {
        return joined(tags);
    }
    tags.iter().min().map_or_else(String::new, |first| format!("{first} or others"))
}

/// Several values in one name, in an order of their own.
fn joined(values: &[impl AsRef<str>]) -> String {
    in_order(values.iter().map(AsRef::as_ref)).join(" or ")
}

/// The first of some names, wherever they stand.
fn shortest<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names.min_by_key(|name| (name.len(), *name))
}

/// Names in an order of their own, whatever the schema has: short ones first.
pub(super) fn in_order<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable_by_key(|name| (name.len(), *name));
    names
}

/// What stands in a name for a schema of which nothing says what it is.
pub(crate) fn unnamed(schema: &Value) -> String {
    format!("X{:08x}", hash(&schema.to_string()))
}

/// The name of the one type of JSON among some.
fn one_class(classes: Classes) -> Option<&'static str> {
    let mut each = classes.each();
    each.next().filter(|_| each.next().is_none()).map(Classes::type_name)
}
