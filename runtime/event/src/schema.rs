//! Payloads against their schemas. The one module that names `jsonschema`.
//!
//! The fast path never comes here: serde and generated checks accept in one pass. Whatever they do not accept goes to the
//! validator, which decides and names every violation.

mod mask;
mod room;
mod text;
mod violations;

use std::borrow::Cow;
use std::sync::OnceLock;

use eventsmith_exact::{Node, Tape, TapeValidator, has_wide, numerals};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::de::{Strict, keeping_digits, parse, seen, spells_whole_as_fraction};
use crate::invalid::{Invalid, Omitted, Violation};
use crate::subject::{SubjectToken, fill_subject};

pub use text::{Format, Pattern};
pub use violations::violations;

/// The longest payload that is read, 64 MiB; a longer one is refused before it is parsed. nats-server carries none either
/// unless it is configured to: `max_payload` may not exceed `max_pending`, which is 64 MiB by default
/// (<https://docs.nats.io/reference/config/max_payload>).
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024 * 1024;

/// How many violations an error names. That is more than a dead letter shows: its header holds 1,000 characters, and few
/// violations take less than 30.
pub const MAX_VIOLATIONS: usize = 32;

/// A payload of more values than this is not searched for every violation. The validator holds all that it finds, at some
/// hundreds of bytes each, and below `anyOf` and `oneOf` copies of the values as well, level by level.
const MAX_SEARCHED: usize = 4_096;

/// The schema of a payload, compiled into a validator when it is needed for the first time.
#[derive(Debug)]
pub struct Schema {
    event_type: &'static str,
    version: u32,
    text: &'static str,
    compiled: OnceLock<Result<Compiled, String>>,
}

/// What a search for violations is likely to find, which decides what is tried first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The type refused the payload: the search is made at once.
    Violations,
    /// Whether there are any is asked first, which takes less than a search.
    Nothing,
}

#[derive(Debug)]
struct Compiled {
    validator: TapeValidator,
    names: mask::Names,
}

impl Schema {
    /// A schema by its text; type and version are for messages.
    pub const fn new(event_type: &'static str, version: u32, text: &'static str) -> Self {
        Self { event_type, version, text, compiled: OnceLock::new() }
    }

    /// The type and the version that messages name.
    pub const fn name(&self) -> (&'static str, u32) {
        (self.event_type, self.version)
    }

    /// Decodes a payload whose type and `check` together accept nothing that the schema forbids.
    ///
    /// # Errors
    /// [`Invalid`] names the violations.
    pub fn decode<T: DeserializeOwned + Serialize>(&self, data: &[u8], check: fn(&T) -> bool) -> Result<T, Invalid> {
        if let Some(value) = read(data)
            && check(&value)
        {
            return Ok(value);
        }
        self.decode_by_validator(data, Expected::Violations)
    }

    /// Decodes a payload of draft 4, in which `1.0` is no integer though the types take it for one.
    ///
    /// # Errors
    /// [`Invalid`] names the violations.
    pub fn decode_draft_4<T: DeserializeOwned + Serialize>(
        &self,
        data: &[u8],
        check: fn(&T) -> bool,
    ) -> Result<T, Invalid> {
        if spells_whole_as_fraction(data) { self.decode_interpreted(data) } else { self.decode(data, check) }
    }

    /// Decodes a payload with the validator, for types that do not say all that the schema says.
    ///
    /// # Errors
    /// [`Invalid`] names the violations.
    pub fn decode_interpreted<T: DeserializeOwned + Serialize>(&self, data: &[u8]) -> Result<T, Invalid> {
        self.decode_by_validator(data, Expected::Nothing)
    }

