//! The schemas that payloads are checked against, each compiled when it is needed first.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::cloud_event::{self, CLOUD_EVENT_FILE};
use crate::bundle::bundle;
use crate::load::Loaded;
use crate::pointer::{self, join};
use crate::sample::local::target;
use crate::schema::{TapeValidator, Validator};

/// The schema file of the envelope, in the catalogue's folder.
pub const ENVELOPE_FILE: &str = "envelope.v1.json";

/// A schema file, compiled or not.
pub(super) struct Slot {
    file: String,
    compiled: OnceLock<Result<Compiled, String>>,
}

impl Slot {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), compiled: OnceLock::new() }
    }

    /// The schema, ready for use. Threads that need it at once wait for the first of them.
    pub(super) fn get(&self, loaded: &Loaded) -> Result<&Compiled, String> {
        let compile = || Compiled::new(loaded, &self.file).map_err(|error| format!("{}: {error}", self.file));
        self.compiled.get_or_init(compile).as_ref().map_err(Clone::clone)
    }
}

/// A schema, ready for use.
pub(super) struct Compiled {
    pub(super) file: String,
    /// The self-contained schema.
    pub(super) schema: Value,
    /// Answers yes or no, from a tape.
    pub(super) tape_validator: TapeValidator,
    /// Lists every violation.
    pub(super) validator: Validator,
    /// Whether it stands in for a file that the catalogue does not have.
    pub(super) is_built_in: bool,
    /// Where the schema's demands stand, if not in its own file.
    borrowed: HashMap<String, String>,
    /// The names of all members of the schema, those of properties among them.
    names: HashSet<String>,
}

impl Compiled {
    fn new(loaded: &Loaded, file: &str) -> Result<Self, String> {
        let documents = &loaded.catalogue.documents;
        let (schema, is_built_in) = match file {
            CLOUD_EVENT_FILE => (cloud_event::schema(), true),
            ENVELOPE_FILE if !documents.contains_key(file) => (minimal_envelope(), true),
            file => (bundle(loaded, file), false),
        };
        let (tape_validator, validator) = (TapeValidator::new(&schema)?, Validator::new(&schema)?);
        let own = documents.get(file).map(|document| &document.schema);
        let mut borrowed = HashMap::new();
        for keyword in ["$defs", "definitions"] {
            let Some(Value::Object(definitions)) = schema.get(keyword) else { continue };
            for name in definitions.keys() {
                let at = join(&format!("/{keyword}"), name);
                if own.is_some_and(|own| own.pointer(&at).is_some()) {
                    continue;
                }
                // A definition was copied here under its own name, if that name is known in one file only.
                let mut homes = documents.values().filter(|document| document.schema.pointer(&at).is_some());
                if let (Some(home), None) = (homes.next(), homes.next()) {
                    borrowed.insert(at, home.path.clone());
                }
            }
        }
        let mut names = HashSet::new();
        collect_names(&schema, &mut names);
        Ok(Self { file: file.to_owned(), schema, tape_validator, validator, is_built_in, borrowed, names })
    }

    /// Whether the schema names arrays among the types of its values.
    pub(super) fn asks_for_arrays(&self) -> bool {
        asks_for_arrays(&self.schema, &self.schema, 0)
    }

    /// The file that a part of the schema comes from.
    pub(super) fn home(&self, pointer: &str) -> &str {
        let is_below = |at: &str| pointer.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.borrowed.iter().find(|(at, _)| is_below(at)).map_or(&self.file, |(_, home)| home)
    }

    /// A pointer into a payload, with `*` for every name that only the payload knows.
    pub(super) fn masked(&self, pointer: &str, payload: &Value) -> String {
        let mut at = Some(payload);
        let mut masked = String::new();
        for step in pointer::steps(pointer).unwrap_or_default() {
            let is_index = matches!(at, Some(Value::Array(_)));
            masked = join(&masked, if is_index || self.names.contains(&step) { &step } else { "*" });
            at = match at {
                Some(Value::Array(items)) => step.parse().ok().and_then(|index: usize| items.get(index)),
                Some(Value::Object(members)) => members.get(&step),
                _ => None,
            };
        }
        masked
    }
}

fn asks_for_arrays(root: &Value, schema: &Value, depth: usize) -> bool {
    const DEEPEST: usize = 32;
    let is_named = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|name| name == "array"),
        named => named.is_some_and(|name| name == "array"),
    };
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
    let mut parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten().chain(reference);
    is_named || depth < DEEPEST && parts.any(|part| asks_for_arrays(root, part, depth + 1))
}

fn collect_names(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                names.insert(name.clone());
                collect_names(member, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

/// What every envelope must have where the catalogue does not say it.
fn minimal_envelope() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "type": "object",
        "properties": {
            "id": text, "type": text, "source": text, "subject": text,
            "time": {"type": "string", "format": "date-time"},
            "version": {"type": "string", "pattern": "^[1-9][0-9]*$"},
            "correlation_id": {"type": "string"}, "causation_id": {"type": "string"},
            "metadata": {"type": "object"}
        },
        "required": ["id", "type", "source", "subject", "time", "version", "data"]
    })
}
