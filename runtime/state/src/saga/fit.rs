//! Whether a runner's definition is the one that an instance goes on with.

use eventsmith_event::event::State;

use super::advance::Advance;
use super::instance::{StepRecord, Versioned};
use super::step::{AnyStep, Kind};

impl<S: State> Advance<'_, S> {
    /// Why the definition is not the one that the instance began with.
    pub(crate) fn misfit(&self) -> Option<String> {
        let differs = |(record, step): &(&StepRecord, &AnyStep<S>)| record.step != step.plan.name;
        let mut pairs = self.instance.steps.iter().zip(&self.saga.steps);
        if let Some((record, step)) = pairs.find(|pair| differs(pair)) {
            return Some(format!("its step {} is called {} here", record.step, step.plan.name));
        }
        let records = self.instance.steps.len();
        if records > self.saga.steps.len() {
            return Some(format!("it has {records} steps behind it, and there are {} here", self.saga.steps.len()));
        }
        // What is undone has a record; what is done is the step behind them.
        let waiting = self.instance.waiting.as_ref();
        let next = waiting.filter(|waiting| !waiting.is_undo).map(|waiting| waiting.step.as_str());
        let here = self.saga.steps.get(records).map_or("none", |step| step.plan.name);
        let undone = waiting.filter(|waiting| waiting.is_undo).map(|waiting| waiting.step.as_str());
        let stuck = self.instance.stuck.as_ref().map(|stuck| stuck.step.as_str());
        let is_recorded = |step: &&str| self.instance.steps.iter().any(|record| record.step == *step);
        match next.filter(|next| *next != here) {
            Some(next) => {
                Some(format!("it waits for its step {next} behind {records} others, where {here} stands here"))
            }
            None => {
                let missing = undone.into_iter().chain(stuck).find(|step| !is_recorded(step));
                missing.map(|step| format!("its step {step} is not here"))
            }
        }
    }

    /// What of the instance is of a newer version of its schema than is known here: a newer program goes on with it.
    pub(crate) fn newer(&self, event: Option<(&str, &Versioned)>) -> Option<String> {
        let state = &self.instance.state;
        if state.version > S::VERSION {
            return Some(format!("its state is of version {}, and {} is known here", state.version, S::VERSION));
        }
        let early = self.instance.early.iter().map(|(event_type, event)| (event_type.as_str(), event));
        early.chain(event).find_map(|(event_type, event)| {
            let known = self.saga.steps.iter().find_map(|step| match &step.kind {
                Kind::Awaits(awaits) if awaits.event_type() == event_type => Some(awaits.version()),
                _ => None,
            })?;
            let version = event.version;
            (version > known)
                .then(|| format!("the event {event_type} is of version {version}, and {known} is known here"))
        })
    }
}
