//! What follows from what happened to an instance. Nobody is asked and nothing is stored here, so that the same input may be decided again.

mod outside;

use std::sync::Arc;
use std::time::Duration;

use eventsmith_event::clip::clip;
use eventsmith_event::event::State;
use eventsmith_event::invalid::{Invalid, Violation};
use jiff::Timestamp;
use serde_json::value::{RawValue, to_raw_value};

use super::asking::{Asking, Change, Decide};
use super::choice::Otherwise;
use super::definition::Saga;
use super::instance::{
    EventData, Happening, Instance, SagaEventKind, SagaStatus, StepOutcome, StepRecord, StuckWith, Versioned, Waiting,
};
use super::step::{AnyStep, Ends, Kind};
use crate::confine::confined;
pub(crate) use outside::Operator;

/// What is appended at once.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What happened, at least one thing; the last has the instance as it is then.
    pub(crate) events: Vec<EventData>,
    /// A request that is to be made.
    pub(crate) intent: Option<Intent>,
    /// A time-out that begins, of this command.
    pub(crate) timer: Option<Timer>,
    /// The command whose time-out ends.
    pub(crate) cancelled: Option<u64>,
    /// The number of the first of the events.
    pub(crate) first: u64,
}

/// A request that is to be made.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) command: u64,
    pub(crate) request_type: (&'static str, u32),
    pub(crate) data: Box<RawValue>,
}

/// A time-out that begins.
#[derive(Debug)]
pub(crate) struct Timer {
    pub(crate) command: u64,
    pub(crate) step: String,
    pub(crate) due: Due,
}

/// When a time-out comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    /// So long after it is stored.
    After(Duration),
    At(Timestamp),
}

/// What came of the request of a command.
pub(crate) enum Reaction<S> {
    Replied(Change<S>),
    Refused(Decide<S>, String),
    /// All attempts are used up, or another one makes no sense.
    Unanswered {
        reason: String,
        may_be_done: bool,
    },
    TimedOut,
}

/// How much of a turn cannot be stored, as it is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unfit {
    /// What its answers make of the state, and the requests of further steps.
    Forward,
    /// Also the requests that undo steps.
    Backward,
}

/// An instance on its way from one wait to the next.
pub(crate) struct Advance<'a, S> {
    pub(super) saga: &'a Saga<S>,
    pub(super) instance: Instance,
    first: u64,
    happenings: Vec<Happening>,
    intent: Option<Intent>,
    timer: Option<Timer>,
    cancelled: Option<u64>,
    /// What is not tried, and why not.
    unfit: Option<(Unfit, String)>,
}

/// The first turn of an instance. `Err` has what is wrong with its state.
pub(crate) fn begin<S: State>(saga: &Saga<S>, state: &S) -> Result<Turn, Invalid> {
    state.validate()?;
    let unwritable = |error: serde_json::Error| {
        let violation = Violation::new("", "", format!("a document that can be written: {error}"));
        Invalid::new(S::TYPE, S::VERSION, vec![violation])
    };
    let data = to_raw_value(state).map_err(unwritable)?;
    let instance = Instance {
        number: 0,
        status: SagaStatus::Running,
        steps: Vec::new(),
        waiting: None,
        stuck: None,
        commands: 0,
        reason: None,
        state: Versioned { version: S::VERSION, data },
        early: Default::default(),
        inputs: Vec::new(),
    };
    let mut advance = Advance::of(saga, instance);
    advance.note(SagaEventKind::Started);
    advance.proceed();
    Ok(advance.finish())
}

impl<'a, S: State> Advance<'a, S> {
    pub(crate) fn of(saga: &'a Saga<S>, instance: Instance) -> Self {
        let first = instance.number + 1;
        Self { saga, instance, first, happenings: Vec::new(), intent: None, timer: None, cancelled: None, unfit: None }
    }

    /// Without what was too large to be stored.
    pub(crate) fn without(self, unfit: Option<(Unfit, String)>) -> Self {
        Self { unfit, ..self }
    }

    /// An attempt at the request of a command that nobody answered, and that is not the last; nothing if it is no longer waited for.
    pub(crate) fn ask_again(mut self, command: u64, reason: &str, may_be_done: bool) -> Option<Turn> {
        let waiting = self.instance.waiting.as_mut().filter(|waiting| waiting.command == command)?;
        waiting.attempts += 1;
        waiting.was_uncertain |= may_be_done;
        let name = waiting.step.clone();
        self.note_step(SagaEventKind::AskedAgain, &name, command).detail = Some(reason.to_owned());
        Some(self.finish())
    }

