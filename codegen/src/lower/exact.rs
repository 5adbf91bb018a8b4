//! Numbers of schemas that serde_json rounds.

use eventsmith_exact::Decimal;
use eventsmith_exact::schema::{self as exact, is_rounded};
use serde_json::{Map, Number, Value};

use crate::bundle::files_from;
use crate::load::Loaded;
use crate::pointer::join;
use crate::references::Location;
use crate::shape::Gap;

use super::conjunction::Part;

/// Every keyword with such a number in a file and the files that it refers to. Generated code compares with what
/// serde_json made of it, so that the validator has to decide.
pub(super) fn rounded(loaded: &Loaded, file: &str) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for file in files_from(loaded, file) {
        if let Some(document) = loaded.catalogue.documents.get(&file) {
            find(&document.schema, &mut String::new(), &mut |pointer, members| {
                let Some(Value::Object(exact)) = members.get(exact::EXACT) else { return };
                let asserting = exact.keys().filter(|keyword| !["examples", "default"].contains(&keyword.as_str()));
                let location = Location { file: file.clone(), pointer: pointer.to_owned() };
                let rounded = asserting.filter(|keyword| is_rounded(members, keyword));
                gaps.extend(rounded.map(|keyword| Gap { location: location.clone(), keyword: keyword.clone() }));
            });
        }
    }
    gaps
}

/// Calls `visit` with every object of a schema and its pointer, which is written where it stands: there may be millions of values.
fn find(schema: &Value, at: &mut String, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    if let Value::Object(members) = schema {
        visit(at, members);
    }
    let length = at.len();
    let mut below = |step: &str, inner: &Value| {
        if inner.is_object() || inner.is_array() {
            at.push_str(step);
            find(inner, at, visit);
            at.truncate(length);
        }
    };
    match schema {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(&format!("/{index}"), item));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| below(&join("", name), member));
        }
        _ => {}
    }
}

impl Part<'_> {
    /// What a keyword says that is a number.
    pub(super) fn decimal(&self, keyword: &str) -> Option<Decimal> {
        self.get(keyword)?;
        exact::decimal(self.members, keyword)
    }

    /// Whether the values that it lists are not those that serde_json has.
    pub(super) fn lists_rounded(&self) -> bool {
        ["const", "enum"].into_iter().any(|keyword| self.get(keyword).is_some() && is_rounded(self.members, keyword))
    }
}

/// The value of a number without a fraction.
pub(super) fn integer(number: &Number) -> Option<i128> {
    Decimal::parse(&number.to_string())?.to_i128()
}
