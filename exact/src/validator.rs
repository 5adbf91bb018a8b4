//! A validator of what is read onto a tape.
//!
//! The validator of `jsonschema` is generic over the representation of JSON, and whoever names it with one compiles all of it
//! again. Here it is compiled once: what is public is not generic.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use jsonschema::error::ErrorIterator;
use jsonschema::{Retrieve, ValidationError, ValidationOptions, Validator};
use serde_json::Value;

use crate::effort::{MOST_SEARCHED, has_alternatives, is_searchable, multiplies};
use crate::keywords::{are_needed, with_exact_keywords};
use crate::meta::with_meta_schemas;
use crate::tape::Item;
use crate::{Node, OnTape};

/// A validator of values on a [`Tape`](crate::Tape). It asserts formats, fetches nothing, and judges numbers by their digits.
///
/// ```
/// use eventsmith_exact::{Tape, TapeValidator};
/// use serde_json::json;
///
/// let validator = TapeValidator::new(&json!({"required": ["a"]})).unwrap();
/// let mut tape = Tape::default();
/// assert!(!validator.accepts(tape.read("{}").unwrap()));
/// assert!(validator.accepts(tape.read(r#"{"a": 1}"#).unwrap()));
/// ```
#[derive(Debug)]
pub struct TapeValidator {
    schema: Value,
    has_alternatives: bool,
    /// Whether it may hold one value against several schemas.
    multiplies: bool,
    /// The validator's own keywords; none where some of them would round a number of the schema.
    own: Option<Validator<OnTape>>,
    /// Those that compare decimals, for values with wide numbers.
    exact: OnceLock<Option<Validator<OnTape>>>,
}

impl TapeValidator {
    /// Compiles a self-contained schema.
    ///
    /// # Errors
    /// What about it cannot be compiled.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let own = options_for(schema).build(schema).map_err(|error| error.to_string())?;
        let own = Some(own).filter(|_| !are_needed(schema));
        let (has_alternatives, multiplies) = (has_alternatives(schema), multiplies(schema));
        Ok(Self { schema: schema.clone(), has_alternatives, multiplies, own, exact: OnceLock::new() })
    }

    /// Whether a value is valid.
    pub fn accepts(&self, node: Node<'_>) -> bool {
        self.of(node).is_some_and(|validator| validator.is_valid(node))
    }

    /// Whether a string is valid, which is not copied.
    pub fn accepts_text(&self, text: &str) -> bool {
        let item = [Item::String(Cow::Borrowed(text))];
        self.accepts(Node::root(&item))
    }

    /// Whether everything that is wrong with a value can be named in a second and some hundred megabytes. Where several schemas
    /// of one value refer to themselves it may not be; whether the value is valid can be said all the same.
    pub fn is_searchable(&self, node: Node<'_>) -> bool {
        !self.multiplies || is_searchable(&self.schema, &self.schema, node, MOST_SEARCHED)
    }

    /// Whether the schema may hold `anyOf` or `oneOf`; a property of such a name counts, too.
    pub fn has_alternatives(&self) -> bool {
        self.has_alternatives
    }

    /// Every way in which a value violates the schema.
    pub fn errors<'i>(&'i self, node: Node<'i>) -> Option<ErrorIterator<'i>> {
        Some(self.of(node)?.iter_errors(node))
    }

    /// The first way in which a value violates the schema.
    pub fn first_error<'i>(&'i self, node: Node<'i>) -> Option<ValidationError<'i>> {
        self.of(node)?.validate(node).err()
    }

    /// The validator for a value.
    fn of(&self, node: Node<'_>) -> Option<&Validator<OnTape>> {
        match &self.own {
            Some(own) if !node.has_wide() => Some(own),
            _ => self
                .exact
                .get_or_init(|| with_exact_keywords(options_for(&self.schema)).build(&self.schema).ok())
                .as_ref(),
        }
    }
}

fn options_for<'a>(schema: &Value) -> ValidationOptions<'a, Arc<dyn Retrieve>, OnTape> {
    with_meta_schemas(jsonschema::options_for::<OnTape>().should_validate_formats(true).offline(), schema)
}
