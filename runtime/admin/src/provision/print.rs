//! Plans for people to read.

use std::fmt;

use eventsmith_bus::settings::fields::Effect;

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
        for change in self.changes.iter().filter(|change| change.action != Action::Keep) {
            write!(f, "{change}")?;
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

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        if self.fields.iter().all(|field| field.from.is_none()) {
            writeln!(f, "{sign} {about}")?;
        }
        for field in &self.fields {
            match &field.from {
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
