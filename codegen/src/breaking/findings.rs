//! From comparisons to findings: the message, and the location in the new files.

use serde_json::Value;

use crate::containment::{Obstacle, Witness};
use crate::diagnostic::{Diagnostic, Severity};
use crate::excerpt::cut;
use crate::load::Loaded;
use crate::model::Usage;
use crate::pointer::{join, steps};
use crate::references::Location;
use crate::schema::Fault;

use super::changes::Change;
use super::direction::Direction;
use super::shown::{lines, shortened};
use super::texts::{Subject, Text};

/// A witness that is longer than this does not fit into a sentence.
const SHORT: usize = 120;

/// How much of what a validator says is quoted, in characters.
const LONGEST_MESSAGE: usize = 240;

/// How many changes one finding lists.
const SHOWN_CHANGES: usize = 3;

/// One schema then and now.
pub(super) struct Pair<'a> {
    pub(super) subject: &'a Subject,
    pub(super) then: &'a Text,
    pub(super) now: &'a Text,
    pub(super) current: &'a Loaded,
    pub(super) direction: Direction,
    /// Whether the earlier text is that of the last catalogue, which goes without saying.
    pub(super) is_last: bool,
}

/// Who reads and writes what a schema describes.
struct Sides {
    reader: &'static str,
    writers: &'static str,
    /// What writers did in the past; requests and answers are not kept, as events and documents are.
    wrote: &'static str,
    write: &'static str,
}

impl Pair<'_> {
    /// The finding about a witness.
    pub(super) fn breaking(&self, witness: &Witness, changes: &[Change]) -> Diagnostic {
        let Witness { payload, fault } = witness;
        let Sides { reader, writers, wrote, write } = self.sides();
        let who = match self.direction {
            Direction::Backward => format!("a new {reader} rejects what old {writers}{} {wrote}", self.revision()),
            Direction::Forward => format!("an old {reader}{} rejects what new {writers} {write}", self.revision()),
        };
        let line = payload.to_string();
        let is_short = line.chars().count() <= SHORT;
        let shown = if is_short { format!(", {line}") } else { String::new() };
        let at = if fault.pointer.is_empty() { String::new() } else { format!("at {}, ", fault.pointer) };
        let changed = near(changes, fault).map(|changes| format!(" ({changes})")).unwrap_or_default();
        let message = format!("{}: {who}{shown}: {at}{}{changed}", self.name(), cut(&fault.message, LONGEST_MESSAGE));
        let location = self.edited(fault, changes).unwrap_or_else(|| self.location(fault));
        let mut help = self.way_out(&location);
        if !is_short {
            help = format!("{help}; what is written:\n    {}", lines(&shortened(payload, &fault.pointer)));
        }
        self.finding("breaking-change", &location, message, help)
    }

    /// The finding about an undecided change.
    pub(super) fn undecided(&self, obstacle: &Obstacle, changes: &[Change]) -> Diagnostic {
        let Sides { reader, writers, wrote, write } = self.sides();
        let question = match self.direction {
            Direction::Backward => {
                format!("whether new {reader}s understand what old {writers}{} {wrote}", self.revision())
            }
            Direction::Forward => {
                format!("whether old {reader}s{} understand what new {writers} {write}", self.revision())
            }
        };
        let fault = Fault { keyword: obstacle.pointer.clone(), ..Fault::default() };
        let changed = near(changes, &fault).map(|changes| format!(" ({changes})")).unwrap_or_default();
        let message = format!(
            "{}: {question} could not be decided: {}{changed}",
            self.name(),
            cut(&obstacle.reason, LONGEST_MESSAGE)
        );
        let location = self.location(&fault);
        let help = format!("{}; if you know better, --allow-undecided", self.way_out(&location));
        self.finding("undecided-change", &location, message, help)
    }

    fn name(&self) -> String {
        let Subject { event_type, version, part, .. } = self.subject;
        part.of(event_type, *version)
    }

    fn sides(&self) -> Sides {
        match (self.subject.part.is_answer(), self.subject.kind.usage()) {
            (true, _) => Sides { reader: "caller", writers: "servers", wrote: "answer", write: "answer" },
            (false, Usage::Request) => Sides { reader: "server", writers: "callers", wrote: "send", write: "send" },
            (false, Usage::Event | Usage::Document) => {
                Sides { reader: "reader", writers: "writers", wrote: "wrote", write: "write" }
            }
        }
    }

    fn revision(&self) -> String {
        if self.is_last { String::new() } else { format!(" of {}", self.then.revision) }
    }

    fn way_out(&self, location: &Location) -> String {
        let Subject { event_type, version, part, file, .. } = self.subject;
        let event = self.current.catalogue.event(event_type);
        let newest = event.and_then(|event| event.versions.last()).map_or(*version, |version| version.number);
        let next = file.replace(&format!(".v{version}."), &format!(".v{}.", newest + 1));
        // An answer is none without its request.
        let request = part.is_answer().then(|| next.strip_suffix(&format!(".{}.json", part.as_str()))).flatten();
        let next = request.map_or_else(|| next.clone(), |request| format!("{request}.json with {next}"));
        // Servers of a new version answer the callers of this one, too.
        let still = match self.direction {
            Direction::Forward if part.is_answer() => {
                format!(", in which callers of v{version} may drop what is new, and need what they need today")
            }
            _ => String::new(),
        };
        let next = format!("{next}{still}");
        if location.file == *file {
            return format!(
                "what is published stays as it is: undo the change here and make it in a new version, {next}"
            );
        }
        // A shared type has no version of its own.
        let copy = match steps(&location.pointer).as_deref() {
            Some([keyword, name, ..]) if ["$defs", "definitions"].contains(&keyword.as_str()) => {
                format!("as {name}V{}", newest + 1)
            }
            _ => "in a file of its own".to_owned(),
        };
        format!(
            "what is published stays as it is, and so does the shared type that it refers to: undo the change here, make it \
             in a copy of the type, {copy}, and let a new version refer to that, {next}"
        )
    }

    fn finding(&self, rule: &'static str, location: &Location, message: String, help: String) -> Diagnostic {
        match self.current.catalogue.documents.get(&location.file) {
            Some(document) => document.error(rule, &location.pointer, message, help),
            None => Diagnostic { severity: Severity::Error, ..Diagnostic::error(rule, &location.file, message, help) },
        }
    }

    /// Where the event's own file was edited, if an old reader rejects a value of a property by what a shared type says that is as it
    /// was: the property was removed, or is another one now.
    fn edited(&self, fault: &Fault, changes: &[Change]) -> Option<Location> {
        let file = &self.subject.file;
        let is_shared = self.direction == Direction::Forward && self.then.origins.of(&fault.keyword).file != *file;
        let document = self.current.catalogue.documents.get(file).filter(|_| is_shared)?;
        let mut at = String::new();
        let edited = steps(&fault.pointer)?.into_iter().find_map(|step| {
            at = join(&join(&at, "properties"), &step);
            changes.iter().any(|change| change.pointer == at).then(|| at.clone())
        })?;
        Some(Location { file: file.clone(), pointer: existing(&document.schema, &edited) })
    }

    /// The location in the new files of what the reader rejects.
    fn location(&self, fault: &Fault) -> Location {
        let documents = &self.current.catalogue.documents;
        let reader = match self.direction {
            Direction::Backward => &self.now.origins,
            Direction::Forward => &self.then.origins,
        };
        let pointer = match (self.direction, fault.unexpected.first()) {
            // What an old reader does not expect stands in the new file as something that writers may write.
            (Direction::Forward, Some(name)) => join(&join(holder(&fault.keyword), "properties"), name),
            _ => fault.keyword.clone(),
        };
        let exists = |file: &str| documents.get(file).is_some_and(|file| file.schema.pointer(&pointer).is_some());
        let location = match reader.of(&pointer) {
            location if location.file == self.then.file || !documents.contains_key(&location.file) => {
                self.now.origins.of(&pointer)
            }
            location => location,
        };
        let embedded = reader.embedded().find(|file| !exists(&self.subject.file) && exists(file));
        let location = embedded.map_or(location, |file| Location { file: file.to_owned(), pointer: pointer.clone() });
        match documents.get(&location.file) {
            Some(document) => Location { pointer: existing(&document.schema, &location.pointer), file: location.file },
            None => Location::root(&self.subject.file),
        }
    }
}