    #[cold]
    fn decode_by_validator<T: DeserializeOwned + Serialize>(
        &self,
        data: &[u8],
        expected: Expected,
    ) -> Result<T, Invalid> {
        let mut tape = Tape::default();
        let (text, node) = self.tape(&mut tape, data)?;
        self.check(node, expected)?;
        if node.has_wide() {
            return self.decode_wide(text, node);
        }
        if expected == Expected::Nothing
            && let Some(value) = read(data)
        {
            return Ok(value);
        }
        let value = self.parse(data)?;
        // Types of the user's own may hold enums that are objects in JSON, which only serde's own reading takes.
        T::deserialize(Strict(&value)).or_else(|_| T::deserialize(&value)).map_err(|error| {
            // The text has the place that the value does not have.
            let found = refused::<T>(text).and_then(|place| room::unfit(text, &value, place));
            found.map_or_else(|| self.unfit(&value, &error), |violation| self.invalid(violation))
        })
    }

    /// Decodes a valid payload with numbers that serde_json rounds. What the type does not keep of them is a violation.
    fn decode_wide<T: DeserializeOwned + Serialize>(&self, text: &str, node: Node<'_>) -> Result<T, Invalid> {
        let digits = numerals::whole_in_digits(text);
        let read = keeping_digits(|| {
            T::deserialize(Strict(&mut serde_json::Deserializer::from_str(&digits)))
                .or_else(|_| T::deserialize(&mut serde_json::Deserializer::from_str(&digits)))
        });
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                let value = self.parse(text.as_bytes())?;
                let violation = room::unfit(&digits, &value, (error.line(), error.column()));
                return Err(violation.map_or_else(|| self.unfit(&value, &error), |violation| self.invalid(violation)));
            }
        };
        let written = serde_json::to_string(&read).unwrap_or_default();
        match room::rounded(node, Tape::default().read(&written)) {
            Some(violation) => Err(self.invalid(violation)),
            None => Ok(read),
        }
    }

    fn unfit(&self, value: &Value, error: &serde_json::Error) -> Invalid {
        let found = format!("{} ({error})", violations::describe(value));
        self.unreadable("a value that the Rust type can hold", Some(found))
    }

    /// Validates a typed value with the checks of its type.
    ///
    /// # Errors
    /// [`Invalid`] names the violations.
    pub fn validate<T: Serialize>(&self, value: &T, check: fn(&T) -> bool) -> Result<(), Invalid> {
        if check(value) { Ok(()) } else { self.validate_interpreted(value) }
    }

    /// Validates a typed value with the validator.
    ///
    /// # Errors
    /// [`Invalid`] names the violations.
    pub fn validate_interpreted<T: Serialize>(&self, value: &T) -> Result<(), Invalid> {
        let unwritten =
            |error: serde_json::Error| self.unreadable("a value that can be written as JSON", Some(error.to_string()));
        let text = serde_json::to_string(value).map_err(unwritten)?;
        let mut tape = Tape::default();
        self.check(self.tape(&mut tape, text.as_bytes())?.1, Expected::Nothing)
    }

    /// Fills the subject template of an event.
    ///
    /// # Errors
    /// [`Invalid`] names the property whose value is not one legal subject token, or makes the subject too long.
    pub fn subject<const N: usize>(&self, tokens: [SubjectToken; N]) -> Result<Cow<'static, str>, Invalid> {
        fill_subject(tokens).map(Cow::Owned).map_err(|error| {
            self.invalid(Violation {
                instance: format!("/{}", error.property.replace('~', "~0").replace('/', "~1")),
                schema: "/x-event/subject".to_owned(),
                expected: error.expected().to_owned(),
                found: error.value,
            })
        })
    }

    /// Reads a payload onto a tape.
    fn tape<'t, 'a: 't>(&self, tape: &'t mut Tape<'a>, data: &'a [u8]) -> Result<(&'a str, Node<'t>), Invalid> {
        let text = str::from_utf8(data).ok().filter(|_| data.len() <= MAX_PAYLOAD_BYTES);
        text.and_then(|text| Some((text, tape.read(text)?)))
            // The tape does not say why.
            .ok_or_else(|| self.parse(data).err().unwrap_or_else(|| self.unreadable("JSON", None)))
    }

    #[inline(never)]
    fn parse(&self, data: &[u8]) -> Result<Value, Invalid> {
        if data.len() > MAX_PAYLOAD_BYTES {
            let expected = format!("at most {MAX_PAYLOAD_BYTES} bytes");
            return Err(self.unreadable(&expected, Some(format!("{} bytes", data.len()))));
        }
        parse(data).map_err(|error| {
            let expected = if error.contains("number out of range") { "numbers up to 1.8e308" } else { "JSON" };
            self.unreadable(expected, Some(error))
        })
    }

    fn check(&self, node: Node<'_>, expected: Expected) -> Result<(), Invalid> {
        let compiled = self.compiled.get_or_init(|| {
            let schema = eventsmith_exact::schema::read(self.text).map_err(|error| error.to_string())?;
            Ok(Compiled { validator: TapeValidator::new(&schema)?, names: mask::Names::of(&schema) })
        });
        let Compiled { validator, names } = match compiled {
            Ok(compiled) => compiled,
            Err(error) => return Err(self.unreadable(&format!("a schema that compiles ({error})"), None)),
        };
        if expected == Expected::Nothing && validator.accepts(node) {
            return Ok(());
        }
        let is_small = !node.is_larger(MAX_SEARCHED) && validator.is_searchable(node);
        if !is_small && expected == Expected::Violations && validator.accepts(node) {
            return Ok(());
        }
        let (mut violations, mut masks) = (Vec::new(), Vec::new());
        let has_wide = node.has_wide();
        let mut name = |error: &jsonschema::ValidationError<'_>| {
            for mut violation in violations::violations(error) {
                let wide = has_wide.then(|| node.at(&violation.instance)?.wide()).flatten();
                violation.found = wide.map(str::to_owned).or(violation.found);
                masks.extend(names.mask(&violation.instance, node).map(|place| (violations.len(), place)));
                violations.push(violation);
            }
        };
        let omitted = if is_small {
            let mut errors = validator.errors(node).into_iter().flatten().peekable();
            if errors.peek().is_none() && validator.accepts(node) {
                return Ok(());
            }
            errors.by_ref().take(MAX_VIOLATIONS).for_each(|error| name(&error));
            // One error of a union may be several violations.
            let more = violations.len().saturating_sub(MAX_VIOLATIONS);
            violations.truncate(MAX_VIOLATIONS);
            masks.retain(|(index, _)| *index < MAX_VIOLATIONS);
            Omitted::Counted(errors.count() + more)
        } else if validator.has_alternatives() {
            let expected = "agreement with its schema".to_owned();
            let found = Some(match node.is_larger(MAX_SEARCHED) {
                true => format!("more than {MAX_SEARCHED} values, too many to name what is wrong with them"),
                false => "too many ways through its schema to name what is wrong".to_owned(),
            });
            violations.push(Violation { instance: String::new(), schema: String::new(), expected, found });
            Omitted::Counted(0)
        } else {
            validator.first_error(node).iter().for_each(name);
            Omitted::Unknown
        };
        Err(Invalid::new(self.event_type, self.version, violations).with_masks(masks).with_omitted(omitted))
    }

    /// An error about the payload as a whole.
    fn unreadable(&self, expected: &str, found: Option<String>) -> Invalid {
        let (instance, schema) = (String::new(), String::new());
        self.invalid(Violation { instance, schema, expected: expected.to_owned(), found })
    }

    fn invalid(&self, violation: Violation) -> Invalid {
        Invalid::new(self.event_type, self.version, vec![violation])
    }
}

/// Where a type stops reading a text, as line and column.
fn refused<T: DeserializeOwned>(text: &str) -> Option<(usize, usize)> {
    let error = T::deserialize(Strict(&mut serde_json::Deserializer::from_str(text))).err()?;
    Some((error.line(), error.column()))
}

/// Reads a payload in one pass.
#[inline]
fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    if data.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    // Checked as a whole, the encoding of strings is not checked again one by one.
    let text = str::from_utf8(data).ok()?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let (value, lost) = seen(|| T::deserialize(Strict(&mut deserializer)));
    deserializer.end().ok()?;
    let value = value.ok()?;
    if lost.alternatives || lost.digits && has_wide(text) { None } else { Some(value) }
}

/// How every payload is validated: formats are asserted, and nothing is fetched.
#[must_use]
pub fn options() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options().should_validate_formats(true).offline()
}
