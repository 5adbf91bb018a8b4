//! What `contentEncoding` and `contentMediaType` assert in drafts 6 and 7. schemars writes the newest draft, in which they assert
//! nothing: a struct that says them of a field means what the file says by them.

use jsonschema::paths::Location;
use jsonschema::{Draft, Keyword, ValidationError, ValidationOptions, Validator};
use serde_json::{Map, Value};

const ENCODING: &str = "contentEncoding";
const MEDIA_TYPE: &str = "contentMediaType";

/// Whether validators look into texts of a schema, by its draft and by what it says.
pub(super) fn is_asserted(schema: &Value) -> bool {
    fn is_said(schema: &Value) -> bool {
        match schema {
            Value::Object(members) => {
                members.contains_key(ENCODING) || members.contains_key(MEDIA_TYPE) || members.values().any(is_said)
            }
            Value::Array(items) => items.iter().any(is_said),
            _ => false,
        }
    }
    let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    ["draft-06", "draft-07"].iter().any(|asserting| draft.contains(asserting)) && is_said(schema)
}

/// A validator's options with these keywords as draft 7 has them.
pub(super) fn asserted(options: ValidationOptions<'static>) -> ValidationOptions<'static> {
    options
        .with_keyword(ENCODING, |parent, _, _: Location| Ok(Content::of(parent)))
        .with_keyword(MEDIA_TYPE, |parent, _, _: Location| Ok(Content::of(parent)))
}

/// Looks into a text.
struct Content {
    /// What draft 7 says of the keywords; none that cannot be compiled, which asserts nothing.
    validator: Option<Validator>,
    expected: String,
}

impl Content {
    /// One keyword decides what the other means, so both look for both.
    fn of(parent: &Map<String, Value>) -> Box<dyn for<'i> Keyword<'i>> {
        let said = |keyword: &str| Some((keyword.to_owned(), parent.get(keyword)?.clone()));
        let schema: Map<String, Value> = [ENCODING, MEDIA_TYPE].into_iter().filter_map(said).collect();
        let words: Vec<String> = schema.values().map(Value::to_string).collect();
        let expected = format!("a text encoded as {}", words.join(", "));
        let validator = jsonschema::options().with_draft(Draft::Draft7).offline().build(&Value::Object(schema)).ok();
        Box::new(Self { validator, expected })
    }
}

impl<'i> Keyword<'i> for Content {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if Keyword::is_valid(self, instance) { Ok(()) } else { Err(ValidationError::custom(self.expected.clone())) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.validator.as_ref().is_none_or(|validator| validator.is_valid(instance))
    }
}
