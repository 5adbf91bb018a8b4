//! A rule as its events make it: an aggregate. Its commands say what happens to it, or why nothing does.

use eventsmith::state::Aggregate;
use eventsmith::{DateTime, Refusal};
use rules_events::aggregates::RuleEvent;
use rules_events::common::{NotFound, RuleName, RuleStatus, WrongState};
use rules_events::rule::{RuleActivate, RuleActivateError, RuleActivated, RuleCreated};

/// It begins as nothing, and is what a command has to know of it.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    name: Option<RuleName>,
    status: Option<RuleStatus>,
}

impl Aggregate for Rule {
    /// Generated: every event whose schema says `"aggregate": "rule"`, in its newest version.
    type Event = RuleEvent;

    /// What happened cannot be refused any more.
    fn apply(&mut self, event: &RuleEvent) {
        match event {
            RuleEvent::Created(created) => {
                self.name = Some(created.name.clone());
                self.status = Some(created.status);
            }
            RuleEvent::Updated(updated) => self.name = updated.name.clone().or(self.name.take()),
            RuleEvent::Activated(_) => self.status = Some(RuleStatus::Active),
            RuleEvent::Deactivated(_) => self.status = Some(RuleStatus::Inactive),
            RuleEvent::Deleted(_) => *self = Self::default(),
        }
    }
}

impl Rule {
    pub(crate) fn create(&self, created: &RuleCreated) -> anyhow::Result<Vec<RuleEvent>> {
        anyhow::ensure!(self.status.is_none(), "there is a rule {} already", created.rule_id);
        Ok(vec![created.clone().into()])
    }

    /// Any error would become a failure with `?`; those that the schema of the command knows are refusals.
    pub(crate) fn activate(&self, request: &RuleActivate) -> Result<Vec<RuleEvent>, Refusal<RuleActivateError>> {
        let (Some(name), Some(status)) = (&self.name, self.status) else {
            return Err(Refusal::new(RuleActivateError::NotFound(NotFound { message: None })));
        };
        if !matches!(status, RuleStatus::Draft | RuleStatus::Inactive) {
            let wanted = vec!["draft".parse()?, "inactive".parse()?];
            let wrong_state = WrongState { state: status.as_str().parse()?, wanted, message: None };
            return Err(Refusal::new(RuleActivateError::WrongState(wrong_state)));
        }
        let now = DateTime::now();
        let activated = RuleActivated {
            rule_id: request.rule_id.clone(),
            name: name.clone(),
            activated_by: request.requested_by.clone(),
            effective_at: request.effective_at.clone().unwrap_or_else(|| now.clone()),
            activated_at: now,
        };
        Ok(vec![activated.into()])
    }
}
