//! The state of a world: the network, the server, and what is noted of what happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsmith::simulation::Random;

use crate::clock::Time;
use crate::history::History;
use crate::mutation::Mutation;
use crate::parcel::Parcel;
use crate::plan::{Ending, Plan};
use crate::process::Process;
use crate::server::consumer::Consumer;
use crate::server::sagas::{self, SAGAS};
use crate::server::{EVENTS, SERVICE, Server};

/// The state of a world.
#[derive(Debug)]
pub struct State {
    /// What time it is.
    pub now: Time,
    /// What decides about everything.
    pub random: Random,
    /// What is to happen.
    pub plan: Arc<Plan>,
    /// The deliberate bug, if there is one.
    pub mutation: Option<Mutation>,
    /// The server.
    pub server: Server,
    /// All programs that ever ran.
    pub processes: Vec<Process>,
    /// The program that runs as each instance.
    pub instances: Vec<Option<usize>>,
    /// What happened.
    pub history: History,
    /// Until when no server can be reached.
    pub down_until: Time,
    /// Whether every program is to end.
    pub is_over: bool,
    /// In thousands: how many acks are lost, late and doubled at present.
    pub chaos: [u64; 3],
    /// Whether the API of JetStream answers late.
    pub has_late_answers: bool,
    /// What arrives at programs that stand still, by when it was put on its way.
    held: BTreeMap<usize, Vec<(u64, Box<Parcel>)>>,
    pub(crate) agenda: BTreeMap<(Time, u64), Box<Parcel>>,
    carried: u64,
    pub(crate) connections: u64,
    /// When the server has something to do.
    pub(crate) work_at: Option<Time>,
}

impl State {
    /// At the beginning of a plan.
    pub fn new(plan: Arc<Plan>, mutation: Option<Mutation>) -> Self {
        Self {
            now: 0,
            random: Random::new(plan.seed),
            server: Server::new(consumer(&plan, mutation, 0), sagas::consumers(plan.ack_wait)),
            processes: Vec::new(),
            instances: vec![None; plan.instances + 1],
            history: History::new(&plan),
            down_until: 0,
            is_over: false,
            chaos: plan.chaos,
            has_late_answers: false,
            held: BTreeMap::new(),
            agenda: BTreeMap::new(),
            carried: 0,
            connections: 0,
            work_at: None,
            plan,
            mutation,
        }
    }

    /// What arrives first, unless that is later. What arrives at a program that stands still waits there.
    pub(crate) fn next_parcel(&mut self) -> Option<Box<Parcel>> {
        loop {
            let first = self.agenda.first_entry().filter(|first| first.key().0 <= self.now)?;
            let ((_, number), parcel) = first.remove_entry();
            match parcel.receiver().filter(|process| self.processes[*process].still_since.is_some()) {
                Some(process) => self.held.entry(process).or_default().push((number, parcel)),
                None => return Some(parcel),
            }
        }
    }

    /// Lets a program stand still.
    pub(crate) fn stand_still(&mut self, process: usize) {
        let (now, found) = (self.now, &mut self.processes[process]);
        found.still_since.get_or_insert(now);
        found.has_stood_still = true;
        found.program.stand_still();
    }

    /// Lets a program go on. First it finds what has come to it meanwhile.
    pub(crate) fn go_on(&mut self, process: usize) {
        let (now, found) = (self.now, &mut self.processes[process]);
        if found.still_since.take().is_none() {
            return;
        }
        // It hears only now that it is to stop.
        found.asked_to_stop.iter_mut().for_each(|asked| *asked = now);
        found.program.go_on();
        let held = self.held.remove(&process).unwrap_or_default();
        self.agenda.extend(held.into_iter().map(|(number, parcel)| ((now, number), parcel)));
    }

    /// Asks a program to stop.
    pub(crate) fn stop(&mut self, process: usize) {
        let (now, found) = (self.now, &mut self.processes[process]);
        found.is_stopped = true;
        found.asked_to_stop.get_or_insert(now);
        found.stop.notify_one();
    }

