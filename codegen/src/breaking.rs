//! Whether a catalogue may replace an earlier one: every published version is compared with its earlier text.
//!
//! A version file that has been published may change only compatibly. New readers must understand what old writers
//! wrote (backward), old readers what new writers write (forward), as the policy says. Of a request the servers are the readers,
//! of what it is answered with the callers.

mod buckets;
pub mod changes;
mod direction;
mod findings;
mod idempotence;
mod moved;
mod places;
mod published;
mod renamed;
mod shown;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashSet;

use serde_json::Value;

use crate::containment::{Compatibility, Prepared, decide};
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint;
use crate::load::Loaded;
use crate::manifest::Policy;
use crate::model::VersionPart;
use crate::parallel;

use changes::{Change, changes};
use findings::Pair;

pub use direction::Direction;
use texts::{Broken, Subject, Text, Texts};

/// Everything that is known about the change from one catalogue to another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparisons {
    /// Every version that is in both, in the order of the current catalogue.
    pub comparisons: Vec<Comparison>,
    /// What breaks a reader, or may break one.
    pub findings: Vec<Diagnostic>,
}

/// A schema compared with its earlier text, in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The type of the event.
    pub event_type: String,
    /// The number of the version.
    pub version: u32,
    /// Whether the event or request itself is meant, or what a request is answered with.
    pub part: VersionPart,
    /// Which side writes and which side reads.
    pub direction: Direction,
    /// What is known.
    pub status: Status,
    /// The earlier catalogue: its folder or revision.
    pub revision: String,
    /// A payload that writers may write and readers reject.
    pub witness: Option<Value>,
    /// JSON pointer into the witness: the part that the reader rejects.
    pub instance_pointer: Option<String>,
    /// JSON pointer of the keyword in the reader's bundled schema that rejects it, or that could not be decided.
    pub schema_pointer: Option<String>,
    /// Why the reader rejects it, or why nothing could be decided.
    pub reason: Option<String>,
    /// What has changed in the schema, whether it matters or not.
    pub changes: Vec<Change>,
}

/// What is known about a comparison, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Both schemas say the same.
    Identical,
    /// Proved: readers accept everything that is written.
    Compatible,
    /// Neither proved nor refuted.
    Undecided,
    /// Refuted by a witness.
    Breaking,
}

impl Status {
    /// The status as a word, lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Compatible => "compatible",
            Self::Undecided => "undecided",
            Self::Breaking => "breaking",
        }
    }
}

impl Comparisons {
    /// How many comparisons have this status.
    pub fn count(&self, status: Status) -> usize {
        self.comparisons.iter().filter(|comparison| comparison.status == status).count()
    }
}

/// Compares a catalogue with the one before.
pub fn compare(previous: &Loaded, current: &Loaded, policy: Policy) -> Comparisons {
    compare_all([], previous, current, policy)
}

/// Compares a catalogue with the one before and with all those before that, newest first.
///
/// Of every version each text that it ever had is compared once, and the worst result is reported. Earlier catalogues
/// are dropped as soon as their texts are known: a long history takes no more memory than the texts that differ.
/// For removed events and versions only the last catalogue counts: earlier removals were reported when they were made.
pub fn compare_all(
    earlier: impl IntoIterator<Item = Loaded>,
    previous: &Loaded,
    current: &Loaded,
    policy: Policy,
) -> Comparisons {
    let mut history = Texts::default();
    let mut findings = published::findings(previous, current);
    findings.extend(published::unreadable_answers(previous, current, policy));
    findings.extend(renamed::findings(previous, current));
    findings.extend(history.add(previous, Severity::Warning));
    for catalogue in earlier {
        // Earlier catalogues cannot be repaired: their faults are advice.
        findings.extend(history.add(&catalogue, Severity::Advice));
    }
    let broken = Broken::of(current);
    // What is wrong now and keeps nothing from being compared is wrong all the same.
    findings.extend(current.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).cloned());
    let subjects = texts::subjects(current);
    let results = parallel::map(&subjects, |subject| {
        let then = history.broken(subject).map(str::to_owned);
        let now = broken
            .finding(current, &subject.file)
            .map(|finding| format!("{} is broken: {}", finding.file, finding.message));
        match now.or_else(|| then.filter(|_| history.of(subject).is_empty())) {
            Some(reason) => unknown(&history, previous, subject, policy, &reason),
            None => worst(&history, previous, current, subject, policy),
        }
    });
    let mut comparisons = Vec::new();
    for (comparison, finding) in results.into_iter().flatten() {
        comparisons.push(comparison);
        findings.extend(finding);
    }
    let mut findings = lint::switched(current, findings);
    let mut known = HashSet::new();
    findings.retain(|finding| known.insert((finding.rule, finding.file.clone(), finding.message.clone())));
    findings.sort_by(|a, b| (&a.file, a.position, a.rule).cmp(&(&b.file, b.position, b.rule)));
    Comparisons { comparisons, findings }
}

