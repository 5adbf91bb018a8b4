//! Assertions about single texts: `pattern` and `format`, as the validator makes them, without a copy of the text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use eventsmith_exact::TapeValidator;

const DRAFT_2020_12: &str = "https://json-schema.org/draft/2020-12/schema";
const DRAFT_6: &str = "http://json-schema.org/draft-06/schema#";

/// A regular expression in the dialect of JSON Schema (ECMA-262), compiled when it is needed for the first time.
#[derive(Debug)]
pub struct Pattern(Assertion);

impl Pattern {
    /// A pattern by its text.
    pub const fn new(pattern: &'static str) -> Self {
        Self(Assertion::new("pattern", pattern, DRAFT_2020_12))
    }

    /// Whether some part of a text matches; a pattern that does not compile matches nothing.
    pub fn is_match(&self, text: impl AsRef<str>) -> bool {
        self.0.holds(text.as_ref())
    }
}

/// A format of JSON Schema, compiled when it is needed for the first time.
#[derive(Debug)]
pub struct Format {
    /// A check of our own that says what the validator says.
    native: Option<fn(&str) -> bool>,
    assertion: Assertion,
}

impl Format {
    /// A format by its name, as draft 2020-12 means it. Formats that nobody knows assert nothing.
    pub const fn new(format: &'static str) -> Self {
        let native: Option<fn(&str) -> bool> = match format.as_bytes() {
            b"ipv4" => Some(|text| text.parse::<Ipv4Addr>().is_ok()),
            b"ipv6" => Some(|text| text.parse::<Ipv6Addr>().is_ok()),
            _ => None,
        };
        Self { native, assertion: Assertion::new("format", format, DRAFT_2020_12) }
    }

    /// A format by its name, as drafts 4 and 6 mean it: their `hostname` knows no internationalised names.
    pub const fn draft_6(format: &'static str) -> Self {
        Self { native: None, assertion: Assertion::new("format", format, DRAFT_6) }
    }

    /// Whether a text has the format.
    pub fn is_match(&self, text: impl AsRef<str>) -> bool {
        match self.native {
            Some(is_match) => is_match(text.as_ref()),
            None => self.assertion.holds(text.as_ref()),
        }
    }
}

/// One keyword about texts.
#[derive(Debug)]
struct Assertion {
    keyword: &'static str,
    value: &'static str,
    draft: &'static str,
    validator: OnceLock<Option<TapeValidator>>,
}

impl Assertion {
    const fn new(keyword: &'static str, value: &'static str, draft: &'static str) -> Self {
        Self { keyword, value, draft, validator: OnceLock::new() }
    }

    fn holds(&self, text: &str) -> bool {
        let validator = self.validator.get_or_init(|| {
            TapeValidator::new(&serde_json::json!({"$schema": self.draft, self.keyword: self.value})).ok()
        });
        validator.as_ref().is_some_and(|validator| validator.accepts_text(text))
    }
}