    /// When the next parcel arrives.
    pub fn next_at(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets something happen, after so many milliseconds.
    pub(crate) fn schedule(&mut self, after: Time, parcel: Parcel) {
        self.schedule_at(self.now + after, parcel);
    }

    pub(crate) fn schedule_at(&mut self, at: Time, parcel: Parcel) {
        self.carried += 1;
        self.agenda.insert((at, self.carried), Box::new(parcel));
    }

    /// Lets the server do what it has to do, when that is due.
    pub(crate) fn schedule_work(&mut self) {
        if self.server.is_silent {
            return;
        }
        let Some(due) = self.server.due() else { return };
        if self.work_at.is_none_or(|at| due < at) {
            self.work_at = Some(due);
            self.schedule_at(due.max(self.now), Parcel::Work);
        }
    }

    /// Whether something of this likelihood, in thousands, happens.
    pub fn happens(&mut self, thousandths: u64) -> bool {
        thousandths > 0 && self.random.below(1_000) < thousandths
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.agenda.retain(|_, parcel| !matches!(**parcel, Parcel::Begin(_) | Parcel::End(_)));
        self.chaos = [0; 3];
        self.has_late_answers = false;
        self.down_until = 0;
        self.server.is_silent = false;
        self.server.is_dead_silent = false;
        for process in &mut self.processes {
            process.denied.clear();
            process.refused_until = 0;
            process.crash_at = None;
        }
        (0..self.processes.len()).for_each(|process| self.go_on(process));
        self.server.connections.values_mut().for_each(|connection| connection.denied.clear());
        let consumer = self.new_consumer();
        self.server.recreate(consumer);
        self.server.work(self.now);
        self.dispatch();
    }

    /// Whether everything is done that there is to do.
    pub fn is_settled(&self) -> bool {
        if !self.plan.transfers.is_empty() {
            return self.history.bank.is_settled(&self.plan, self.server.streams.get(SAGAS));
        }
        let (Some(consumer), Some(stream)) = (&self.server.consumer, self.server.streams.get(EVENTS)) else {
            return false;
        };
        consumer.pending.is_empty()
            && self.history.active.is_empty()
            && consumer.delivered >= stream.last
            && self.given_up().all(|sequence| self.is_told_of(sequence))
    }

    /// What is not done.
    pub fn unsettled(&self) -> String {
        if !self.plan.transfers.is_empty() {
            return "a transfer has not ended".to_owned();
        }
        let (Some(consumer), Some(stream)) = (&self.server.consumer, self.server.streams.get(EVENTS)) else {
            return "there is no consumer".to_owned();
        };
        let (pending, active) = (&consumer.pending, &self.history.active);
        let left: Vec<u64> = self.given_up().filter(|sequence| !self.is_told_of(*sequence)).collect();
        format!(
            "{} of {} delivered, pending {pending:?}, runs {active:?}, given up and not dead-lettered {left:?}",
            consumer.delivered, stream.last
        )
    }

    /// What the server delivers no more, of the events that it has, as far as it could say so.
    fn given_up(&self) -> impl Iterator<Item = u64> {
        let stream = self.server.streams.get(EVENTS);
        let is_there = move |sequence: &&u64| stream.is_some_and(|stream| stream.messages.contains_key(*sequence));
        self.server
            .given_up
            .iter()
            .filter(|(_, is_told)| **is_told)
            .map(|(sequence, _)| sequence)
            .filter(is_there)
            .copied()
    }

    /// Whether there is a dead letter of what the stream holds under a number.
    fn is_told_of(&self, sequence: u64) -> bool {
        self.dead_letters_at(sequence).is_some()
    }

    /// Lets all programs end.
    pub fn end(&mut self) {
        self.is_over = true;
        let running = 0..self.processes.len();
        match self.plan.ending {
            Ending::Stopped => {
                running.for_each(|process| self.stop(process));
            }
            Ending::Deleted => self.server.delete_consumer(),
            Ending::Refused => running.for_each(|process| {
                self.processes[process].refused_until = Time::MAX;
                self.cut(process);
            }),
            Ending::Denied => self.deny_all("$JS.API.CONSUMER.MSG.NEXT."),
            Ending::Blind => {
                self.deny_all("$JS.API.CONSUMER.INFO.");
                running.for_each(|process| self.cut(process));
            }
        }
        self.dispatch();
    }

    /// Lets no program publish to subjects that begin so.
    fn deny_all(&mut self, subject: &'static str) {
        self.processes.iter_mut().for_each(|process| process.denied.push(subject));
        self.server.connections.values_mut().for_each(|connection| connection.denied.push(subject));
    }

    /// The consumer of the plan, as it was made.
    pub fn new_consumer(&self) -> Consumer {
        consumer(&self.plan, self.mutation, self.now)
    }
}

fn consumer(plan: &Plan, mutation: Option<Mutation>, created: Time) -> Consumer {
    let filters = vec!["rules.domain.item.changed".to_owned()];
    let mut consumer = Consumer::new(EVENTS, SERVICE, filters, plan.ack_wait, plan.is_ordered, created);
    consumer.max_deliver = plan.max_deliver;
    consumer.is_pinless = mutation == Some(Mutation::NoPin);
    consumer
}