/// The pointer of the schema that holds a keyword.
fn holder(keyword: &str) -> &str {
    keyword.rsplit_once('/').map_or("", |(holder, _)| holder)
}

/// The pointer, or that of the nearest ancestor that exists.
fn existing(document: &Value, pointer: &str) -> String {
    let mut at = pointer;
    while document.pointer(at).is_none() && !at.is_empty() {
        at = holder(at);
    }
    at.to_owned()
}

/// The changes around a violated keyword, or else all, as text.
fn near(changes: &[Change], fault: &Fault) -> Option<String> {
    let holder = holder(&fault.keyword);
    let is_below =
        |pointer: &str, at: &str| pointer.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let properties = join(holder, "properties");
    let named = fault.missing.iter().chain(&fault.unexpected).map(|name| join(&properties, name));
    let named: Vec<String> = named.collect();
    let is_it = |change: &&Change| {
        named.contains(&change.pointer)
            || named.is_empty() && (change.pointer == holder || is_below(&change.pointer, &fault.keyword))
    };
    let is_around = |change: &&Change| is_below(&change.pointer, holder);
    let mut shown: Vec<&Change> = changes.iter().filter(is_it).collect();
    if shown.is_empty() {
        shown = changes.iter().filter(is_around).collect();
    }
    if shown.is_empty() {
        shown = changes.iter().collect();
    }
    let lines: Vec<String> = shown.iter().take(SHOWN_CHANGES).map(|change| change.to_string()).collect();
    let more = shown.len().saturating_sub(SHOWN_CHANGES);
    let more = if more > 0 { format!("; and {more} more changes") } else { String::new() };
    (!lines.is_empty()).then(|| format!("{}{more}", lines.join("; ")))
}
