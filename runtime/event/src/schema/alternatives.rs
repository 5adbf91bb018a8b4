//! Which alternative of a union was meant, and what is wrong with it.
//!
//! A validator says of `oneOf` and `anyOf` that no alternative fits. What helps is the cause: in the alternative that a tag
//! chooses, else in the one that is nearest.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// What is wrong with a value, below all unions.
pub(super) enum Cause<'e, 'i> {
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

/// The causes of an error, and in which alternatives they stand, outermost first.
pub(super) fn causes<'e, 'i>(error: &'e ValidationError<'i>, found: &mut Vec<Cause<'e, 'i>>)
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
        nearest.iter().for_each(|error| causes(error, found));
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

/// The values that some alternatives ask for, if all of them name values.
pub(super) fn values(causes: &[&ValidationError<'static>]) -> Option<Vec<Value>> {
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
    Some(values)
}

/// The alternative that a keyword stands in, innermost: `oneOf/1`.
pub(super) fn alternative(schema: &str) -> Option<String> {
    let steps: Vec<&str> = schema.split('/').collect();
    let is_union =
        |pair: &&[&str]| matches!(pair[0], "oneOf" | "anyOf") && pair[1].bytes().all(|byte| byte.is_ascii_digit());
    steps.windows(2).rev().find(is_union).map(|pair| pair.join("/"))
}
