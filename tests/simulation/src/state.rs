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
            server: Server::new(consumer(&plan, mutation, 0)),
            processes: Vec::new(),
            instances: vec![None; plan.instances + 1],
            history: History::new(&plan),
            down_until: 0,
            is_over: false,
            chaos: plan.chaos,
            agenda: BTreeMap::new(),
            carried: 0,
            connections: 0,
            work_at: None,
            plan,
            mutation,
        }
    }

    /// What arrives first, unless that is later.
    pub(crate) fn next_parcel(&mut self) -> Option<Box<Parcel>> {
        let now = self.now;
        self.agenda.first_entry().filter(|first| first.key().0 <= now).map(|first| first.remove())
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
        let Some(due) = self.server.consumer.as_ref().and_then(Consumer::due) else { return };
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
        self.down_until = 0;
        self.server.is_silent = false;
        self.server.is_dead_silent = false;
        for process in &mut self.processes {
            process.denied.clear();
            process.refused_until = 0;
            process.crash_at = None;
        }
        self.server.connections.values_mut().for_each(|connection| connection.denied.clear());
        let consumer = self.new_consumer();
        self.server.recreate(consumer);
        self.server.work(self.now);
        self.dispatch();
    }

    /// Whether everything is done that there is to do.
    pub fn is_settled(&self) -> bool {
        let (Some(consumer), Some(stream)) = (&self.server.consumer, self.server.streams.get(EVENTS)) else {
            return false;
        };
        consumer.pending.is_empty() && self.history.active.is_empty() && consumer.delivered >= stream.last
    }

    /// What is not done.
    pub fn unsettled(&self) -> String {
        let (Some(consumer), Some(stream)) = (&self.server.consumer, self.server.streams.get(EVENTS)) else {
            return "there is no consumer".to_owned();
        };
        let (pending, active) = (&consumer.pending, &self.history.active);
        format!("{} of {} delivered, pending {pending:?}, runs {active:?}", consumer.delivered, stream.last)
    }

    /// Lets all programs end.
    pub fn end(&mut self) {
        self.is_over = true;
        let running = 0..self.processes.len();
        match self.plan.ending {
            Ending::Stopped => {
                for process in &mut self.processes {
                    process.is_stopped = true;
                    process.stop.notify_one();
                }
            }
            Ending::Deleted => self.server.delete_consumer(),
            Ending::Refused => running.for_each(|process| {
                self.processes[process].refused_until = Time::MAX;
                self.cut(process);
            }),
            Ending::Denied => {
                const PULL: &str = "$JS.API.CONSUMER.MSG.NEXT.";
                self.processes.iter_mut().for_each(|process| process.denied.push(PULL));
                self.server.connections.values_mut().for_each(|connection| connection.denied.push(PULL));
            }
        }
        self.dispatch();
    }

    /// The consumer of the plan, as it was made.
    pub fn new_consumer(&self) -> Consumer {
        consumer(&self.plan, self.mutation, self.now)
    }
}

fn consumer(plan: &Plan, mutation: Option<Mutation>, created: Time) -> Consumer {
    let filter = "rules.domain.item.changed".to_owned();
    let mut consumer = Consumer::new(EVENTS, SERVICE, filter, plan.ack_wait, plan.is_ordered, created);
    consumer.is_pinless = mutation == Some(Mutation::NoPin);
    consumer
}
