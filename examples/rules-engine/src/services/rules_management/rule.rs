//! A rule as its events make it.

use std::collections::BTreeMap;

use eventsmith::state::Aggregate;
use eventsmith::{DateTime, Timestamp};
use rules_events::aggregates::RuleEvent;
use rules_events::common::{Actor, RuleDefinition, RuleName, RulePriority, RuleStatus, RuleVersion, Tag};
use rules_events::rule::{PropertyChange, RuleChanges};
use serde_json::Value;

/// One rule. Nothing is known of it before it is created, and nothing after it is deleted but that it was.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// What it is, unless it is none.
    pub known: Option<Known>,
    /// Whether it was deleted.
    pub is_deleted: bool,
}

/// What is known of a rule.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name.
    pub name: RuleName,
    /// What it is for.
    pub description: String,
    /// Its text, which follows its creation.
    pub definition: Option<RuleDefinition>,
    /// Its status, whatever the time.
    pub status: RuleStatus,
    /// From when on it is active.
    pub effective_at: Option<DateTime>,
    /// Its priority.
    pub priority: RulePriority,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its version.
    pub version: RuleVersion,
    /// Who created it, and when.
    pub created: (Actor, DateTime),
    /// Who changed it last, and when.
    pub updated: Option<(Actor, DateTime)>,
}

impl Aggregate for Rule {
    type Event = RuleEvent;

    fn apply(&mut self, event: &RuleEvent) {
        match event {
            RuleEvent::Created(created) => {
                self.known = Some(Known {
                    name: created.name.clone(),
                    description: created.description.clone(),
                    definition: None,
                    status: created.status,
                    effective_at: None,
                    priority: created.priority,
                    tags: created.tags.clone().unwrap_or_default(),
                    version: created.version,
                    created: (created.created_by.clone(), created.created_at.clone()),
                    updated: None,
                });
            }
            RuleEvent::Deleted(_) => *self = Self { known: None, is_deleted: true },
            event => {
                if let Some(known) = &mut self.known {
                    known.apply(event);
                }
            }
        }
    }
}

impl Known {
    fn apply(&mut self, event: &RuleEvent) {
        match event {
            RuleEvent::Updated(updated) => {
                self.name = updated.name.clone().unwrap_or_else(|| self.name.clone());
                for (property, change) in &updated.changes {
                    self.change(property, &change.to);
                }
                self.version = RuleVersion(updated.new_version);
                self.updated = Some((updated.updated_by.clone(), updated.updated_at.clone()));
            }
            RuleEvent::Activated(activated) => {
                self.status = RuleStatus::Active;
                self.effective_at = Some(activated.effective_at.clone());
            }
            RuleEvent::Deactivated(_) => self.status = RuleStatus::Inactive,
            RuleEvent::Created(_) | RuleEvent::Deleted(_) => {}
        }
    }

    /// A value that was valid when it was stored is read again; what is none changes nothing.
    fn change(&mut self, property: &str, to: &Value) {
        match (property, to) {
            ("description", Value::String(text)) => self.description.clone_from(text),
            ("definition", Value::String(text)) => self.definition = text.parse().ok(),
            ("priority", to) => self.priority = serde_json::from_value(to.clone()).unwrap_or(self.priority),
            ("tags", to) => self.tags = serde_json::from_value(to.clone()).unwrap_or_else(|_| self.tags.clone()),
            _ => {}
        }
    }

    /// The status at a time: a rule that takes effect later is not active yet.
    pub fn status_at(&self, now: Timestamp) -> RuleStatus {
        match (self.status, &self.effective_at) {
            (RuleStatus::Active, Some(from)) if from.timestamp() > now => RuleStatus::Inactive,
            (status, _) => status,
        }
    }

    /// What would change: the old and the new value of each property that is another one by then.
    pub fn changes(&self, to: &RuleChanges) -> BTreeMap<String, PropertyChange> {
        let properties = [
            ("name", Value::from(self.name.as_str()), to.name.as_ref().map(|it| Value::from(it.as_str()))),
            ("description", Value::from(self.description.as_str()), to.description.as_deref().map(Value::from)),
            (
                "definition",
                self.definition.as_ref().map_or(Value::Null, |it| Value::from(it.as_str())),
                to.definition.as_ref().map(|it| Value::from(it.as_str())),
            ),
            ("priority", Value::from(self.priority.0), to.priority.map(|it| Value::from(it.0))),
            ("tags", texts(&self.tags), to.tags.as_deref().map(texts)),
        ];
        let changed = properties.into_iter().filter_map(|(name, from, to)| {
            let to = to.filter(|to| *to != from)?;
            Some((name.to_owned(), PropertyChange { from, to }))
        });
        changed.collect()
    }
}

fn texts(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| Value::from(tag.as_str())).collect()
}
