//! Finds an event by name, or the nearest names when there is none.

use std::fmt;

use crate::filter::{captures, matches};
use crate::manifest::Stream;
use crate::model::{Catalogue, Event, Version, VersionPart};

/// Why `TYPE[@N]` names no event. Says which names are near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is wrong, lower case.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for Unknown {}

/// The version that `TYPE` or `TYPE@N` names: the newest without a number.
///
/// # Errors
/// No such event, or no such version of it.
pub fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<(&'a Event, &'a Version), Unknown> {
    match name.split_once('@') {
        Some((event_type, number)) => version(catalogue, event_type, number),
        None => {
            let event = event(catalogue, name)?;
            event.versions.last().map(|version| (event, version)).ok_or_else(|| no_version(event, ""))
        }
    }
}

/// The version of an event by the text of its number.
///
/// # Errors
/// No such event, or no such version of it.
pub fn version<'a>(
    catalogue: &'a Catalogue,
    event_type: &str,
    number: &str,
) -> Result<(&'a Event, &'a Version), Unknown> {
    let event = event(catalogue, event_type)?;
    let version = event.versions.iter().find(|version| version.number.to_string() == number);
    version.map(|version| (event, version)).ok_or_else(|| no_version(event, number))
}

/// The event or request whose messages are sent to a subject. One of its own says more than a wildcard that matches it.
pub fn of_subject<'a>(catalogue: &'a Catalogue, subject: &str) -> Option<&'a Event> {
    let subjects = |event: &Event| event.versions.iter().map(|version| version.subject(event)).collect::<Vec<_>>();
    // Documents are not sent.
    let mut sent = catalogue.events.iter().filter(|event| !event.kind.is_document());
    let own = sent.clone().find(|event| subjects(event).iter().any(|own| own == subject));
    own.or_else(|| sent.find(|event| subjects(event).iter().any(|own| matches(own, subject))))
}

/// The streams that capture the messages of an event, by name: one in a sound catalogue, none for what is not stored.
pub fn streams<'a>(catalogue: &'a Catalogue, event: &Event) -> Vec<(&'a str, &'a Stream)> {
    let is_caught = |stream: &Stream| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event));
    let streams =
        catalogue.manifest.streams.iter().filter(|(_, stream)| !event.kind.is_document() && is_caught(stream));
    streams.map(|(name, stream)| (name.get_ref().as_str(), stream)).collect()
}

/// The schema file of a part of the event or request that `TYPE` or `TYPE@N` names.
///
/// # Errors
/// No such event, or it has no such part.
pub fn part<'a>(
    catalogue: &'a Catalogue,
    name: &str,
    part: VersionPart,
) -> Result<(&'a Event, &'a Version, &'a str), Unknown> {
    let (event, version) = find(catalogue, name)?;
    let what = part.as_str();
    match version.part(part) {
        Some(file) => Ok((event, version, file)),
        None if !event.kind.is_request() => Err(Unknown {
            message: format!("{} is {}, which nobody replies to", event.event_type, event.kind.described()),
            help: "only commands and queries have replies and errors".to_owned(),
        }),
        None => Err(Unknown {
            message: format!("{} version {} has no {what}", event.event_type, version.number),
            help: format!("its schema file would be {}", version.file.replacen(".json", &format!(".{what}.json"), 1)),
        }),
    }
}

fn event<'a>(catalogue: &'a Catalogue, event_type: &str) -> Result<&'a Event, Unknown> {
    catalogue.event(event_type).ok_or_else(|| {
        let near = nearest(event_type, catalogue.events.iter().map(|event| event.event_type.as_str()));
        let help = did_you_mean(&near).unwrap_or_else(|| {
            "the types are the paths of the schema files below their kind, joined by dots".to_owned()
        });
        Unknown { message: format!("the catalogue has no event {event_type:?}"), help }
    })
}

fn no_version(event: &Event, number: &str) -> Unknown {
    let versions: Vec<String> = event.versions.iter().map(|version| version.number.to_string()).collect();
    Unknown {
        message: format!("{} has no version {number:?}", event.event_type),
        help: format!("it has {}", versions.join(", ")),
    }
}

/// Asks whether one of some names was meant; nothing without names.
pub(crate) fn did_you_mean(near: &[impl std::borrow::Borrow<str>]) -> Option<String> {
    if near.is_empty() { None } else { Some(format!("did you mean {}?", near.join(" or "))) }
}

/// The most characters that a name has for which others are looked for: to compare two takes the product of their lengths.
const LONGEST_MEANT: usize = 200;

/// The three names nearest to a given one, without those that are too different to be meant.
pub fn nearest<'a>(meant: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let length = meant.chars().count();
    if length > LONGEST_MEANT {
        return Vec::new();
    }
    let limit = length.div_ceil(3).max(2);
    let may_be_near = |name: &str| name.len() <= 4 * (length + limit) && name.chars().count().abs_diff(length) <= limit;
    let is_last = |name: &str| name.rsplit('.').next() == Some(meant);
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| match is_last(name) {
            true => Some((0, name)),
            false => may_be_near(name).then(|| (distance(meant, name), name)),
        })
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many characters must be added, removed or replaced (Levenshtein).
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_finds_its_name() {
        let names = ["rule.created", "rule.activated", "customer.imported"];

        assert_eq!(nearest("rule.creatd", names.into_iter()), ["rule.created"]);
        assert_eq!(nearest("imported", names.into_iter()), ["customer.imported"]);
        assert_eq!(nearest("zzz", names.into_iter()), Vec::<&str>::new());
        let long = "a".repeat(1_000_000);
        assert_eq!(nearest(&long, [long.as_str(), "a"].into_iter()), Vec::<&str>::new());
        assert_eq!(nearest("aaa", [long.as_str(), "aab"].into_iter()), ["aab"]);
    }

    #[test]
    fn the_distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
