//! Checks texts of payloads against the schemas of a catalogue.

use std::collections::HashMap;

use eventsmith_exact::names::refuse_reserved;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::filter::matches;
use crate::load::Loaded;
use crate::lookup;
use crate::manifest::Wire;
use crate::model::Version;
use crate::parallel;
use crate::schema::{Node, Tape};

use super::cloud_event::{CLOUD_EVENT_FILE, MARK, cloud_event_version};
use super::compiled::{Compiled, ENVELOPE_FILE, Slot};
use super::finding::Finding;
use super::part::CheckedPart;
use super::records::{self, Record, RecordLocator};
use super::room::Room;
use super::sink::Sink;
use super::violation_text::short_text;

/// What payloads are checked against, and what findings may show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The payloads are bare data, which this schema file describes; otherwise they are envelopes, which name their event themselves.
    pub file: Option<&'a str>,
    /// Findings show no value of a payload, and no name that its schema does not hold.
    pub mask: bool,
}

/// Checks payloads. Every schema is compiled once, when it is needed first.
pub struct Checker<'a> {
    loaded: &'a Loaded,
    options: Options<'a>,
    envelope: Slot,
    cloud_event: Slot,
    /// The schema of bare data.
    data: Option<Slot>,
    /// The versions of an event or request by its type.
    events: HashMap<&'a str, Vec<KnownVersion>>,
    room: Room,
}

/// A version of an event, as envelopes name it.
struct KnownVersion {
    number: String,
    /// Matches the subjects that it is published to.
    subject: String,
    wire: Wire,
    slot: Slot,
}

/// What one pass over a payload says.
#[derive(PartialEq)]
enum FirstLook {
    Valid,
    /// Valid as the bare data that it was taken for, and an envelope by its looks.
    ValidEnvelope,
    /// Not certainly valid.
    Doubtful,
}

