//! Whether a struct and a schema file accept the same payloads: what the test of `#[domain_event]` asserts.
//!
//! Both sides are schemas, the struct's being what schemars derives. That each contains the other is proven, or else
//! refuted by a payload that the validator accepts by one and rejects by the other. Where neither succeeds, the
//! payloads that were tried are all there is: the examples of the file, payloads made up from either schema, and
//! every small change of them that a keyword of either schema suggests.
//!
//! Two things that schemars does not say are put in first. serde takes null and absence for the same `None`, but
//! `decode` asks the validator before serde: what counts is what the struct writes. And an integer type of up to 32
//! bits ends where it ends.

mod advice;
mod content;
mod keywords;
mod payloads;
mod reading;
mod round_trip;
mod side;

use std::fmt::Write;

use eventsmith_event::event::{Event, Reply, Request, State};
use eventsmith_event::schema::{Schema, options, violations};
use jsonschema::Validator;
use jsonschema::canonical::{CanonicalSchema, Containment, options as canonical_options};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use advice::advice;

pub use side::Side;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Agreement {
    /// Each side provably accepts all that the other accepts.
    Proven,
    /// No proof, but no payload either that only one side accepts.
    Unrefuted {
        /// How many payloads were tried.
        tried: usize,
    },
    /// Payloads that only one side accepts.
    Refuted(Vec<Witness>),
    /// Provably different, though no payload was found that shows it.
    Different {
        /// The side that accepts more.
        accepted_by: Side,
        /// Keywords that only one of the two schemas has.
        keywords: Vec<String>,
    },
}

/// A payload that one side accepts and the other rejects.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The payload.
    pub payload: Value,
    /// Who accepts it.
    pub accepted_by: Side,
    /// Why the other side rejects it.
    pub reason: String,
    /// How the two can be made to agree.
    pub advice: String,
}

/// How many disagreements are reported at once.
const MOST_WITNESSES: usize = 5;

/// Asserts that a struct and the schema of its event accept the same payloads. `read` and `written` are the schemas
/// that schemars derives for reading and for writing the struct.
///
/// It passes when that is proven. Where it can be neither proven nor refuted it passes too, and says on stderr how
/// many payloads were tried. The struct must also read, by serde, every payload that was tried and that the schema accepts, and
/// write it as the schema has it: a null that it takes for absence is lost.
///
/// # Panics
/// When they do not, with payloads that show it and what to change.
pub fn assert_agrees<E: Event + DeserializeOwned>(read: &Value, written: &Value) {
    let decode = |data: &[u8]| E::decode(E::VERSION, data).map_err(|error| error.to_string());
    assert_bound_agrees(&Binding { schema: E::payload_schema(), text: E::SCHEMA, decode }, read, written);
}

/// [`assert_agrees`] for a struct that is a command or query.
///
/// # Panics
/// When they do not agree.
pub fn assert_request_agrees<R: Request + DeserializeOwned>(read: &Value, written: &Value) {
    let decode = |data: &[u8]| R::decode(R::VERSION, data).map_err(|error| error.to_string());
    assert_bound_agrees(&Binding { schema: R::payload_schema(), text: R::SCHEMA, decode }, read, written);
}

/// [`assert_agrees`] for a struct that is the reply to a request, or its refusal.
///
/// # Panics
/// When they do not agree.
pub fn assert_reply_agrees<R: Reply + DeserializeOwned>(read: &Value, written: &Value) {
    let decode = |data: &[u8]| R::decode(data).map_err(|error| error.to_string());
    assert_bound_agrees(&Binding { schema: R::payload_schema(), text: R::SCHEMA, decode }, read, written);
}

/// [`assert_agrees`] for a struct that is a document of a bucket.
///
/// # Panics
/// When they do not agree.
pub fn assert_state_agrees<S: State + DeserializeOwned>(read: &Value, written: &Value) {
    let decode = |data: &[u8]| S::decode(S::VERSION, data).map_err(|error| error.to_string());
    assert_bound_agrees(&Binding { schema: S::payload_schema(), text: S::SCHEMA, decode }, read, written);
}