type Compared = (Comparison, Option<Diagnostic>);

/// The worst comparison of a schema with its earlier texts, in every direction; nothing for a schema that is new.
fn worst(history: &Texts, previous: &Loaded, current: &Loaded, subject: &Subject, policy: Policy) -> Vec<Compared> {
    let now = Text::of(current, &subject.file);
    let last = previous.catalogue.dir.display().to_string();
    let prepared = Prepared::new(&now.schema);
    let mut found: Vec<Compared> = Vec::new();
    for then in history.of(subject) {
        let before = Prepared::new(&then.schema);
        let changes = changes(&then.schema, &now.schema);
        for direction in Direction::all(policy, subject.part) {
            let (writer, reader) = match direction {
                Direction::Backward => (&before, &prepared),
                Direction::Forward => (&prepared, &before),
            };
            let is_last = then.revision == last;
            let pair = Pair { subject, then, now: &now, current, direction: *direction, is_last };
            let result = compared(&pair, decide(writer, reader), changes.clone());
            // The newest of those that are equally bad comes first.
            match found.iter_mut().find(|known| known.0.direction == *direction) {
                None => found.push(result),
                Some(worst) if result.0.status > worst.0.status => *worst = result,
                Some(_) => {}
            }
        }
    }
    found
}

/// The comparison of a schema that cannot be read now or could not be read then: undecided. A finding says why.
fn unknown(history: &Texts, previous: &Loaded, subject: &Subject, policy: Policy, reason: &str) -> Vec<Compared> {
    if history.of(subject).is_empty() && history.broken(subject).is_none() {
        return Vec::new();
    }
    let revision = previous.catalogue.dir.display().to_string();
    let of_direction = |direction: &Direction| {
        let mut comparison = Comparison::new(subject, *direction, &revision, Vec::new());
        comparison.status = Status::Undecided;
        comparison.reason = Some(reason.to_owned());
        (comparison, None)
    };
    Direction::all(policy, subject.part).iter().map(of_direction).collect()
}

impl Comparison {
    fn new(subject: &Subject, direction: Direction, revision: &str, changes: Vec<Change>) -> Self {
        Self {
            event_type: subject.event_type.clone(),
            version: subject.version,
            part: subject.part,
            direction,
            status: Status::Identical,
            revision: revision.to_owned(),
            witness: None,
            instance_pointer: None,
            schema_pointer: None,
            reason: None,
            changes,
        }
    }
}

fn compared(pair: &Pair<'_>, compatibility: Compatibility, changes: Vec<Change>) -> Compared {
    let mut comparison = Comparison::new(pair.subject, pair.direction, &pair.then.revision, changes);
    let finding = match compatibility {
        Compatibility::Identical => None,
        Compatibility::Compatible => {
            comparison.status = Status::Compatible;
            None
        }
        Compatibility::Breaking(witness) => {
            let finding = pair.breaking(&witness, &comparison.changes);
            comparison.status = Status::Breaking;
            comparison.witness = Some(witness.payload);
            comparison.instance_pointer = Some(witness.fault.pointer);
            comparison.schema_pointer = Some(witness.fault.keyword);
            comparison.reason = Some(witness.fault.message);
            Some(finding)
        }
        Compatibility::Undecided(obstacle) => {
            let finding = pair.undecided(&obstacle, &comparison.changes);
            comparison.status = Status::Undecided;
            comparison.schema_pointer = Some(obstacle.pointer);
            comparison.reason = Some(obstacle.reason);
            Some(finding)
        }
    };
    (comparison, finding)
}
