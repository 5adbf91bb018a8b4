//! Payloads against the catalogue: whole envelopes, or the bare data of one event.
//!
//! Everything that is wrong is reported, at its place in the payload file and with the place of the schema that says so.
//!
//! Most payloads are valid. Each is first read onto a [`Tape`] and judged with yes or no; only where the answer is no, it is
//! read again as a value and every fault is looked for. That second reading has the last word.

mod compiled;
mod input;
mod pipeline;
mod records;
mod sink;
mod words;

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::excerpt::Excerpt;
use crate::load::Loaded;
use crate::lookup;
use crate::model::{Event, Version};
use crate::parallel;
use crate::schema::Tape;

use compiled::Slot;
pub use input::{Input, Open};
pub use pipeline::{Batch, Outcome};
use records::{Places, Record};
use sink::Sink;

/// The schema file of the envelope, in the catalogue's folder.
pub const ENVELOPE_FILE: &str = "envelope.v1.json";

/// A violation in a payload file.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What is wrong and where. The pointer leads into the payload file, or into its line in NDJSON.
    pub diagnostic: Diagnostic,
    /// The schema's demand; `None` when the payload did not get as far as a schema.
    pub demand: Option<Demand>,
    /// The line of the payload file that it is about; `None` if it must not be told.
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

/// What to check payloads against, and what may be told of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The payloads are bare data of this event; otherwise they are envelopes, which name their event themselves.
    pub event: Option<(&'a Event, &'a Version)>,
    /// No finding tells a value of a payload, nor a name that its schema does not hold.
    pub mask: bool,
}

/// Checks payloads. Every schema is compiled once, when it is needed first.
pub struct Checker<'a> {
    loaded: &'a Loaded,
    options: Options<'a>,
    envelope: Slot,
    /// The schema of bare data.
    data: Option<Slot>,
    /// The schemas of an event by its type, each with its version.
    events: HashMap<&'a str, Vec<(String, Slot)>>,
}

impl<'a> Checker<'a> {
    /// A checker for the events of a catalogue that is free of errors.
    pub fn new(loaded: &'a Loaded, options: Options<'a>) -> Self {
        let mut events = HashMap::new();
        for event in &loaded.catalogue.events {
            let slot = |version: &Version| (version.number.to_string(), Slot::new(&version.file));
            events.entry(event.event_type.as_str()).or_insert_with(|| event.versions.iter().map(slot).collect());
        }
        let data = options.event.map(|(_, version)| Slot::new(&version.file));
        Self { loaded, options, envelope: Slot::new(ENVELOPE_FILE), data, events }
    }

    /// Checks the payloads of all inputs, on all processors, in constant memory as far as they are NDJSON. Hands what
    /// came out to `take`, in the order of the payloads, until it breaks.
    ///
    /// # Errors
    /// A schema of the catalogue cannot be compiled.
    pub fn check(
        &self,
        inputs: impl Iterator<Item = Input> + Send + 'static,
        take: impl FnMut(Outcome) -> ControlFlow<()>,
    ) -> Result<(), String> {
        pipeline::run(self, inputs, take)
    }