/// A struct that is bound to a schema.
struct Binding<T> {
    schema: &'static Schema,
    text: &'static str,
    /// Reads a payload, if the schema accepts it.
    decode: fn(&[u8]) -> Result<T, String>,
}

#[expect(clippy::panic, reason = "an assertion for tests")]
fn assert_bound_agrees<T: Serialize + DeserializeOwned>(binding: &Binding<T>, read: &Value, written: &Value) {
    let (event_type, version) = binding.schema.name();
    let schema = match serde_json::from_str(binding.text) {
        Ok(schema) => schema,
        Err(error) => panic!("the schema of {event_type} is not JSON: {error}"),
    };
    let problem = match compare(&schema, read, written) {
        Ok(agreement @ (Agreement::Proven | Agreement::Unrefuted { .. })) => {
            // Schemas only say what schemars was told: what serde does, payloads show.
            let Some(problem) = round_trip::problem(binding.decode, &schema, (read, written)) else {
                if let Agreement::Unrefuted { tried } = agreement {
                    eprintln!(
                        "no proof that the two accept the same payloads; they agree about all {tried} that were tried"
                    );
                }
                return;
            };
            problem
        }
        Ok(Agreement::Refuted(witnesses)) => listed(&witnesses),
        Ok(Agreement::Different { accepted_by, keywords }) => undecided(accepted_by, &keywords),
        Err(error) => error,
    };
    let name = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
    panic!("`{name}` does not agree with the schema of {event_type} version {version}\n\n{problem}\n");
}

fn listed(witnesses: &[Witness]) -> String {
    let mut text = String::new();
    for (index, witness) in witnesses.iter().enumerate() {
        let Witness { payload, accepted_by, reason, advice } = witness;
        let (accepts, rejects) = (accepted_by.name(), accepted_by.other().name());
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "{}. accepted by {accepts}, rejected by {rejects}:\n   {payload}\n   {reason}\n   to agree: {advice}\n",
            index + 1
        );
    }
    text
}

/// What to say where no payload shows the difference.
fn undecided(accepted_by: Side, keywords: &[String]) -> String {
    let (accepts, rejects) = (accepted_by.name(), accepted_by.other().name());
    let place = match keywords {
        [] => "compare what schemars derives with the file, property by property".to_owned(),
        keywords => format!("only one of them says {}", keywords.join(", ")),
    };
    format!(
        "{accepts} accepts payloads that {rejects} rejects, though none was found that shows it; {place}\n   to agree: say the same in \
         the struct, by its types or by #[schemars(extend(..))] on the field\n"
    )
}

/// Compares the schema of an event with the schemas that schemars derives for reading and for writing a struct.
///
/// # Errors
/// When one of the schemas cannot be compiled.
pub fn compare(schema: &Value, read: &Value, written: &Value) -> Result<Agreement, String> {
    let read = reading::adjusted(schema, read, written);
    // What one draft asserts and another does not, no proof knows of.
    let looks_into_texts = content::is_asserted(schema);
    let proof = if looks_into_texts { None } else { containment(&read, schema) };
    if matches!(proof, Some((Containment::Yes, Containment::Yes))) {
        return Ok(Agreement::Proven);
    }
    let compile = |side: Side, schema: &Value| {
        let asserts_more = looks_into_texts && side == Side::Struct;
        let options = if asserts_more { content::asserted(options()) } else { options() };
        options.build(schema).map_err(|error| format!("the schema of {} does not compile: {error}", side.name()))
    };
    let (by_struct, by_schema) = (compile(Side::Struct, &read)?, compile(Side::Schema, schema)?);
    let mut search = Search { by_struct, by_schema, tried: 0, witnesses: Vec::new(), reported: Vec::new() };
    payloads::suggest(schema, &read, &mut |payload| search.try_one(payload));
    let side = match proof {
        _ if !search.witnesses.is_empty() => return Ok(Agreement::Refuted(search.witnesses)),
        Some((Containment::No, _)) => Side::Schema,
        Some((_, Containment::No)) => Side::Struct,
        _ => return Ok(Agreement::Unrefuted { tried: search.tried }),
    };
    // What one side accepts alone is a schema itself, and payloads are made up from that, too.
    let (more, less) = if side == Side::Struct { (&read, schema) } else { (schema, &read) };
    if let Some(difference) = difference(more, less) {
        payloads::suggest(&difference, more, &mut |payload| search.try_one(payload));
    }
    if search.witnesses.is_empty() {
        Ok(Agreement::Different { accepted_by: side, keywords: keywords::unshared(schema, &read) })
    } else {
        Ok(Agreement::Refuted(search.witnesses))
    }
}

