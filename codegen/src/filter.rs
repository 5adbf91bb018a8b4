//! Subject filters, as servers have them.

use crate::model::Event;

/// Whether a subject filter matches the subject of some version of an event.
pub(crate) fn captures(filter: &str, event: &Event) -> bool {
    event.versions.iter().any(|version| matches(filter, &version.subject(event)))
}

/// Whether a subject filter matches a subject, as the server has it.
pub(crate) fn matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    let mut filter = filter.split('.').peekable();
    while let Some(token) = filter.next() {
        match (token, subject.next()) {
            (">", Some(_)) => return filter.peek().is_none(),
            ("*", Some(_)) => {}
            (literal, Some(token)) if literal == token => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// Whether some subject matches both filters.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some("*"), Some(_)) | (Some(_), Some("*")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_as_the_server_matches() {
        assert!(matches("rules.>", "rules.domain.rule"));
        assert!(matches("rules.*.rule", "rules.domain.rule"));
        assert!(!matches("rules.domain.rule.>", "rules.domain.rule"));
        assert!(!matches("rules.*", "rules.domain.rule"));
    }

    #[test]
    fn filters_overlap_where_one_subject_matches_both() {
        assert!(overlap("$KV.RULES.>", "$KV.*.a"));
        assert!(overlap(">", "$KV.RULES.>"));
        assert!(overlap("rules.domain", "rules.*"));
        assert!(!overlap("$KV.RULES", "$KV.RULES.>"));
        assert!(!overlap("$KV.RULES.>", "$KV.CHECKOUT.>"));
    }
}
