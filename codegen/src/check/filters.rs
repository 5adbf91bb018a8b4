//! Subject filters that meet buckets, and those that were meant by filters that match nothing.

use crate::filter::{captures, overlap};
use crate::lookup::distance;
use crate::model::Catalogue;

use super::replies;

/// The token below the root of all subjects under which sagas lie.
pub(super) const SAGAS: &str = "saga";

/// The wildcard of the subjects below which a bucket keeps its documents.
pub(super) fn subjects_of_bucket(name: &str) -> String {
    format!("$KV.{name}.>")
}

/// Whether a subject filter matches subjects of a bucket, be it one of documents or one of answers.
pub(super) fn meets_bucket(catalogue: &Catalogue, filter: &str) -> bool {
    let meets = |name: &str| overlap(filter, &subjects_of_bucket(name));
    catalogue.manifest.buckets.keys().any(|name| meets(name.get_ref()))
        || replies::buckets(catalogue).any(|(name, _)| meets(&name))
}

/// The filters nearest to one that matches no event, each of which matches some: without the slip of the keyboard, or below the
/// root of the catalogue. At most three.
pub(super) fn meant_filters(catalogue: &Catalogue, filter: &str) -> Vec<String> {
    let below_root = format!("{}.{filter}", catalogue.manifest.root.get_ref());
    let published = || catalogue.events.iter().filter(|event| !event.kind.is_document());
    if published().any(|event| captures(&below_root, event)) {
        return vec![below_root];
    }
    let subjects = published().flat_map(|event| event.versions.iter().map(|version| version.subject(event)));
    let mut near: Vec<(usize, String)> = subjects.filter_map(|subject| corrected(filter, &subject)).collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, filter)| filter).collect()
}

/// The filter with the tokens of a subject in place of those that are spelled nearly like them, and how many letters differ;
/// `None` where another subject was meant.
fn corrected(filter: &str, subject: &str) -> Option<(usize, String)> {
    let mut subject = subject.split('.');
    let (mut corrected, mut difference) = (Vec::new(), 0);
    for token in filter.split('.') {
        let meant = subject.next()?;
        if token == ">" {
            corrected.push(token);
            return Some((difference, corrected.join(".")));
        }
        let apart = if token == "*" { 0 } else { distance(token, meant) };
        let length = token.chars().count();
        if apart > length.div_ceil(3) || apart >= length && apart > 0 {
            return None;
        }
        corrected.push(if token == "*" { token } else { meant });
        difference += apart;
    }
    subject.next().is_none().then(|| (difference, corrected.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_token_is_corrected_by_the_subject_that_was_meant() {
        let subject = "rules.domain.rule.created";

        assert_eq!(corrected("rules.domian.>", subject), Some((2, "rules.domain.>".to_owned())));
        assert_eq!(corrected("rule.*.rule.creatd", subject), Some((2, "rules.*.rule.created".to_owned())));
        assert_eq!(corrected("rules.integration.>", subject), None);
        assert_eq!(corrected("rules.domian", subject), None);
    }
}