/// The search for payloads that only one side accepts.
struct Search {
    by_struct: Validator,
    by_schema: Validator,
    tried: usize,
    witnesses: Vec<Witness>,
    /// Places and keywords of the mistakes that have a witness.
    reported: Vec<(String, String)>,
}

impl Search {
    fn try_one(&mut self, payload: Value) {
        self.tried += 1;
        let (accepted_by, rejecting) = match (self.by_struct.is_valid(&payload), self.by_schema.is_valid(&payload)) {
            (true, false) => (Side::Struct, &self.by_schema),
            (false, true) => (Side::Schema, &self.by_struct),
            _ => return,
        };
        let Err(error) = rejecting.validate(&payload) else { return };
        let mistake = (error.instance_path().to_string(), error.kind().keyword().to_owned());
        if self.reported.contains(&mistake) || self.witnesses.len() == MOST_WITNESSES {
            return;
        }
        self.reported.push(mistake);
        let reasons: Vec<String> = violations(&error).iter().map(ToString::to_string).collect();
        let (reason, advice) = (reasons.join("; "), advice(&error, accepted_by));
        self.witnesses.push(Witness { payload, accepted_by, reason, advice });
    }
}

/// Whether the first covers the second, and the second the first.
fn containment(one: &Value, other: &Value) -> Option<(Containment, Containment)> {
    let (one, other) = (canonical(one)?, canonical(other)?);
    Some((one.covers(&other).ok()?, other.covers(&one).ok()?))
}

fn difference(more: &Value, less: &Value) -> Option<Value> {
    Some(canonical(more)?.subtract(&canonical(less)?).ok()?.to_json_schema())
}

