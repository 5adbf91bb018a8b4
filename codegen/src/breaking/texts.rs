//! The texts of a catalogue's schemas, now and in earlier revisions.

use std::collections::HashMap;

use serde_json::Value;

use crate::bundle::{Origins, bundle_with_origins, files_from};
use crate::diagnostic::{Diagnostic, Severity};
use crate::load::Loaded;
use crate::manifest::FILE_NAME;
use crate::model::{Kind, VersionPart};

/// A schema that is compared: that of an event's version, or of what a request is answered with.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) event_type: String,
    pub(super) version: u32,
    pub(super) part: VersionPart,
    /// Its file in the current catalogue.
    pub(super) file: String,
}

impl Subject {
    fn key(&self) -> Key {
        (self.event_type.clone(), self.version, self.part)
    }
}

/// The schemas of a catalogue.
pub(super) fn subjects(loaded: &Loaded) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (event, version) in loaded.catalogue.versions() {
        subjects.extend(version.parts().map(|(part, file)| Subject {
            kind: event.kind,
            event_type: event.event_type.clone(),
            version: version.number,
            part,
            file: file.clone(),
        }));
    }
    subjects
}

/// What a schema says in one revision.
#[derive(Debug)]
pub(super) struct Text {
    /// The folder or revision of its catalogue.
    pub(super) revision: String,
    pub(super) file: String,
    pub(super) schema: Value,
    pub(super) origins: Origins,
}

impl Text {
    pub(super) fn of(loaded: &Loaded, file: &str) -> Self {
        let (schema, origins) = bundle_with_origins(loaded, file);
        let revision = loaded.catalogue.dir.display().to_string();
        Self { revision, file: file.to_owned(), schema: schema.into_owned(), origins }
    }
}

/// Every text that the schemas ever had, each once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: HashMap<Key, Vec<Text>>,
    /// Schemas that cannot be read, with the reason.
    broken: HashMap<Key, String>,
}

/// Type, version and part.
type Key = (String, u32, VersionPart);

impl Texts {
    /// The earlier texts of a schema, newest first.
    pub(super) fn of(&self, subject: &Subject) -> &[Text] {
        self.known.get(&subject.key()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why nothing is known about an earlier text of a schema, if there was one.
    pub(super) fn broken(&self, subject: &Subject) -> Option<&str> {
        self.broken.get(&subject.key()).map(String::as_str)
    }

    /// Adds the texts of an earlier revision; returns what cannot be read there, as findings of a severity.
    pub(super) fn add(&mut self, loaded: &Loaded, severity: Severity) -> Vec<Diagnostic> {
        let broken = Broken::of(loaded);
        for subject in subjects(loaded) {
            if let Some(finding) = broken.finding(loaded, &subject.file) {
                self.broken.entry(subject.key()).or_insert_with(|| unsound(loaded, finding, severity).message);
                continue;
            }
            let text = Text::of(loaded, &subject.file);
            let texts = self.known.entry(subject.key()).or_default();
            if !texts.iter().any(|known| known.schema == text.schema) {
                texts.push(text);
            }
        }
        broken.findings.into_iter().map(|finding| unsound(loaded, finding, severity)).collect()
    }
}

/// What cannot be read of a catalogue.
pub(super) struct Broken<'a> {
    pub(super) findings: Vec<&'a Diagnostic>,
}

impl<'a> Broken<'a> {
    pub(super) fn of(loaded: &'a Loaded) -> Self {
        Self { findings: loaded.diagnostics.iter().filter(|finding| makes_unreadable(finding)).collect() }
    }

    /// The finding that makes a file unreadable. A broken file has no meaning, and neither has what refers to
    /// it.
    pub(super) fn finding(&self, loaded: &Loaded, file: &str) -> Option<&'a Diagnostic> {
        let first = self.findings.first()?;
        let files = files_from(loaded, file);
        let found = self.findings.iter().find(|finding| files.contains(&finding.file)).copied();
        found.or_else(|| (first.file == FILE_NAME).then_some(*first))
    }
}

/// Whether a finding means that a file cannot be compared, and not only that it breaks a rule of ours.
fn makes_unreadable(finding: &Diagnostic) -> bool {
    const RULES: &[&str] =
        &["bad-json", "bad-link", "bad-manifest", "bad-reference", "bad-schema", "no-manifest", "unreadable"];
    finding.severity == Severity::Error && RULES.contains(&finding.rule)
}

fn unsound(loaded: &Loaded, finding: &Diagnostic, severity: Severity) -> Diagnostic {
    let revision = loaded.catalogue.dir.display();
    let at = finding.position.map(|at| format!(" at line {}, column {}", at.line, at.column)).unwrap_or_default();
    let message =
        format!("{} cannot be compared with {revision}: it is broken there{at}: {}", finding.file, finding.message);
    let help = "nothing is known about its changes; compare with a sound revision";
    Diagnostic { severity, ..Diagnostic::error("unsound-previous", &finding.file, message, help) }
}
