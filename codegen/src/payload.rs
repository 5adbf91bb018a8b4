//! Payloads against the catalogue: whole envelopes, or the bare data of one event.
//!
//! Everything that is wrong is reported, at its place in the payload file and with the place of the schema that says so.

mod records;
mod words;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::bundle::bundle;
use crate::diagnostic::Diagnostic;
use crate::excerpt::Excerpt;
use crate::load::Loaded;
use crate::lookup;
use crate::model::{Event, Version};
use crate::pointer::join;
use crate::schema::Validator;

use records::Record;
use words::Words;

/// The schema file of the envelope, in the catalogue's folder.
pub const ENVELOPE_FILE: &str = "envelope.v1.json";

/// A violation in a payload file.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What is wrong and where. The pointer leads into the payload file, or into its line in NDJSON.
    pub diagnostic: Diagnostic,
    /// The schema's demand; `None` when the payload did not get as far as a schema.
    pub demand: Option<Demand>,
    /// The line of the payload file that it is about.
    pub excerpt: Option<Excerpt>,
}

/// The part of a schema that a payload violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The schema file, relative to the catalogue's folder.
    pub file: String,
    /// JSON pointer of the violated keyword.
    pub pointer: String,
    /// What was expected.
    pub expected: String,
    /// What was found; `None` if it must not be told.
    pub found: Option<String>,
}

/// What checking some payloads has found.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of payloads without findings.
    pub valid: usize,
    /// The number of payloads with findings, or that could not be read.
    pub invalid: usize,
    /// Everything that is wrong, in the order of the payloads.
    pub findings: Vec<Finding>,
}

/// Checks payloads. Every schema is compiled once, when it is needed first.
pub struct Checker<'a> {
    loaded: &'a Loaded,
    compiled: HashMap<String, Compiled>,
}

impl<'a> Checker<'a> {
    /// A checker for the events of a catalogue that is free of errors.
    pub fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, compiled: HashMap::new() }
    }

    /// Checks every payload of a text, which is called `name` in findings: as data of the given event, otherwise as
    /// envelopes that name their event themselves. Adds to the report.
    ///
    /// # Errors
    /// A schema of the catalogue cannot be compiled.
    pub fn check(
        &mut self,
        name: &str,
        text: &str,
        event: Option<(&Event, &Version)>,
        report: &mut Report,
    ) -> Result<(), String> {
        for record in records::records(name, text) {
            let before = report.findings.len();
            match record {
                Err(finding) => report.findings.push(*finding),
                Ok(record) => {
                    let mut sink = Sink { name, record: &record, findings: &mut report.findings };
                    match event {
                        Some((_, version)) => self.data(version, "", &record.value, &mut sink)?,
                        None => self.envelope(&mut sink)?,
                    }
                }
            }
            let count = if report.findings.len() == before { &mut report.valid } else { &mut report.invalid };
            *count += 1;
        }
        Ok(())
    }

    fn envelope(&mut self, sink: &mut Sink<'_>) -> Result<(), String> {
        let envelope = &sink.record.value;
        let (event_type, data) = (envelope.get("type"), envelope.get("data"));
        if event_type.is_none() && data.is_none() {
            let help = "an envelope has both; bare data needs its event named: --event TYPE";
            sink.report("bad-envelope", "", "this is no envelope: it has neither `type` nor `data`", help);
            return Ok(());
        }
        let before = sink.findings.len();
        sink.violations("bad-envelope", "", envelope, self.compiled(ENVELOPE_FILE)?);
        let named = (event_type.and_then(Value::as_str), envelope.get("version").and_then(Value::as_str));
        let (Some(event_type), Some(version)) = named else {
            if sink.findings.len() == before {
                let help = "both are strings: \"type\": \"rule.created\", \"version\": \"1\"";
                sink.report("bad-envelope", "", "`type` and `version` do not name an event", help);
            }
            return Ok(());
        };
        let loaded = self.loaded;
        match lookup::version(&loaded.catalogue, event_type, version) {
            Err(unknown) => {
                let known = loaded.catalogue.event(event_type).is_some();
                sink.report("unknown-event", if known { "/version" } else { "/type" }, &unknown.message, &unknown.help);
            }
            Ok((_, version)) => {
                if let Some(data) = data {
                    self.data(version, "/data", data, sink)?;
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, version: &Version, at: &str, data: &Value, sink: &mut Sink<'_>) -> Result<(), String> {
        sink.violations("bad-payload", at, data, self.compiled(&version.file)?);
        Ok(())
    }

    fn compiled(&mut self, file: &str) -> Result<&Compiled, String> {
        if !self.compiled.contains_key(file) {
            let compiled = Compiled::new(self.loaded, file).map_err(|error| format!("{file}: {error}"))?;
            self.compiled.insert(file.to_owned(), compiled);
        }
        self.compiled.get(file).ok_or_else(|| format!("{file}: not compiled"))
    }
}

/// A schema, ready for use.
struct Compiled {
    file: String,
    schema: Value,
    validator: Validator,
    /// Whether it stands in for a file that the catalogue does not have.
    is_built_in: bool,
    /// Where the schema's demands stand, if not in its own file.
    borrowed: HashMap<String, String>,
}

impl Compiled {
    fn new(loaded: &Loaded, file: &str) -> Result<Self, String> {
        let documents = &loaded.catalogue.documents;
        let is_built_in = file == ENVELOPE_FILE && !documents.contains_key(file);
        let schema = if is_built_in { minimal_envelope() } else { bundle(loaded, file) };
        let validator = Validator::new(&schema)?;
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
        Ok(Self { file: file.to_owned(), schema, validator, is_built_in, borrowed })
    }

    fn home(&self, pointer: &str) -> &str {
        let is_below = |at: &str| pointer.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.borrowed.iter().find(|(at, _)| is_below(at)).map_or(&self.file, |(_, home)| home)
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

/// Takes what is wrong with one record.
struct Sink<'a> {
    name: &'a str,
    record: &'a Record<'a>,
    findings: &'a mut Vec<Finding>,
}

impl Sink<'_> {
    fn report(&mut self, rule: &'static str, at: &str, message: &str, help: &str) {
        let (position, excerpt) = self.record.place(at).unzip();
        let mut diagnostic = Diagnostic::error(rule, self.name, message, help).at(position);
        diagnostic.pointer = format!("{}{at}", self.record.pointer);
        self.findings.push(Finding { diagnostic, demand: None, excerpt });
    }

    /// Reports every fault of `instance`, which stands at `at` in the record.
    fn violations(&mut self, rule: &'static str, at: &str, instance: &Value, schema: &Compiled) {
        for fault in schema.validator.faults(instance) {
            let whole = instance.pointer(&fault.pointer).unwrap_or(&Value::Null);
            let keyword = fault.keyword.rsplit('/').next().unwrap_or_default();
            let file = schema.home(&fault.keyword);
            let help = match schema.is_built_in {
                true => "every envelope needs this".to_owned(),
                false => format!("the schema says so: {file}#{}", fault.keyword),
            };
            for Words { below, expected, found, message } in
                words::describe(keyword, &fault, whole, schema.schema.pointer(&fault.keyword))
            {
                self.report(rule, &format!("{at}{}{below}", fault.pointer), &message, &help);
                let (file, pointer) = (file.to_owned(), fault.keyword.clone());
                let demand = Demand { file, pointer, expected, found: Some(found) };
                if let Some(finding) = self.findings.last_mut() {
                    finding.demand = Some(demand);
                }
            }
        }
    }
}