impl<'a> Checker<'a> {
    /// A checker for the events of a catalogue that is free of errors.
    pub fn new(loaded: &'a Loaded, options: Options<'a>) -> Self {
        let mut events = HashMap::new();
        // Documents lie in their buckets without an envelope.
        for event in loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()) {
            let known = |version: &Version| KnownVersion {
                number: version.number.to_string(),
                subject: version.subject(event),
                wire: loaded.catalogue.wire_of(event),
                slot: Slot::new(&version.file),
            };
            events.entry(event.event_type.as_str()).or_insert_with(|| event.versions.iter().map(known).collect());
        }
        let data = options.file.map(Slot::new);
        let (envelope, cloud_event) = (Slot::new(ENVELOPE_FILE), Slot::new(CLOUD_EVENT_FILE));
        Self { loaded, options, envelope, cloud_event, data, events, room: Room::default() }
    }

    /// Checks one payload, whatever is around it. `name` is what findings call it.
    ///
    /// # Errors
    /// A schema of the catalogue cannot be compiled.
    pub fn check_one(&self, name: &str, bytes: &[u8]) -> Result<CheckedPart, String> {
        self.text(name, bytes, |text| vec![Record { text: text.trim_ascii(), index: None }])
    }

    /// Checks every line of NDJSON, or why it cannot be one.
    pub(super) fn lines(&self, name: &str, bytes: &[u8]) -> Result<CheckedPart, String> {
        let mut checked = match str::from_utf8(bytes) {
            Ok(text) => self.records(RecordLocator::new(name, text, !self.options.mask), records::of_lines(text))?,
            Err(_) => {
                let mut checked = CheckedPart::default();
                for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                    checked.append(self.text(name, line, |text| records::of_lines(text).collect())?, index);
                }
                checked
            }
        };
        checked.lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(checked)
    }

    /// Checks a JSON document, or every element of the array that it is.
    pub(super) fn document(&self, name: &str, bytes: &[u8]) -> Result<CheckedPart, String> {
        self.text(name, bytes, |text| match self.is_one_payload(text) {
            true => vec![Record { text: text.trim_ascii(), index: None }],
            false => records::of_document(text),
        })
    }

    /// Whether an array is a payload, and not a list of some: the schema asks for arrays, and takes this one, or something in it is none.
    fn is_one_payload(&self, text: &str) -> bool {
        let Some(Ok(schema)) = self.data.as_ref().map(|slot| slot.get(self.loaded)) else { return false };
        let elements = records::of_document(text);
        if !schema.asks_for_arrays() || !elements.iter().all(|element| element.index.is_some()) {
            return false;
        }
        let mut tape = Tape::default();
        let is_valid = tape.read(text).is_some_and(|node| self.accepts(schema, node));
        is_valid || !elements.iter().all(|element| element.text.starts_with('['))
    }

    fn text(&self, name: &str, bytes: &[u8], split: impl Fn(&str) -> Vec<Record<'_>>) -> Result<CheckedPart, String> {
        /// An array of that many elements is worth a second thread.
        const SHARE: usize = 256;
        let locator = |text| RecordLocator::new(name, text, !self.options.mask);
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                return Ok(CheckedPart::of(locator(&text).not_utf8(error.valid_up_to())));
            }
        };
        let records = split(text);
        let mut start = locator(text);
        let shares = records.chunks(SHARE).map(|share| {
            share.iter().take(1).for_each(|first| start.enter(*first));
            (start.clone(), share)
        });
        let shares: Vec<_> = shares.collect();
        let mut whole = CheckedPart::default();
        for checked in parallel::map(&shares, |(locator, share)| self.records(locator.clone(), share.iter().copied())) {
            whole.append(checked?, 0);
        }
        Ok(whole)
    }

    fn records<'t>(
        &self,
        mut locator: RecordLocator<'t>,
        records: impl Iterator<Item = Record<'t>>,
    ) -> Result<CheckedPart, String> {
        let mut checked = CheckedPart::default();
        let mut tape = Tape::default();
        for record in records {
            let before = checked.findings.len();
            match self.look(&mut tape, record.text)? {
                FirstLook::Valid => {}
                FirstLook::ValidEnvelope => checked.envelopes += 1,
                FirstLook::Doubtful => {
                    locator.enter(record);
                    self.explain(record, &locator, &mut checked.findings)?;
                }
            }
            let count = if checked.findings.len() == before { &mut checked.valid } else { &mut checked.invalid };
            *count += 1;
        }
        Ok(checked)
    }

    /// Whether a payload is certainly valid. What is not JSON or repeats a name is not.
    fn look<'t>(&self, tape: &mut Tape<'t>, text: &'t str) -> Result<FirstLook, String> {
        let Some(node) = tape.read(text) else { return Ok(FirstLook::Doubtful) };
        let named = |name: &str| node.member(name).and_then(|member| member.text());
        let envelope = || Some((named("type")?, named("version")?, node.member("data")?));
        if let Some(slot) = &self.data {
            return Ok(match self.accepts(slot.get(self.loaded)?, node) {
                false => FirstLook::Doubtful,
                true if envelope().is_some_and(|(event_type, ..)| self.events.contains_key(event_type)) => {
                    FirstLook::ValidEnvelope
                }
                true => FirstLook::Valid,
            });
        }
        if node.member(MARK).is_some() {
            return self.look_at_cloud_event(node, text);
        }
        let Some((event_type, version, data)) = envelope() else { return Ok(FirstLook::Doubtful) };
        let Some(known) = self.version(event_type, version) else { return Ok(FirstLook::Doubtful) };
        let is_valid = !known.wire.is_cloud_event()
            && self.envelope.get(self.loaded)?.tape_validator.accepts(node)
            && self.accepts(known.slot.get(self.loaded)?, data)
            && named("subject").is_none_or(|subject| matches(&known.subject, subject));
        Ok(if is_valid { FirstLook::Valid } else { FirstLook::Doubtful })
    }

    fn look_at_cloud_event(&self, node: Node<'_>, text: &str) -> Result<FirstLook, String> {
        let version = serde_json::from_str(text).ok().as_ref().and_then(cloud_event_version);
        let event_type = node.member("type").and_then(|member| member.text());
        let known = event_type.zip(version).and_then(|(event_type, version)| self.version(event_type, &version));
        let Some((known, data)) = known.zip(node.member("data")) else { return Ok(FirstLook::Doubtful) };
        let is_valid = known.wire.is_cloud_event()
            && self.cloud_event.get(self.loaded)?.tape_validator.accepts(node)
            && self.accepts(known.slot.get(self.loaded)?, data);
        Ok(if is_valid { FirstLook::Valid } else { FirstLook::Doubtful })
    }

    /// Whether a payload is valid, and its type has room for it.
    fn accepts(&self, schema: &Compiled, node: Node<'_>) -> bool {
        schema.tape_validator.accepts(node) && self.room.unfit(self.loaded, &schema.file, node).is_none()
    }

    /// Finds everything that is wrong with bare data at a pointer into the record.
    fn explain_data(&self, sink: &mut Sink<'_>, at: &str, schema: &Compiled) {
        let before = sink.findings.len();
        sink.violations("bad-payload", at, schema);
        let unfit = sink.exact.and_then(|node| self.room.unfit(self.loaded, &schema.file, node.at(at)?));
        if let Some((place, numeral)) = unfit.filter(|_| sink.findings.len() == before) {
            sink.unfit(at, &place, &numeral, schema);
        }
    }

    fn version(&self, event_type: &str, version: &str) -> Option<&KnownVersion> {
        self.events.get(event_type)?.iter().find(|known| known.number == version)
    }

    /// Finds everything that is wrong with a payload.
    fn explain(
        &self,
        record: Record<'_>,
        locator: &RecordLocator<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), String> {
        let value: Value = match serde_json::from_str(record.text) {
            Ok(value) => value,
            Err(error) => {
                findings.push(locator.bad_json(record, &error));
                return Ok(());
            }
        };
        if let Err(error) = refuse_reserved(record.text) {
            findings.push(locator.bad_json(record, &error));
            return Ok(());
        }
        let mut tape = Tape::default();
        let Some(node) = tape.read(record.text) else {
            findings.push(locator.repeated_name(record, self.options.mask));
            return Ok(());
        };
        let exact = Some(node).filter(Node::has_beyond_i64);
        let before = findings.len();
        let mut sink = Sink { record, value: &value, node, exact, locator, mask: self.options.mask, findings };
        match &self.data {
            Some(slot) => {
                let before = sink.findings.len();
                self.explain_data(&mut sink, "", slot.get(self.loaded)?);
                if let Some(first) = sink.findings.get_mut(before).filter(|_| is_envelope(&value)) {
                    let help = &mut first.diagnostic.help;
                    help.push_str(if help.is_empty() { "" } else { "; " });
                    help.push_str("this looks like an envelope: leave --event out");
                }
            }
            None => self.explain_envelope(&mut sink)?,
        }
        // What was refused is never valid, whether somebody can say why or not.
        if sink.findings.len() == before {
            let help = "this is a bug in eventsmith; please report it with the schema";
            sink.report("bad-payload", "", "the payload is refused, and nothing says why", help);
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
        let is_cloud_event = envelope.get(MARK).is_some();
        let (slot, version, help) = match is_cloud_event {
            true => {
                let help = "say \"dataversion\": \"1\", or a `dataschema` that ends in `.v1.json`";
                (&self.cloud_event, cloud_event_version(envelope), help)
            }
            false => {
                let help = "both are strings: \"type\": \"rule.created\", \"version\": \"1\"";
                (&self.envelope, envelope.get("version").and_then(Value::as_str).map(ToOwned::to_owned), help)
            }
        };
        sink.violations("bad-envelope", "", slot.get(self.loaded)?);
        let (Some(event_type), Some(version)) = (event_type.and_then(Value::as_str), version.as_deref()) else {
            if sink.findings.len() == before {
                sink.report("bad-envelope", "", "its type and version do not name an event", help);
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
            Ok((event, _)) if event.kind.is_document() => {
                let described = event.kind.described();
                let message = match self.options.mask {
                    true => format!("the type is that of {described}, which has no envelope"),
                    false => format!("{event_type} is {described}, which has no envelope"),
                };
                let help = format!("check what lies in the bucket, which is bare data: --event {}", event.event_type);
                sink.report("bad-envelope", "/type", &message, &help);
                Ok(())
            }
            Ok(_) => {
                if let Some(known) = self.version(event_type, version) {
                    self.explain_data(sink, "/data", known.slot.get(self.loaded)?);
                    if !is_cloud_event {
                        self.explain_subject(sink, event_type, known);
                    }
                    if known.wire.is_cloud_event() != is_cloud_event {
                        let found = if is_cloud_event { "a CloudEvent" } else { "an envelope of the plain wire" };
                        let message =
                            format!("this is {found}, and the event is written on the wire {:?}", known.wire.as_str());
                        sink.report(
                            "bad-envelope",
                            "",
                            &message,
                            "`wire` in eventsmith.toml says how events are written",
                        );
                    }
                }
                Ok(())
            }
        }
    }

    /// An event has one subject; an envelope with another has the wrong type or went astray.
    fn explain_subject(&self, sink: &mut Sink<'_>, event_type: &str, known: &KnownVersion) {
        let subject = sink.value.get("subject").and_then(Value::as_str);
        let Some(subject) = subject.filter(|subject| !matches(&known.subject, subject)) else { return };
        let mut message = format!("expected {}, the subject of {event_type}", known.subject);
        if !self.options.mask {
            message.push_str(&format!(", found {:?}", short_text(subject)));
        }
        let owner = lookup::of_subject(&self.loaded.catalogue, subject);
        let help = match owner.filter(|_| !self.options.mask) {
            Some(owner) => format!("the event of that subject is {}", owner.event_type),
            None => "events go to the subject that the path of their schema file says".to_owned(),
        };
        sink.report("bad-envelope", "/subject", &message, &help);
    }
}

/// Whether a JSON text has an object with two members of one name, of which nobody knows which one counts. The runtime refuses it.
pub fn repeats_names(text: &str) -> bool {
    Tape::default().read(text).is_none() && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a payload that is read as bare data has what an envelope begins with.
fn is_envelope(value: &Value) -> bool {
    let is_text = |name: &str| value.get(name).is_some_and(Value::is_string);
    is_text("type") && is_text("version") && value.get("data").is_some()
}
