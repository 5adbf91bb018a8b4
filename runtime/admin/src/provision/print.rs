//! Plans for people to read.

use std::fmt;

use eventsmith_bus::settings::fields::Effect;
use eventsmith_bus::settings::format;

use super::plan::{Action, Change, FieldChange, Plan};

impl Plan {
    /// What cannot be done, each in a sentence.
    pub(super) fn refusals(&self) -> Vec<String> {
        let refused = self.changes.iter().filter(|change| change.action == Action::Refuse);
        refused
            .flat_map(|change| {
                let fields = change.fields.iter().filter(|field| field.effect == Effect::Refuse);
                let reasons = fields
                    .map(|field| format!("{}: {}", FieldTransition(field), field.note.as_deref().unwrap_or_default()));
                let about = change.about();
                reasons.chain(change.notes.clone()).map(move |reason| format!("{about}: {reason}")).collect::<Vec<_>>()
            })
            .collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Detail::All)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Detail::All)
    }
}

/// How much is said of what is created.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Every setting, on a line of its own.
    All,
    /// A line for each stream and consumer, with what tells it from others.
    Brief,
}

/// The settings that a brief plan shows of what is created.
const TELLING: &[&str] = &["subjects", "filters", "max_age", "ttl", "replicas"];

/// A plan with one line for each stream and consumer that is created.
struct Brief<'a>(&'a Plan);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, Detail::Brief)
    }
}

impl Plan {
    /// The plan for people to read, as `Display` has it, with one line for each stream and consumer that is created. What changes is
    /// shown in full.
    pub fn brief(&self) -> impl fmt::Display + '_ {
        Brief(self)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, detail: Detail) -> fmt::Result {
        for change in self.changes.iter().filter(|change| change.action != Action::Keep) {
            change.write(f, detail)?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))?;
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        write!(
            f,
            "{} to create, {} to update, {} to recreate, {} refused, {} as they should be",
            count(Action::Create),
            count(Action::Update),
            count(Action::Recreate),
            count(Action::Refuse),
            count(Action::Keep)
        )
    }
}

impl Change {
    fn write(&self, f: &mut fmt::Formatter<'_>, detail: Detail) -> fmt::Result {
        let sign = match self.action {
            Action::Keep => "=",
            Action::Create => "+",
            Action::Update => "~",
            Action::Recreate => "-+",
            Action::Refuse => "!",
        };
        let about = match &self.consumer {
            Some(consumer) => format!("consumer {consumer} of {}", self.stream),
            None => format!("stream {}", self.stream),
        };
        let is_brief = detail == Detail::Brief && self.action == Action::Create;
        if is_brief {
            writeln!(f, "{sign} {about}{}", self.summary())?;
        } else if self.fields.iter().all(|field| field.from.is_none()) {
            writeln!(f, "{sign} {about}")?;
        }
        for field in &self.fields {
            match &field.from {
                None if is_brief => {}
                None => writeln!(f, "    {} {}", field.field, field.to)?,
                Some(_) => writeln!(f, "{sign} {about}: {}", FieldTransition(field))?,
            }
            if let Some(note) = &field.note {
                writeln!(f, "    {}: {note}", if field.effect == Effect::Refuse { "refused" } else { "warning" })?;
            }
        }
        let kind = if self.action == Action::Refuse { "refused" } else { "note" };
        self.notes.iter().try_for_each(|note| writeln!(f, "    {kind}: {note}"))
    }

    /// What tells a new stream or consumer from others, and how many settings it has beside that.
    fn summary(&self) -> String {
        let is_telling = |field: &&FieldChange| TELLING.contains(&field.field) && field.to != format::NOT_APPLICABLE;
        let telling: Vec<String> =
            self.fields.iter().filter(is_telling).map(|field| FieldTransition(field).to_string()).collect();
        let more = self.fields.iter().filter(|field| !is_telling(field)).count();
        match telling.as_slice() {
            [] => String::new(),
            telling => format!(": {} (and {more} more settings)", telling.join(", ")),
        }
    }
}

/// A setting with what it is and what it is to be.
struct FieldTransition<'a>(&'a FieldChange);

impl fmt::Display for FieldTransition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldChange { field, from, to, .. } = self.0;
        match from {
            Some(from) => write!(f, "{field} {from} -> {to}"),
            None => write!(f, "{field} {to}"),
        }
    }
}