    /// What came of a command; nothing if it is no longer waited for.
    pub(crate) fn react(mut self, command: u64, reaction: &Reaction<S>) -> Option<Turn> {
        let waiting = self.instance.waiting.take_if(|waiting| waiting.command == command)?;
        let step = self.saga.steps.iter().find(|step| step.plan.name == waiting.step)?;
        if waiting.has_timer && !matches!(reaction, Reaction::TimedOut) {
            self.cancelled = Some(command);
        }
        match waiting.is_undo {
            true => self.react_to_undo(step, &waiting, reaction),
            false => self.react_to_step(step, &waiting, reaction),
        }
        Some(self.finish())
    }

    fn react_to_step(&mut self, step: &AnyStep<S>, waiting: &Waiting, reaction: &Reaction<S>) {
        let (name, command) = (step.plan.name, waiting.command);
        match reaction {
            Reaction::Replied(change) => match self.change(|state| change(state)) {
                Ok(()) => {
                    self.record(name, StepOutcome::Done);
                    self.note_step(SagaEventKind::Done, name, command);
                    self.proceed();
                }
                Err(reason) => self.give_up(name, command, StepOutcome::Done, reason),
            },
            Reaction::Refused(decide, text) => {
                let mut choice = Otherwise::Compensate;
                let changed = self.change(|state| choice = decide(state));
                self.record(name, StepOutcome::Refused);
                self.note_step(SagaEventKind::Refused, name, command).detail = Some(text.clone());
                match changed {
                    Ok(()) => self.go_on(choice, || format!("{name} was refused: {text}")),
                    Err(reason) => self.begin_to_compensate(reason),
                }
            }
            Reaction::Unanswered { reason, may_be_done } => {
                let outcome =
                    if *may_be_done || waiting.was_uncertain { StepOutcome::Uncertain } else { StepOutcome::NotDone };
                self.give_up(name, command, outcome, reason.clone());
            }
            Reaction::TimedOut if matches!(step.kind, Kind::Waits) => {
                self.record(name, StepOutcome::Done);
                self.note_step(SagaEventKind::Done, name, command);
                self.go_on(step.plan.on_timeout, || format!("the time of {name} was over"));
            }
            Reaction::TimedOut => {
                let is_asked = matches!(step.kind, Kind::Asks(_));
                self.record(name, if is_asked { StepOutcome::Uncertain } else { StepOutcome::NotDone });
                self.note_step(SagaEventKind::TimedOut, name, command);
                self.go_on(step.plan.on_timeout, || format!("the time of {name} was over"));
            }
        }
    }

    fn react_to_undo(&mut self, step: &AnyStep<S>, waiting: &Waiting, reaction: &Reaction<S>) {
        let (name, command) = (step.plan.name, waiting.command);
        match reaction {
            Reaction::Replied(change) => match self.change(|state| change(state)) {
                Ok(()) => self.undone(name, command),
                // It is undone, and what it was to say is lost.
                Err(reason) => {
                    self.undone_as(name, StepOutcome::Undone);
                    self.note_step(SagaEventKind::Undone, name, command).detail = Some(reason);
                    self.compensate(None);
                }
            },
            Reaction::Refused(decide, text) => {
                let mut choice = Otherwise::Compensate;
                match self.change(|state| choice = decide(state)) {
                    Ok(()) if choice == Otherwise::GoOn => self.undone(name, command),
                    _ => self.stick(name, None, format!("its compensation was refused: {text}")),
                }
            }
            Reaction::Unanswered { reason, may_be_done } => {
                // Once it may be done under an id, it stays so until somebody answers.
                let again = (*may_be_done || waiting.was_uncertain).then_some(command);
                self.stick(name, again, format!("its compensation was not answered: {reason}"));
            }
            Reaction::TimedOut => self.stick(name, Some(command), "the time of its compensation was over".to_owned()),
        }
    }

    fn undone(&mut self, name: &str, command: u64) {
        self.undone_as(name, StepOutcome::Undone);
        self.note_step(SagaEventKind::Undone, name, command);
        self.compensate(None);
    }

    /// A step ended in a way that nobody decided on.
    fn give_up(&mut self, name: &str, command: u64, outcome: StepOutcome, reason: String) {
        self.record(name, outcome);
        self.note_step(SagaEventKind::Unanswered, name, command).detail = Some(reason.clone());
        self.begin_to_compensate(format!("{name}: {reason}"));
    }

    fn go_on(&mut self, choice: Otherwise, reason: impl FnOnce() -> String) {
        match choice {
            Otherwise::GoOn => self.proceed(),
            Otherwise::Compensate => self.begin_to_compensate(reason()),
            Otherwise::Fail => {
                let reason = reason();
                self.instance.reason = Some(reason.clone());
                self.end(SagaStatus::Failed, SagaEventKind::Failed, Some(reason));
            }
        }
    }

