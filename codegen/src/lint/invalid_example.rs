//! Examples are valid.

use eventsmith_exact::schema::is_rounded;
use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::pointer::join;
use crate::rule::{Family, Rule};
use crate::schema::{Fault, SubschemaValidators, Tape, Validator, is_searchable};
use crate::walk::every_schema;

pub(crate) const RULE: Rule = Rule {
    id: "invalid-example",
    family: Family::Lint,
    severity: Severity::Error,
    purpose: "An example that its own schema refuses misleads whoever copies it. Either the example is wrong or the schema is.",
    bad: r#"{
  "type": "object",
  "properties": {"priority": {"type": "integer", "minimum": 1, "maximum": 9}},
  "examples": [{"priority": 10}]
}"#,
    good: r#"{
  "type": "object",
  "properties": {"priority": {"type": "integer", "minimum": 1, "maximum": 9}},
  "examples": [{"priority": 9}]
}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    let mut validators = PartValidators::new(file);
    for spot in file.spots() {
        let Some(Value::Array(examples)) = spot.get("examples") else { continue };
        // What serde_json rounds is left to the generated test, which decodes the text of every example.
        if is_rounded(spot.schema(), "examples") {
            continue;
        }
        for (index, example) in examples.iter().enumerate() {
            if let Some(fault) = validators.first_fault(spot.at(), example) {
                let at = join(&spot.below("examples"), &index.to_string());
                let help = "mend the example or the schema; consumers refuse such a payload";
                report.at(file.document, &at, format!("the example is not valid: {}", explanation(&fault)), help);
            }
        }
    }
}

/// What is wrong with a value, and where in it.
pub(super) fn explanation(fault: &Fault) -> String {
    let said = fault.expected.as_ref().map_or_else(|| fault.message.clone(), |expected| format!("expected {expected}"));
    let of = fault.alternative.as_ref().map(|alternative| format!(" ({alternative})")).unwrap_or_default();
    match fault.pointer.as_str() {
        "" => format!("{said}{of}"),
        pointer => format!("{said}{of} at {pointer}"),
    }
}

/// The validators of a file, compiled when they are needed first.
pub(super) struct PartValidators<'f> {
    file: &'f File<'f>,
    whole: Option<Option<Validator>>,
    parts: Option<Option<SubschemaValidators>>,
}

impl<'f> PartValidators<'f> {
    pub(super) fn new(file: &'f File<'f>) -> Self {
        Self { file, whole: None, parts: None }
    }

    /// The first fault of a value by the schema at a pointer; `None` also where there is no validator for it.
    pub(super) fn first_fault(&mut self, at: &str, value: &Value) -> Option<Fault> {
        let bundle = || self.file.bundle();
        let is_searchable = || {
            let (text, mut tape) = (value.to_string(), Tape::default());
            let part = bundle().pointer(at).zip(tape.read(&text));
            part.is_some_and(|(part, node)| is_searchable(bundle(), part, node, MOST_STEPS))
        };
        if at.is_empty() {
            let whole = self.whole.get_or_insert_with(|| Validator::new(bundle()).ok());
            whole.as_ref()?.first_fault(value, is_searchable)
        } else if let Some(alone) = alone(bundle(), at) {
            Validator::new(&alone).ok()?.first_fault(value, is_searchable)
        } else if self.file.document.source.len() <= LARGEST {
            let parts = self.parts.get_or_insert_with(|| SubschemaValidators::new(bundle()).ok());
            parts.as_ref()?.first_fault(at, value, is_searchable)
        } else {
            None
        }
    }
}

/// How many steps a search for what is wrong with an example may take: there may be thousands of examples.
const MOST_STEPS: usize = 50_000;
/// The largest file, in bytes, of which every part gets a validator: in each are those of all that it refers to.
const LARGEST: usize = 256 << 10;

/// A part of a schema as a schema of its own, if it refers to nothing.
fn alone(bundle: &Value, at: &str) -> Option<Value> {
    let Value::Object(part) = bundle.pointer(at)? else { return None };
    let mut refers = false;
    every_schema(bundle.pointer(at)?, &mut |_, schema| {
        refers |= ["$ref", "$dynamicRef", "$recursiveRef"].iter().any(|keyword| schema.get(keyword).is_some());
    });
    if refers {
        return None;
    }
    let mut alone = part.clone();
    if let Some(draft) = bundle.get("$schema") {
        alone.insert("$schema".to_owned(), draft.clone());
    }
    Some(Value::Object(alone))
}
