//! Assertions about single texts: `pattern` and `format`, as the validator makes them, without a copy of the text.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use jsonschema::{Draft, JsonType};
use serde_json::{Number, Value};

/// A regular expression in the dialect of JSON Schema (ECMA-262), compiled when it is needed for the first time.
#[derive(Debug)]
pub struct Pattern(Assertion);

impl Pattern {
    /// A pattern by its text.
    pub const fn new(pattern: &'static str) -> Self {
        Self(Assertion::new("pattern", pattern, Draft::Draft202012))
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
        Self { native, assertion: Assertion::new("format", format, Draft::Draft202012) }
    }

    /// A format by its name, as drafts 4 and 6 mean it: their `hostname` knows no internationalised names.
    pub const fn draft_6(format: &'static str) -> Self {
        Self { native: None, assertion: Assertion::new("format", format, Draft::Draft6) }
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
    draft: Draft,
    validator: OnceLock<Option<jsonschema::Validator<Texts>>>,
}

impl Assertion {
    const fn new(keyword: &'static str, value: &'static str, draft: Draft) -> Self {
        Self { keyword, value, draft, validator: OnceLock::new() }
    }

    fn holds(&self, text: &str) -> bool {
        let validator = self.validator.get_or_init(|| {
            let schema = serde_json::json!({ self.keyword: self.value });
            let options = jsonschema::options_for::<Texts>().with_draft(self.draft);
            options.should_validate_formats(true).offline().build(&schema).ok()
        });
        validator.as_ref().is_some_and(|validator| validator.is_valid(Text(text)))
    }
}

/// JSON that is nothing but a string, borrowed.
#[derive(Debug)]
struct Texts;

#[derive(Debug, Clone, Copy)]
struct Text<'a>(&'a str);

/// What a text is not. No value of this type exists.
struct Never(Infallible);

impl Json for Texts {
    type Node<'a> = Text<'a>;
    type PreparedKey = ();
    type StringBuffer = ();
    const ACYCLIC: bool = true;

    fn prepare_key(_: &str) {}

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Text<'_>) -> T) -> T {
        f(Text(string))
    }
}

impl<'a> Node<'a, Texts> for Text<'a> {
    type Object = Never;
    type Array = Never;
    type Number = Never;

    fn as_object(&self) -> Option<Never> {
        None
    }

    fn as_array(&self) -> Option<Never> {
        None
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(self.0))
    }

    fn as_number(&self) -> Option<Never> {
        None
    }

    fn as_boolean(&self) -> Option<bool> {
        None
    }

    fn is_null(&self) -> bool {
        false
    }

    fn json_type(&self) -> JsonType {
        JsonType::String
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::String(self.0.to_owned()))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        None
    }
}

impl<'a> Object<'a, Texts> for Never {
    type Node = Text<'a>;
    type MemberName = &'a str;
    type MembersIter = std::iter::Empty<(&'a str, Text<'a>)>;

    fn len(&self) -> usize {
        match self.0 {}
    }

    fn get(&self, (): &()) -> Option<Text<'a>> {
        match self.0 {}
    }

    fn members(&self) -> Self::MembersIter {
        match self.0 {}
    }
}

impl<'a> Array<'a, Texts> for Never {
    type Node = Text<'a>;
    type ElementsIter = std::iter::Empty<Text<'a>>;

    fn len(&self) -> usize {
        match self.0 {}
    }

    fn elements(&self) -> Self::ElementsIter {
        match self.0 {}
    }
}

impl JsonNumber for Never {
    fn as_u64(&self) -> Option<u64> {
        match self.0 {}
    }

    fn as_i64(&self) -> Option<i64> {
        match self.0 {}
    }

    fn as_f64(&self) -> Option<f64> {
        match self.0 {}
    }

    fn as_str(&self) -> Cow<'_, str> {
        match self.0 {}
    }

    fn to_number(&self) -> Cow<'_, Number> {
        match self.0 {}
    }
}