    /// Checks every line of NDJSON, or why it cannot be one.
    fn lines(&self, name: &str, bytes: &[u8]) -> Result<Batch, String> {
        let mut batch = match str::from_utf8(bytes) {
            Ok(text) => self.records(Places::new(name, text, !self.options.mask), records::of_lines(text))?,
            Err(_) => {
                let mut batch = Batch::default();
                for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                    batch.append(self.text(name, line, |text| records::of_lines(text).collect())?, index);
                }
                batch
            }
        };
        batch.lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(batch)
    }

    /// Checks a JSON document, or every element of the array that it is.
    fn document(&self, name: &str, bytes: &[u8]) -> Result<Batch, String> {
        self.text(name, bytes, records::of_document)
    }

    fn text(&self, name: &str, bytes: &[u8], split: impl Fn(&str) -> Vec<Record<'_>>) -> Result<Batch, String> {
        /// An array of that many elements is worth a second thread.
        const SHARE: usize = 256;
        let places = |text| Places::new(name, text, !self.options.mask);
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                return Ok(Batch::of(places(&text).not_utf8(error.valid_up_to())));
            }
        };
        let records = split(text);
        let mut start = places(text);
        let shares = records.chunks(SHARE).map(|share| {
            share.iter().take(1).for_each(|first| start.enter(*first));
            (start.clone(), share)
        });
        let shares: Vec<_> = shares.collect();
        let mut whole = Batch::default();
        for batch in parallel::map(&shares, |(places, share)| self.records(places.clone(), share.iter().copied())) {
            whole.append(batch?, 0);
        }
        Ok(whole)
    }

    fn records<'t>(&self, mut places: Places<'t>, records: impl Iterator<Item = Record<'t>>) -> Result<Batch, String> {
        let mut batch = Batch::default();
        let mut tape = Tape::default();
        for record in records {
            let before = batch.findings.len();
            if !self.is_valid(&mut tape, record.text)? {
                places.enter(record);
                self.explain(record, &places, &mut batch.findings)?;
            }
            let count = if batch.findings.len() == before { &mut batch.valid } else { &mut batch.invalid };
            *count += 1;
        }
        Ok(batch)
    }

    /// Whether a payload is valid for sure. What is no JSON, or strange, is not.
    fn is_valid<'t>(&self, tape: &mut Tape<'t>, text: &'t str) -> Result<bool, String> {
        let Some(node) = tape.read(text) else { return Ok(false) };
        if let Some(slot) = &self.data {
            return Ok(slot.get(self.loaded)?.judge.accepts(node));
        }
        let named = |name: &str| node.member(name).and_then(|member| member.text());
        let (Some(event_type), Some(version)) = (named("type"), named("version")) else { return Ok(false) };
        let Some(data) = node.member("data") else { return Ok(false) };
        let Some(slot) = self.slot(event_type, version) else { return Ok(false) };
        let envelope = self.envelope.get(self.loaded)?;
        Ok(envelope.judge.accepts(node) && slot.get(self.loaded)?.judge.accepts(data))
    }

    fn slot(&self, event_type: &str, version: &str) -> Option<&Slot> {
        let versions = self.events.get(event_type)?;
        versions.iter().find(|(number, _)| number == version).map(|(_, slot)| slot)
    }

    /// Finds everything that is wrong with a payload.
    fn explain(&self, record: Record<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) -> Result<(), String> {
        let value: Value = match serde_json::from_str(record.text) {
            Ok(value) => value,
            Err(error) => {
                findings.push(places.bad_json(record, &error));
                return Ok(());
            }
        };
        let mut sink = Sink { record, value: &value, places, mask: self.options.mask, findings };
        match &self.data {
            Some(slot) => sink.violations("bad-payload", "", slot.get(self.loaded)?),
            None => self.explain_envelope(&mut sink)?,
        }
        Ok(())
    }

    fn explain_envelope(&self, sink: &mut Sink<'_>) -> Result<(), String> {
        let envelope = sink.value;
        let (event_type, data) = (envelope.get("type"), envelope.get("data"));
        if event_type.is_none() && data.is_none() {
            let help = "an envelope has both; bare data needs its event named: --event TYPE";
            sink.report("bad-envelope", "", "this is no envelope: it has neither `type` nor `data`", help);
            return Ok(());
        }
        let before = sink.findings.len();
        sink.violations("bad-envelope", "", self.envelope.get(self.loaded)?);
        let named = (event_type.and_then(Value::as_str), envelope.get("version").and_then(Value::as_str));
        let (Some(event_type), Some(version)) = named else {
            if sink.findings.len() == before {
                let help = "both are strings: \"type\": \"rule.created\", \"version\": \"1\"";
                sink.report("bad-envelope", "", "`type` and `version` do not name an event", help);
            }
            return Ok(());
        };
        match lookup::version(&self.loaded.catalogue, event_type, version) {
            Err(unknown) => {
                let known = self.loaded.catalogue.event(event_type).is_some();
                let (at, masked) = match known {
                    true => ("/version", "the event has no such version"),
                    false => ("/type", "the catalogue has no event of this type"),
                };
                let message = if self.options.mask { masked } else { &unknown.message };
                sink.report("unknown-event", at, message, &unknown.help);
                Ok(())
            }
            Ok(_) => {
                if let Some(slot) = self.slot(event_type, version) {
                    sink.violations("bad-payload", "/data", slot.get(self.loaded)?);
                }
                Ok(())
            }
        }
    }
}