    /// Goes on with the first step that is not decided.
    fn proceed(&mut self) {
        while let Some(step) = self.saga.steps.get(self.instance.steps.len()) {
            let name = step.plan.name;
            match self.is_needed(step) {
                Ok(true) => {}
                Ok(false) => {
                    self.record(name, StepOutcome::Skipped);
                    self.note(SagaEventKind::Skipped).step = Some(name.to_owned());
                    continue;
                }
                Err(reason) => return self.not_begun(name, reason),
            }
            let command = self.instance.commands + 1;
            if let Kind::Awaits(awaits) = &step.kind
                && let Some(event) = self.instance.early.remove(awaits.event_type())
            {
                self.instance.commands = command;
                if !self.take_event(step, command, &event) {
                    return;
                }
                continue;
            }
            return match self.begin_step(step, command) {
                Ok((of, due)) => self.wait(step, (command, due), false, of),
                Err(reason) => self.not_begun(name, reason),
            };
        }
        self.end(SagaStatus::Completed, SagaEventKind::Completed, None);
    }

    /// What a step waits for from now on, and until when.
    fn begin_step(&mut self, step: &AnyStep<S>, command: u64) -> Result<(&'static str, Option<Due>), String> {
        let due = self.due(step)?;
        match &step.kind {
            Kind::Asks(asks) => Ok((self.intend(&**asks, command, Unfit::Forward)?, due)),
            Kind::Awaits(awaits) => Ok((awaits.event_type(), due)),
            // Where the state knows no time, it is over at once.
            Kind::Waits => Ok(("", due.or(Some(Due::At(Timestamp::UNIX_EPOCH))))),
        }
    }

    fn due(&self, step: &AnyStep<S>) -> Result<Option<Due>, String> {
        Ok(match &step.plan.ends {
            Ends::Never => None,
            Ends::After(time) => Some(Due::After(*time)),
            Ends::At(deadline) => {
                let state = self.state()?;
                confined(|| deadline(&state))?.map(|time| Due::At(time.timestamp()))
            }
        })
    }

    /// What an event makes of the state. `false` if it makes nothing of it, and the saga is compensated.
    fn take_event(&mut self, step: &AnyStep<S>, command: u64, event: &Versioned) -> bool {
        let Kind::Awaits(awaits) = &step.kind else { return false };
        let change = confined(|| awaits.take(event)).and_then(|change| change);
        match change.and_then(|change| self.change(|state| change(state))) {
            Ok(()) => {
                self.record(step.plan.name, StepOutcome::Done);
                self.note_step(SagaEventKind::Done, step.plan.name, command);
                true
            }
            Err(reason) => {
                self.give_up(step.plan.name, command, StepOutcome::Done, reason);
                false
            }
        }
    }

    fn not_begun(&mut self, name: &str, reason: String) {
        self.record(name, StepOutcome::NotDone);
        let happening = self.note(SagaEventKind::Unanswered);
        (happening.step, happening.detail) = (Some(name.to_owned()), Some(reason.clone()));
        self.begin_to_compensate(format!("{name} could not be asked for: {reason}"));
    }

    fn begin_to_compensate(&mut self, reason: String) {
        self.instance.status = SagaStatus::Compensating;
        self.instance.early.clear();
        self.instance.reason = Some(reason.clone());
        self.note(SagaEventKind::Compensating).detail = Some(reason);
        self.compensate(None);
    }

    /// Undoes the last step that there is something to undo of, under the id of a command of before where that is given.
    fn compensate(&mut self, mut again: Option<u64>) {
        while let Some(position) = self.instance.steps.iter().rposition(|step| step.outcome.is_to_undo()) {
            // `misfit` has found that steps and records are the same.
            let Some(step) = self.saga.steps.get(position) else { break };
            let name = step.plan.name;
            let undo = match &step.plan.undo {
                None if step.plan.is_irreversible => {
                    return self.stick(name, None, "nothing undoes it".to_owned());
                }
                None => {
                    self.undone_as(name, StepOutcome::Kept);
                    // The id was that of another request.
                    again = None;
                    continue;
                }
                Some(undo) => Arc::clone(undo),
            };
            let command = again.unwrap_or(self.instance.commands + 1);
            match self.intend(&*undo, command, Unfit::Backward) {
                Ok(of) => {
                    self.wait(step, (command, None), true, of);
                    self.instance.waiting.iter_mut().for_each(|waiting| waiting.was_uncertain = again.is_some());
                }
                Err(reason) => self.stick(name, again, format!("its compensation could not be asked for: {reason}")),
            }
            return;
        }
        let reason = self.instance.reason.clone();
        self.end(SagaStatus::Compensated, SagaEventKind::Compensated, reason);
    }

