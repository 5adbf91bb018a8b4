//! Numbers of schemas that serde_json rounds.

use eventsmith_exact::Decimal;
use eventsmith_exact::schema::{self as exact, is_rounded};
use serde_json::{Number, Value};

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
            find(&document.schema, &Location::root(&file), &mut gaps);
        }
    }
    gaps
}

fn find(schema: &Value, location: &Location, gaps: &mut Vec<Gap>) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find(item, &location.below(&format!("/{index}")), gaps);
            }
        }
        Value::Object(members) => {
            if let Some(Value::Object(exact)) = members.get(exact::EXACT) {
                let asserting = exact.keys().filter(|keyword| !["examples", "default"].contains(&keyword.as_str()));
                let rounded = asserting.filter(|keyword| is_rounded(members, keyword));
                gaps.extend(rounded.map(|keyword| Gap { location: location.clone(), keyword: keyword.clone() }));
            }
            for (name, member) in members {
                find(member, &location.below(&join("", name)), gaps);
            }
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