fn canonical(schema: &Value) -> Option<CanonicalSchema> {
    canonical_options().should_validate_formats(true).offline().canonicalize(schema).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn same(schema: &Value, read: &Value) -> Agreement {
        compare(schema, read, read).unwrap()
    }

    fn witnesses(schema: &Value, read: &Value) -> Vec<(Value, Side)> {
        match same(schema, read) {
            Agreement::Refuted(all) => all.into_iter().map(|witness| (witness.payload, witness.accepted_by)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn object(property: Value) -> Value {
        json!({"type": "object", "properties": {"n": property}, "required": ["n"]})
    }

    #[test]
    fn the_same_in_other_words_is_proven_the_same() {
        let schema = object(json!({"type": "integer", "minimum": 1, "maximum": 9, "description": "a digit"}));
        let read = object(json!({"allOf": [{"type": "integer", "format": "uint8"}, {"minimum": 1}], "maximum": 9}));

        assert_eq!(same(&schema, &read), Agreement::Proven);
    }

    #[test]
    fn a_missing_limit_is_shown_by_the_value_beyond_it() {
        let schema = object(json!({"type": "integer", "minimum": 0, "maximum": 1000}));
        let read = object(json!({"type": "integer", "minimum": 0, "format": "uint32"}));

        assert_eq!(witnesses(&schema, &read), [(json!({"n": 1001}), Side::Struct)]);
    }

    #[test]
    fn a_narrow_integer_ends_where_its_type_ends() {
        let schema = object(json!({"type": "integer", "minimum": 0}));
        let read = object(json!({"type": "integer", "minimum": 0, "format": "uint32"}));

        assert_eq!(witnesses(&schema, &read), [(json!({"n": 4_294_967_296_u64}), Side::Schema)]);
    }

    #[test]
    fn what_a_text_stands_for_counts_where_the_draft_of_the_file_asserts_it() {
        let of = |draft: &str, property: Value| {
            let mut schema = object(property);
            schema["$schema"] = json!(draft);
            schema
        };
        let (seven, newest) =
            ("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema");
        let text = json!({"type": "string"});
        for (keyword, said) in [
            ("contentEncoding", "base64"),
            ("contentEncoding", "base16"),
            ("contentEncoding", "base32hex"),
            ("contentMediaType", "application/json"),
        ] {
            let mut content = text.clone();
            content[keyword] = json!(said);
            let (old, new) = (of(seven, content.clone()), of(newest, content));

            assert!(matches!(same(&old, &new), Agreement::Unrefuted { tried: 10.. }), "{said}");
            let Agreement::Refuted(told) = same(&old, &of(newest, text.clone())) else { panic!("{said}") };
            assert_eq!(told[0].accepted_by, Side::Struct);
            assert!(told[0].advice.contains(&format!("extend(\"{keyword}\" = \"{said}\")")), "{}", told[0].advice);
            assert_eq!(same(&new, &of(newest, text.clone())), Agreement::Proven, "it asserts nothing");
        }
        let binary =
            of(seven, json!({"type": "string", "contentMediaType": "application/json", "contentEncoding": "base64"}));
        let plain = of(newest, json!({"type": "string", "contentMediaType": "application/json"}));
        assert!(matches!(same(&binary, &plain), Agreement::Refuted(_)), "one decides what the other means");
    }

    #[test]
    fn a_property_may_be_called_like_a_keyword() {
        let of = |schema: Value| json!({"type": "object", "properties": {"default": schema}, "required": ["default"]});
        let schema = of(json!({"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u64}));
        let read = of(json!({"type": "integer", "minimum": 0, "format": "uint32"}));

        assert_eq!(same(&schema, &read), Agreement::Proven);
        let short = of(json!({"type": "string", "maxLength": 30}));
        assert!(matches!(same(&short, &of(json!({"type": "string"}))), Agreement::Refuted(_)));
    }

    #[test]
    fn undeclared_properties_are_tried() {
        let schema = object(json!(true));
        let mut read = schema.clone();
        read["additionalProperties"] = json!(false);

        assert_eq!(witnesses(&schema, &read)[0].1, Side::Schema);
    }

    #[test]
    fn null_that_is_never_written_is_absence() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "string"}}});
        let read = json!({"type": "object", "properties": {"n": {"type": ["string", "null"]}}});

        assert_eq!(compare(&schema, &read, &read), Ok(Agreement::Proven));
    }

    #[test]
    fn null_that_is_written_is_a_disagreement() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "string"}}});
        let read = json!({"type": "object", "properties": {"n": {"type": ["string", "null"]}}});
        let mut written = read.clone();
        written["required"] = json!(["n"]);

        let Ok(Agreement::Refuted(witnesses)) = compare(&schema, &read, &written) else { panic!() };

        assert_eq!(witnesses[0].payload, json!({"n": null}));
        assert!(witnesses[0].advice.contains("skip_serializing_if"), "{}", witnesses[0].advice);
    }

    #[test]
    fn absence_that_is_never_written_is_null() {
        let schema = object(json!({"type": ["string", "null"]}));
        let read = json!({"type": "object", "properties": {"n": {"type": ["string", "null"]}}});

        assert_eq!(compare(&schema, &read, &schema), Ok(Agreement::Proven));
        assert!(matches!(compare(&schema, &read, &read), Ok(Agreement::Refuted(_))));
    }

    #[test]
    fn what_cannot_be_decided_is_tried_with_payloads() {
        let schema = json!({"type": "object", "dependentRequired": {"a": ["b"]}, "unevaluatedProperties": true,
            "if": {"required": ["x"]}, "then": {"minProperties": 2}, "examples": [{"a": 1, "b": 2}]});
        let read = json!({"type": "object"});

        assert!(matches!(same(&schema, &read), Agreement::Refuted(_)));
        assert!(matches!(same(&schema, &schema), Agreement::Proven | Agreement::Unrefuted { tried: 10.. }));
    }
}
