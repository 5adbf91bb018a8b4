//! What comes from outside: events that steps wait for, and what operators want. Each is taken in once.

use eventsmith_event::event::State;

use super::{Advance, Turn};
use crate::saga::instance::{SagaEventKind, SagaStatus, Seen, StepOutcome, Versioned, Waiting};
use crate::saga::step::{AnyStep, Kind};

/// So many inputs are remembered: more than an instance has, but for one whose steps wait for the same event again and again.
const MOST_INPUTS: usize = 64;

/// What an operator wants.
pub(crate) struct Operator {
    pub(crate) by: Option<String>,
    pub(crate) detail: Option<String>,
    /// Where they saw the instance.
    pub(crate) seen: Option<Seen>,
}

impl<S: State> Advance<'_, S> {
    /// What comes of an input, by its id: nothing if it was taken in before.
    pub(crate) fn take_in(mut self, id: Option<&str>, decide: impl FnOnce(Self) -> Option<Turn>) -> Option<Turn> {
        if let Some(id) = id {
            if self.instance.inputs.iter().any(|taken| taken == id) {
                return None;
            }
            let surplus = (self.instance.inputs.len() + 1).saturating_sub(MOST_INPUTS);
            self.instance.inputs.drain(..surplus);
            self.instance.inputs.push(id.to_owned());
        }
        decide(self)
    }

    /// An event of a type that some step waits for; nothing if none does any more.
    pub(crate) fn receive(mut self, event_type: &str, event: &Versioned) -> Option<Turn> {
        if self.instance.status != SagaStatus::Running {
            return None;
        }
        let is_for =
            |step: &AnyStep<S>| matches!(&step.kind, Kind::Awaits(awaits) if awaits.event_type() == event_type);
        let reached = self.instance.steps.len();
        let position = self.saga.steps.iter().skip(reached).position(is_for)? + reached;
        let step = &self.saga.steps[position];
        let waited_for = |waiting: &mut Waiting| !waiting.is_undo && waiting.step == step.plan.name;
        match self.instance.waiting.take_if(waited_for) {
            Some(waiting) => {
                self.cancelled = waiting.has_timer.then_some(waiting.command);
                if self.take_event(step, waiting.command, event) {
                    self.proceed();
                }
            }
            None if self.instance.early.contains_key(event_type) => return None,
            None if self.unfit.is_some() => self.break_off(self.unfit_for("the event")),
            None => {
                self.instance.early.insert(event_type.to_owned(), event.clone());
                self.note(SagaEventKind::Received).step = Some(step.plan.name.to_owned());
            }
        }
        Some(self.finish())
    }

    /// An operator lets what is stuck try again; nothing if it is not stuck.
    pub(crate) fn retry(mut self, operator: Operator) -> Option<Turn> {
        self.is_as_seen(&operator).then_some(())?;
        let stuck = self.instance.stuck.take_if(|_| self.instance.status == SagaStatus::Stuck)?;
        self.instance.status = SagaStatus::Compensating;
        let happening = self.note(SagaEventKind::Retried);
        (happening.step, happening.by, happening.detail) = (Some(stuck.step), operator.by, operator.detail);
        self.compensate(stuck.command);
        Some(self.finish())
    }

    /// An operator ends it: what runs is compensated, what is stuck passed over. Nothing where it ends already.
    pub(crate) fn cancel(mut self, operator: Operator) -> Option<Turn> {
        self.is_as_seen(&operator).then_some(())?;
        match self.instance.status {
            SagaStatus::Running => {
                let reason = operator.detail.clone().unwrap_or_else(|| "cancelled by an operator".to_owned());
                let happening = self.note(SagaEventKind::Cancelled);
                (happening.by, happening.detail) = (operator.by, operator.detail);
                self.break_off(reason);
            }
            SagaStatus::Stuck => {
                let stuck = self.instance.stuck.take()?;
                let happening = self.note(SagaEventKind::PassedOver);
                (happening.by, happening.detail) = (operator.by, operator.detail);
                happening.step = Some(stuck.step.clone());
                self.undone_as(&stuck.step, StepOutcome::PassedOver);
                self.instance.status = SagaStatus::Compensating;
                self.compensate(None);
            }
            _ => return None,
        }
        Some(self.finish())
    }

    /// Whether the instance is where an operator saw it: one that runs may have gone on, one that is stuck may not.
    fn is_as_seen(&self, operator: &Operator) -> bool {
        operator.seen.is_none_or(|seen| {
            let is_same = seen.number == self.instance.number || seen.status == SagaStatus::Running;
            seen.status == self.instance.status && is_same
        })
    }

    /// Ends what runs, in the midst of a step.
    fn break_off(&mut self, reason: String) {
        if let Some(waiting) = self.instance.waiting.take() {
            self.cancelled = waiting.has_timer.then_some(waiting.command);
            let is_asked = self.step(&waiting.step).is_some_and(|step| matches!(step.kind, Kind::Asks(_)));
            // What was asked for may be under way.
            let outcome = if is_asked { StepOutcome::Uncertain } else { StepOutcome::NotDone };
            self.record(&waiting.step, outcome);
        }
        self.begin_to_compensate(reason);
    }
}
