//! Which alternative of a union was meant, and what is wrong with it.
//!
//! Below the generator and the runtime, so that both name the same cause; this crate has no promises of its own.
//!
//! A validator says of `oneOf` and `anyOf` that no alternative fits. What helps is the cause: in the alternative that a tag
//! chooses, else in the one that is nearest.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// What is wrong with a value, below all unions.
#[derive(Debug)]
pub enum Cause<'e, 'i> {
    /// One keyword is violated.
    Error(&'e ValidationError<'i>),
    /// No alternative allows what stands there, for reasons of the same kind.
    None {
        /// The error of the union.
        union: &'e ValidationError<'i>,
        /// What each of them asks for there.
        causes: Vec<&'e ValidationError<'static>>,
    },
}

/// The causes of a validator's error: of a union those of the alternative that was meant.
pub fn causes<'e, 'i>(error: &'e ValidationError<'i>) -> Vec<Cause<'e, 'i>>
where
    'static: 'i,
{
    let mut found = Vec::new();
    collect(error, &mut found);
    found
}

fn collect<'e, 'i>(error: &'e ValidationError<'i>, found: &mut Vec<Cause<'e, 'i>>)
where
    'static: 'i,
{
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else {
        found.push(Cause::Error(error));
        return;
    };
    let at = error.instance_path().as_str();
    let mut candidates: Vec<&Vec<ValidationError<'static>>> =
        context.iter().filter(|branch| !branch.is_empty()).collect();
    for place in tags(at, &candidates) {
        let misses = |branch: &[ValidationError<'static>]| value_at(branch, &place).is_some();
        if candidates.iter().all(|branch| misses(branch)) {
            let causes = candidates.iter().filter_map(|branch| value_at(branch, &place)).collect();
            found.push(Cause::None { union: error, causes });
            return;
        }
        candidates.retain(|branch| !misses(branch));
    }
    // Alternatives that ask for another kind of value were not meant, unless all of them do.
    let of_kind = |branch: &[ValidationError<'static>]| value_at(branch, at).is_some();
    if candidates.iter().all(|branch| of_kind(branch)) {
        let causes = candidates.iter().filter_map(|branch| value_at(branch, at)).collect();
        found.push(Cause::None { union: error, causes });
        return;
    }
    candidates.retain(|branch| !of_kind(branch));
    // Of several, the one with the fewest errors; of those, the one whose errors lie deepest.
    let distance = |branch: &&Vec<ValidationError<'static>>| {
        let depth = branch.iter().map(|error| error.instance_path().as_str().matches('/').count()).max();
        (branch.len(), usize::MAX - depth.unwrap_or_default())
    };
    if let Some(nearest) = candidates.into_iter().min_by_key(distance) {
        nearest.iter().for_each(|error| collect(error, found));
    }
}

/// The places directly below a value where some alternative asks for a certain value.
fn tags(at: &str, branches: &[&Vec<ValidationError<'static>>]) -> BTreeSet<String> {
    let errors = branches.iter().flat_map(|branch| branch.iter());
    let is_value = |error: &&ValidationError<'_>| matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. });
    let places = errors.filter(is_value).map(|error| error.instance_path().as_str());
    let is_member = |place: &&str| place.strip_prefix(at).is_some_and(|rest| rest.matches('/').count() == 1);
    places.filter(is_member).map(str::to_owned).collect()
}

/// The error of an alternative that asks for another value or type at a place.
fn value_at<'e>(branch: &'e [ValidationError<'static>], at: &str) -> Option<&'e ValidationError<'static>> {
    let is_value = |error: &&ValidationError<'_>| {
        matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. } | Kind::Type { .. })
    };
    branch.iter().filter(is_value).find(|error| error.instance_path().as_str() == at)
}

/// The values that some alternatives ask for, in words, if all of them name values: `one of "a", "b"`.
pub fn values(causes: &[&ValidationError<'static>]) -> Option<String> {
    let mut values: Vec<Value> = Vec::new();
    for cause in causes {
        let named = match cause.kind() {
            Kind::Constant { expected_value } => vec![expected_value.as_ref().clone()],
            Kind::Enum { options } => options.as_array()?.clone(),
            _ => return None,
        };
        named.into_iter().for_each(|value| {
            if !values.contains(&value) {
                values.push(value)
            }
        });
    }
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    Some(if texts.len() == 1 { texts.concat() } else { format!("one of {}", texts.join(", ")) })
}

/// What `oneOf` asks for where several of its alternatives fit, by the errors of each.
pub fn one_only(alternatives: &[Vec<ValidationError<'_>>]) -> String {
    let fits = |(index, errors): (usize, &Vec<_>)| errors.is_empty().then(|| format!("oneOf/{index}"));
    let fitting: Vec<String> = alternatives.iter().enumerate().filter_map(fits).collect();
    format!("a match of one alternative only, not of {}", fitting.join(" and "))
}

/// The alternative that a keyword stands in, innermost: `oneOf/1`.
///
/// ```
/// assert_eq!(eventsmith_unions::alternative("/anyOf/0/oneOf/1/maximum").as_deref(), Some("oneOf/1"));
/// assert_eq!(eventsmith_unions::alternative("/properties/oneOf/type"), None);
/// ```
pub fn alternative(schema: &str) -> Option<String> {
    let steps: Vec<&str> = schema.split('/').collect();
    let is_union =
        |pair: &&[&str]| matches!(pair[0], "oneOf" | "anyOf") && pair[1].bytes().all(|byte| byte.is_ascii_digit());
    steps.windows(2).rev().find(is_union).map(|pair| pair.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Where each cause stands, and in which alternative.
    fn places(schema: &Value, instance: &Value) -> Vec<(String, Option<String>)> {
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(instance).collect();
        let place = |cause: Cause<'_, '_>| match cause {
            Cause::Error(error) => {
                (error.instance_path().as_str().to_owned(), alternative(error.schema_path().as_str()))
            }
            Cause::None { causes, .. } => (causes[0].instance_path().as_str().to_owned(), values(&causes)),
        };
        errors.iter().flat_map(causes).map(place).collect()
    }

    #[test]
    fn a_tag_chooses_then_the_type_and_then_the_nearest() {
        let of = |kind: &str, most: u32| json!({"type": "object", "required": ["kind"], "properties": {"kind": {"const": kind}, "n": {"maximum": most}}});
        let tagged = json!({"oneOf": [of("a", 5), of("b", 10), {"type": "string"}]});
        let place = |at: &str, of: &str| vec![(at.to_owned(), Some(of.to_owned()))];

        assert_eq!(places(&tagged, &json!({"kind": "b", "n": 11})), place("/n", "oneOf/1"));
        assert_eq!(places(&tagged, &json!({"n": 1})), place("", "oneOf/0"));
        let all_tagged = json!({"oneOf": [of("a", 5), of("b", 10)]});
        assert_eq!(places(&all_tagged, &json!({"kind": "c"})), place("/kind", "one of \"a\", \"b\""));
    }

    #[test]
    fn what_stands_in_no_union_is_its_own_cause() {
        assert_eq!(places(&json!({"maximum": 1}), &json!(2)), [(String::new(), None)]);
    }
}
