//! What is told of an import, and names that its parts share.

use std::collections::BTreeSet;

use super::source::Place;

/// The draft that AsyncAPI reads schemas by.
pub(super) const DRAFT: &str = "http://json-schema.org/draft-07/schema#";
/// The file of definitions that several schemas refer to.
pub(super) const SHARED: &str = "common.json";
/// The most notes that are kept.
const MOST_NOTES: usize = 1_000;

/// Something that the catalogue says less exactly than the document, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportNote {
    /// Where it stands: a file and a JSON pointer, `api.yaml#/channels/x`.
    pub place: String,
    /// What became of it, as the end of a sentence that begins with the place.
    pub message: String,
}

/// Collects notes, each once.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) BTreeSet<ImportNote>);

impl Notes {
    pub(super) fn add(&mut self, place: &Place, message: &str) {
        self.say(place.to_string(), message);
    }

    pub(super) fn say(&mut self, place: String, message: &str) {
        if self.0.len() < MOST_NOTES {
            self.0.insert(ImportNote { place, message: message.to_owned() });
        }
    }
}
