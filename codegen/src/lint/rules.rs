//! The table of all rules, each with its purpose, an example that it finds and the corrected example.
//!
//! An example is the schema of `domain/rule/created.v1.json`; where it takes other files, each begins with a line
//! `--- PATH`.

use crate::diagnostic::Severity;
use crate::lint::{
    catastrophic_pattern, file_naming, forgetful_aggregate, forgetful_saga, idle_keyword, invalid_default,
    invalid_example, misplaced_keyword, missing_description, missing_examples, missing_reply, missing_title,
    misspelt_keyword, no_consumer, no_dead_letters, no_handler, no_key, no_publisher, openapi_keyword,
    other_draft_keyword, property_naming, repeated_title, secret_property, two_handlers, type_naming,
    unanchored_pattern, unbounded_array, unbounded_string, undeclared_required, undescribed_property, unknown_format,
    unknown_keyword, unreadable_name, unreadable_reply, unsatisfiable, unsatisfiable_branch, version_gap, wide_integer,
};
use crate::lookup;
use crate::rule::{evolution, loading, payload, switch};

pub use crate::rule::{Family, Rule};

/// Rules of the family of lint that nothing switches off: they are about the switches.
const IRREVOCABLE: &[&str] = &[switch::BAD_SWITCH.id];

impl Rule {
    /// Whether `eventsmith.toml` and `x-lint-allow` may switch it off. What makes a catalogue unusable stays.
    pub fn is_optional(&self) -> bool {
        match self.family {
            Family::Lint => !IRREVOCABLE.contains(&self.id),
            Family::Loading => self.severity < Severity::Error,
            Family::Evolution | Family::Payload => false,
        }
    }
}

/// Every rule, sorted by id.
pub const RULES: &[Rule] = &[
    loading::BAD_AGGREGATE,
    payload::BAD_ENVELOPE,
    loading::BAD_JSON,
    loading::BAD_LINK,
    loading::BAD_MANIFEST,
    loading::BAD_PATTERN,
    payload::BAD_PAYLOAD,
    loading::BAD_REFERENCE,
    loading::BAD_SAGA,
    loading::BAD_SCHEMA,
    switch::BAD_SWITCH,
    loading::BAD_TOKEN,
    loading::BAD_X_EVENT,
    loading::BAD_X_REQUEST,
    evolution::BREAKING_CHANGE,
    catastrophic_pattern::RULE,
    evolution::CHANGED_AGGREGATE,
    evolution::CHANGED_BUCKET,
    evolution::CHANGED_IDEMPOTENCE,
    evolution::CHANGED_KEY,
    evolution::CHANGED_REPLY,
    evolution::CHANGED_STREAM,
    evolution::CHANGED_SUBJECT,
    loading::COSTLY_SCHEMA,
    loading::DUPLICATE_VERSION,
    loading::ENDLESS_REFERENCE,
    file_naming::RULE,
    loading::FOREIGN_DIALECT,
    loading::FOREIGN_PATTERN,
    forgetful_aggregate::RULE,
    forgetful_saga::RULE,
    idle_keyword::RULE,
    loading::INTERNAL,
    invalid_default::RULE,
    invalid_example::RULE,
    misplaced_keyword::RULE,
    missing_description::RULE,
    missing_examples::RULE,
    missing_reply::RULE,
    missing_title::RULE,
    misspelt_keyword::RULE,
    loading::NO_BUCKET,
    no_consumer::RULE,
    no_dead_letters::RULE,
    no_handler::RULE,
    no_key::RULE,
    loading::NO_MANIFEST,
    no_publisher::RULE,
    loading::NO_STREAM,
    loading::NO_VERSION,
    openapi_keyword::RULE,
    other_draft_keyword::RULE,
    property_naming::RULE,
    evolution::REMOVED_ERROR,
    evolution::REMOVED_EVENT,
    evolution::REMOVED_VERSION,
    evolution::RENAMED_IN_RUST,
    loading::REPEATED_KEY,
    repeated_title::RULE,
    loading::RESERVED_NAME,
    loading::SAME_NAME,
    secret_property::RULE,
    loading::STORED_REQUEST,
    loading::STRAY_ERROR,
    loading::STRAY_FILE,
    loading::STRAY_REPLY,
    loading::STREAM_OVER_BUCKET,
    loading::TEMPLATE_OVER_OPTIONAL,
    loading::TWO_BUCKETS,
    two_handlers::RULE,
    loading::TWO_STREAMS,
    type_naming::RULE,
    unanchored_pattern::RULE,
    unbounded_array::RULE,
    unbounded_string::RULE,
    evolution::UNDECIDED_CHANGE,
    undeclared_required::RULE,
    undescribed_property::RULE,
    loading::UNKNOWN_EVENT,
    unknown_format::RULE,
    unknown_keyword::RULE,
    loading::UNKNOWN_STATE,
    loading::UNKNOWN_SUBJECT,
    loading::UNREADABLE,
    unreadable_name::RULE,
    unreadable_reply::RULE,
    unsatisfiable::RULE,
    unsatisfiable_branch::RULE,
    evolution::UNSOUND_PREVIOUS,
    switch::UNUSED_ALLOW,
    version_gap::RULE,
    wide_integer::RULE,
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
