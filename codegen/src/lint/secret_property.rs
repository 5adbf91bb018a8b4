//! Secrets and card numbers stay out of events.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::name_style::words;
use crate::pointer::join;
use crate::rule::{Family, Rule};
use crate::shape::Classes;

pub(crate) const RULE: Rule = Rule {
    id: "secret-property",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "Events are stored, copied to every consumer and kept in backups. A password, a token or a card number among them \
              cannot be taken back. Send a reference to the secret, its last four digits, or a hash.",
    bad: r#"{"type": "object", "properties": {"card_number": {"type": "string", "maxLength": 19}}}"#,
    good: r#"{"type": "object", "properties": {"last_four": {"type": "string", "pattern": "^[0-9]{4}$"}}}"#,
};

/// Words at the end of a name that mean a secret. What comes after them speaks about the secret: `token_type`.
const SECRETS: &[&[&str]] = &[
    &["access", "key"],
    &["api", "key"],
    &["apikey"],
    &["card", "number"],
    &["cardnumber"],
    &["credential"],
    &["credentials"],
    &["cvc"],
    &["cvc", "2"],
    &["cvc2"],
    &["cvv"],
    &["cvv", "2"],
    &["cvv2"],
    &["encryption", "key"],
    &["iban"],
    &["pan"],
    &["passphrase"],
    &["passwd"],
    &["password"],
    &["passwords"],
    &["private", "key"],
    &["pwd"],
    &["secret"],
    &["secret", "key"],
    &["secrets"],
    &["security", "code"],
    &["signing", "key"],
    &["social", "security", "number"],
    &["ssn"],
    &["token"],
];

/// Words before `token` that make it a place in a list.
const HARMLESS_TOKENS: &[&str] = &["continuation", "cursor", "next", "page", "paging", "sync"];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    if spot.is_partial() {
        return;
    }
    let Some(Value::Object(properties)) = spot.get("properties") else { return };
    for (name, schema) in properties {
        let says_whether = schema.get("type").and_then(Value::as_str).map(Classes::named) == Some(Classes::BOOLEAN);
        if schema != &Value::Bool(false) && !says_whether && is_secret(name) {
            let at = join(&spot.below("properties"), name);
            let message = format!("the property {name:?} looks like a secret, and events are kept and copied");
            let help =
                "send a reference, the last four digits or a hash instead; if it is none, say so in x-lint-allow";
            report.at(spot.file.document, &at, message, help);
        }
    }
}

fn is_secret(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_harmless = matches!(words.as_slice(), [.., before, "token"] if HARMLESS_TOKENS.contains(before));
    !is_harmless && SECRETS.iter().any(|secret| words.ends_with(secret))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn a_name_that_ends_in_a_secret_is_one() {
        for name in
            ["password", "accessToken", "api_key", "stripeApiKey", "card_number", "cvv", "CVV2", "pan", "user_ssn"]
        {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_only_holds_the_letters_is_none() {
        let names = [
            "token_type",
            "company",
            "tokens_used",
            "page_token",
            "secretary",
            "expand",
            "password_changed_at",
            "last_four",
        ];
        for name in names {
            assert!(!is_secret(name), "{name}");
        }
    }
}
