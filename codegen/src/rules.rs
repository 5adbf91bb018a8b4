//! The rules behind all findings: what each is for, with an example of what it finds and of what it wants.
//!
//! An example is the schema of `domain/rule/created.v1.json`; where it takes other files, each begins with a line
//! `--- PATH`.

mod evolution;
mod loading;
pub mod pages;
mod payload;

use crate::diagnostic::Severity;
use crate::lint;
use crate::lookup;

/// One rule. Its id stands in every finding and names its page in the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The stable id, `bad-json`.
    pub id: &'static str,
    /// Who looks for it.
    pub family: Family,
    /// How bad its findings are, unless `eventsmith.toml` says otherwise.
    pub severity: Severity,
    /// What it looks for and why, in a sentence or two.
    pub purpose: &'static str,
    /// An example that it finds.
    pub bad: &'static str,
    /// The same example as it should be.
    pub good: &'static str,
}

/// Who looks for what a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Whatever reads a catalogue, build scripts included.
    Loading,
    /// `eventsmith lint`.
    Lint,
    /// `eventsmith breaking`.
    Evolution,
    /// `eventsmith validate`.
    Payload,
}

impl Rule {
    /// Whether `eventsmith.toml` and `x-lint-allow` may switch it off. What makes a catalogue unusable stays.
    pub fn is_optional(&self) -> bool {
        match self.family {
            Family::Lint => !lint::IRREVOCABLE.contains(&self.id),
            Family::Loading => self.severity < Severity::Error,
            Family::Evolution | Family::Payload => false,
        }
    }
}

/// Every rule, sorted by id.
pub const RULES: &[Rule] = &[
    payload::BAD_ENVELOPE,
    loading::BAD_JSON,
    loading::BAD_MANIFEST,
    payload::BAD_PAYLOAD,
    loading::BAD_REFERENCE,
    loading::BAD_SCHEMA,
    lint::switches::BAD_SWITCH,
    loading::BAD_TOKEN,
    loading::BAD_X_EVENT,
    evolution::BREAKING_CHANGE,
    lint::catastrophic_pattern::RULE,
    evolution::CHANGED_KEY,
    evolution::CHANGED_REPLY,
    evolution::CHANGED_STREAM,
    evolution::CHANGED_SUBJECT,
    loading::DUPLICATE_VERSION,
    lint::file_naming::RULE,
    loading::FOREIGN_DIALECT,
    lint::idle_keyword::RULE,
    loading::INTERNAL,
    lint::invalid_default::RULE,
    lint::invalid_example::RULE,
    lint::misplaced_keyword::RULE,
    lint::missing_description::RULE,
    lint::missing_examples::RULE,
    lint::missing_title::RULE,
    lint::misspelt_keyword::RULE,
    lint::no_consumer::RULE,
    lint::no_handler::RULE,
    loading::NO_MANIFEST,
    lint::no_publisher::RULE,
    loading::NO_STREAM,
    loading::NO_VERSION,
    lint::other_draft_keyword::RULE,
    lint::property_naming::RULE,
    evolution::REMOVED_EVENT,
    evolution::REMOVED_VERSION,
    loading::RESERVED_NAME,
    lint::secret_property::RULE,
    loading::STORED_REQUEST,
    loading::STRAY_REPLY,
    loading::TEMPLATE_OVER_OPTIONAL,
    loading::TWO_STREAMS,
    lint::type_naming::RULE,
    lint::unanchored_pattern::RULE,
    lint::unbounded_array::RULE,
    lint::unbounded_string::RULE,
    evolution::UNDECIDED_CHANGE,
    lint::undeclared_required::RULE,
    lint::undescribed_property::RULE,
    loading::UNKNOWN_EVENT,
    lint::unknown_format::RULE,
    lint::unknown_keyword::RULE,
    loading::UNKNOWN_SUBJECT,
    loading::UNREADABLE,
    lint::unsatisfiable::RULE,
    lint::unsatisfiable_branch::RULE,
    evolution::UNSOUND_PREVIOUS,
    lint::switches::UNUSED_ALLOW,
    lint::version_gap::RULE,
    lint::wide_integer::RULE,
    loading::WRONG_ROLE,
];

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The ids nearest to one that was meant.
pub fn nearest(id: &str) -> Vec<&'static str> {
    lookup::nearest(id, RULES.iter().map(|rule| rule.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_sorted_and_none_stands_there_twice() {
        assert!(RULES.is_sorted_by(|one, next| one.id < next.id));
    }

    #[test]
    fn a_slip_of_the_keyboard_finds_its_rule() {
        assert_eq!(nearest("unbounded-strings").first(), Some(&"unbounded-string"));
    }
}