    fn stick(&mut self, name: &str, command: Option<u64>, reason: String) {
        self.instance.status = SagaStatus::Stuck;
        self.instance.stuck = Some(StuckWith { step: name.to_owned(), command });
        let happening = self.note(SagaEventKind::Stuck);
        (happening.step, happening.command) = (Some(name.to_owned()), command);
        happening.detail = Some(clip(reason));
    }

    fn end(&mut self, status: SagaStatus, kind: SagaEventKind, reason: Option<String>) {
        self.instance.status = status;
        self.instance.early.clear();
        self.note(kind).detail = reason;
    }

    /// Why something is not tried again that was too large to be stored.
    fn unfit_for(&self, what: &str) -> String {
        let reason = self.unfit.as_ref().map_or("", |(_, reason)| reason);
        clip(format!("{what} cannot be stored: {reason}"))
    }

    /// Makes a request of the state. Returns its type.
    fn intend(&mut self, asks: &dyn Asking<S>, command: u64, way: Unfit) -> Result<&'static str, String> {
        if self.unfit.as_ref().is_some_and(|(unfit, _)| *unfit >= way) {
            return Err(self.unfit_for("the request"));
        }
        let state = self.state()?;
        let data = confined(|| asks.intent(&state)).and_then(|data| data)?;
        let request_type = asks.request_type();
        self.intent = Some(Intent { command, request_type, data });
        Ok(request_type.0)
    }

    fn wait(&mut self, step: &AnyStep<S>, (command, due): (u64, Option<Due>), is_undo: bool, of: &str) {
        let name = step.plan.name.to_owned();
        self.timer = due.map(|due| Timer { command, step: name.clone(), due });
        self.instance.commands = self.instance.commands.max(command);
        let (has_timer, of) = (due.is_some(), of.to_owned());
        self.instance.waiting =
            Some(Waiting { command, step: name, is_undo, has_timer, of, attempts: 0, was_uncertain: false });
    }

    fn is_needed(&self, step: &AnyStep<S>) -> Result<bool, String> {
        let Some(when) = &step.plan.when else { return Ok(true) };
        let state = self.state()?;
        confined(|| when(&state))
    }

    /// The state as it is kept. Reading it may run the user's code, too: upcasts.
    fn state(&self) -> Result<S, String> {
        let Versioned { version, data } = &self.instance.state;
        let read = confined(|| S::decode(*version, data.get().as_bytes()))?;
        read.map_err(|error| clip(format!("the state cannot be read: {error}")))
    }

    /// Changes the state, or leaves it as it is and says why.
    fn change(&mut self, change: impl FnOnce(&mut S)) -> Result<(), String> {
        if self.unfit.is_some() {
            return Err(self.unfit_for("what it made of the state"));
        }
        let mut state = self.state()?;
        confined(|| change(&mut state)).map_err(|text| format!("the code of the saga panicked: {text}"))?;
        state.validate().map_err(|invalid| clip(format!("the state would be invalid: {invalid}")))?;
        let data = to_raw_value(&state).map_err(|error| clip(format!("the state cannot be written: {error}")))?;
        self.instance.state = Versioned { version: S::VERSION, data };
        Ok(())
    }

    fn record(&mut self, step: &str, outcome: StepOutcome) {
        self.instance.steps.push(StepRecord { step: step.to_owned(), outcome });
    }

    fn undone_as(&mut self, step: &str, outcome: StepOutcome) {
        let record = self.instance.steps.iter_mut().rev().find(|record| record.step == step);
        record.into_iter().for_each(|record| record.outcome = outcome);
    }

    fn note_step(&mut self, kind: SagaEventKind, step: &str, command: u64) -> &mut Happening {
        let happening = self.note(kind);
        (happening.step, happening.command) = (Some(step.to_owned()), Some(command));
        happening
    }

    fn note(&mut self, kind: SagaEventKind) -> &mut Happening {
        self.happenings.push(Happening { kind, step: None, command: None, detail: None, by: None });
        let last = self.happenings.len() - 1;
        &mut self.happenings[last]
    }

    pub(super) fn step(&self, name: &str) -> Option<&'a AnyStep<S>> {
        self.saga.steps.iter().find(|step| step.plan.name == name)
    }

    fn finish(self) -> Turn {
        let Self { mut instance, first, happenings, intent, timer, cancelled, .. } = self;
        instance.number += happenings.len() as u64;
        let without = |happening| EventData { happening, instance: None };
        let mut events: Vec<EventData> = happenings.into_iter().map(without).collect();
        if let Some(last) = events.last_mut() {
            last.instance = Some(instance);
        }
        Turn { events, intent, timer, cancelled, first }
    }
}
