//! What is to happen in a schedule: all of it follows from the seed, and can be left out piece by piece.

use crate::clock::Time;

/// When the last fault begins at the latest.
pub const FAULTS_UNTIL: Time = 12_000;

/// When all that is kept is asked for a last time: by then each claim of a service that died is known for one.
pub const LAST_ASK: Time = FAULTS_UNTIL + 65_000;
/// For how long it is waited then: longer than any handler may take.
const LAST_TIMEOUT: Time = 15_000;

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What decides about delays, and about the order of what happens at the same time.
    pub seed: u64,
    /// Whether events of one key are handled in order.
    pub is_ordered: bool,
    /// How many programs consume.
    pub instances: usize,
    /// How long leases last.
    pub ack_wait: Time,
    /// How many handlers run at a time in each.
    pub concurrency: usize,
    /// How many events each fetches ahead.
    pub prefetch: usize,
    /// How often an event may be tried.
    pub max_attempts: u64,
    /// How often the server delivers it at most.
    pub max_deliver: u64,
    /// The events, in the order in which they are published.
    pub events: Vec<EventPlan>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// When nothing goes wrong any more.
    pub faults_until: Time,
    /// In thousands: how many acks are lost, late and doubled all the time.
    pub chaos: [u64; 3],
    /// How all consumers end.
    pub ending: Ending,
    /// What is asked, in a schedule of requests: it has no events, and its instances answer instead of consuming.
    pub asks: Vec<AskPlan>,
    /// What is executed on aggregates, in a schedule of commands: it has nothing else.
    pub commands: Vec<CommandPlan>,
    /// The sagas that are started, in a schedule of those: it has nothing else.
    pub transfers: Vec<TransferPlan>,
}

/// A command to an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandPlan {
    /// Which it is of all commands of its seed: its id is made of it.
    pub number: u32,
    /// On which aggregate.
    pub account: u32,
    /// How many events it makes.
    pub events: u32,
    /// When it is executed, and by which instance: several times under its id.
    pub at: Vec<(Time, usize)>,
}

/// A saga, and how the services behave that it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferPlan {
    /// Which it is of all sagas of its seed: its id is made of it.
    pub number: u32,
    /// When it is started, and by which instance: several times under its id.
    pub at: Vec<(Time, usize)>,
    /// Its steps.
    pub steps: [StepPlan; STEPS],
    /// When an operator cancels it, and at which instance, if one does.
    pub cancelled: Option<(Time, usize)>,
}

/// How many steps a transfer has.
pub const STEPS: usize = 3;

/// A step of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepPlan {
    /// How long its handler takes.
    pub work: Time,
    /// How many of its runs fail before one does not.
    pub fails: u64,
    /// How the runs after those end.
    pub end: RunEnd,
}

impl StepPlan {
    /// One that is done at once.
    pub const EASY: Self = Self { work: 0, fails: 0, end: RunEnd::Handled };
}

/// How all consumers end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// They are asked to stop.
    Stopped,
    /// The durable consumer is deleted for good.
    Deleted,
    /// No program is let in any more.
    Refused,
    /// No program may ask for messages any more.
    Denied,
    /// No program may look at the consumer any more, and all have to connect again.
    Blind,
}

/// An event, and how its handler behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlan {
    /// When it is published, at the earliest.
    pub at: Time,
    /// Its key.
    pub key: u64,
    /// How long its handler takes.
    pub work: Time,
    /// How many of its runs fail before one does not.
    pub fails: u64,
    /// How the run after those ends.
    pub end: RunEnd,
}

/// How a handler ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It is done.
    Handled,
    /// It fails, to be tried again.
    Failed,
    /// It says that it will never go better.
    Rejected,
    /// It panics.
    Panicked,
    /// It was dropped before its end.
    Dropped,
}

/// How the last run of an event ends, or of a request.
pub(crate) const RUN_ENDS: [RunEnd; 5] =
    [RunEnd::Handled, RunEnd::Handled, RunEnd::Handled, RunEnd::Rejected, RunEnd::Panicked];

/// A request, and how its handler behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskPlan {
    /// Which it is of all that are asked in any plan of its seed.
    pub number: u32,
    /// What is asked.
    pub kind: AskKind,
    /// When it is asked. What is kept is asked several times under its id.
    pub at: Vec<Time>,
    /// For how long somebody waits.
    pub timeout: Time,
    /// How long its handler takes.
    pub work: Time,
    /// How many of its runs fail before one does not.
    pub fails: u64,
    /// How the run after those ends.
    pub end: RunEnd,
}

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskKind {
    /// A query.
    Look,
    /// A command.
    Place,
    /// A command whose answer is kept.
    Pay,
    /// A command whose answer is kept, and which is begun again where it was lost.
    Book,
}

impl AskKind {
    /// Whether answers are kept.
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Pay | Self::Book)
    }
}

impl AskPlan {
    /// For how long somebody waits who asks at a time.
    pub fn timeout_at(&self, at: Time) -> Time {
        if at == LAST_ASK { LAST_TIMEOUT } else { self.timeout }
    }

    /// The same, asked once and answered at once.
    fn simpler(&self) -> Self {
        Self { at: self.at.iter().take(1).copied().collect(), work: 0, fails: 0, end: RunEnd::Handled, ..self.clone() }
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Time,
    /// Which instance it concerns; the last is that which publishes.
    pub instance: usize,
    /// How long it lasts.
    pub lasts: Time,
    /// What it is.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A connection is lost.
    Disconnect,
    /// A connection carries nothing any more, and either end learns it at another time.
    HalfOpen,
    /// The server is restarted.
    Restart,
    /// JetStream answers nothing, as without a leader.
    Silence,
    /// What the API of JetStream is asked it does, and tells late.
    LateAnswers,
    /// The stream of the dead letters answers nothing.
    SilentDeadLetters,
    /// A program stands still: its clocks and its server go on.
    StandStill,
    /// A program ends without notice.
    Crash,
    /// A program ends with one of the next messages that it sends.
    CrashAtSend,
    /// The clock of the programs jumps.
    ClockJump,
    /// A message is stored whose headers no client can read.
    Malformed,
    /// A message is stored that is no event.
    Undecodable,
    /// Many acks are lost, late or doubled.
    Chaos,
    /// A program may not ask for messages.
    DeniedPull,
    /// A program may not ack.
    DeniedAck,
    /// A program may not store dead letters.
    DeniedDeadLetters,
    /// The consumer is deleted, and made anew.
    DeleteConsumer,
    /// The stream is deleted, and made anew.
    DeleteStream,
    /// The credentials of a program have expired.
    RefuseLogin,
    /// A program is stopped, and started again.
    Stop,
}

impl FaultKind {
    pub(crate) const ALL: [Self; 20] = [
        Self::Disconnect,
        Self::HalfOpen,
        Self::Restart,
        Self::Silence,
        Self::SilentDeadLetters,
        Self::StandStill,
        Self::Crash,
        Self::CrashAtSend,
        Self::ClockJump,
        Self::Malformed,
        Self::Undecodable,
        Self::Chaos,
        Self::DeniedPull,
        Self::DeniedAck,
        Self::DeniedDeadLetters,
        Self::DeleteConsumer,
        Self::DeleteStream,
        Self::RefuseLogin,
        Self::Stop,
        // Only where plans are harsh.
        Self::LateAnswers,
    ];
}

impl Plan {
    /// Whether the consumer is deleted, or its stream.
    pub fn deletes(&self) -> bool {
        let is_deletion = |fault: &Fault| matches!(fault.kind, FaultKind::DeleteConsumer | FaultKind::DeleteStream);
        self.faults.iter().any(is_deletion)
    }

    /// Plans that are smaller by one piece, the larger pieces first.
    pub fn smaller(&self) -> impl Iterator<Item = Self> {
        let mut smaller = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            if plan != *self {
                smaller.push(plan);
            }
        };
        add(&|plan| plan.ending = Ending::Stopped);
        add(&|plan| plan.chaos = [0; 3]);
        add(&|plan| plan.max_deliver = 100);
        add(&|plan| plan.events.truncate(plan.events.len().div_ceil(2)));
        (0..self.faults.len()).for_each(|number| add(&|plan| without(&mut plan.faults, number)));
        (0..self.events.len()).for_each(|number| add(&|plan| without(&mut plan.events, number)));
        for number in 0..self.events.len() {
            add(&|plan| plan.events[number].fails = 0);
            add(&|plan| plan.events[number].end = RunEnd::Handled);
            add(&|plan| plan.events[number].work = 0);
        }
        (0..self.asks.len()).for_each(|number| {
            add(&|plan| without(&mut plan.asks, number));
            add(&|plan| plan.asks[number] = plan.asks[number].simpler());
        });
        for number in 0..self.commands.len() {
            add(&|plan| without(&mut plan.commands, number));
            add(&|plan| plan.commands[number].at.truncate(1));
            add(&|plan| plan.commands[number].events = 1);
        }
        for number in 0..self.transfers.len() {
            add(&|plan| without(&mut plan.transfers, number));
            add(&|plan| plan.transfers[number].at.truncate(1));
            add(&|plan| plan.transfers[number].cancelled = None);
            for step in 0..STEPS {
                add(&|plan| plan.transfers[number].steps[step] = StepPlan::EASY);
                add(&|plan| plan.transfers[number].steps[step].work = 0);
            }
        }
        add(&|plan| plan.prefetch = 0);
        add(&|plan| plan.concurrency = 1);
        smaller.into_iter()
    }
}

fn without<T>(all: &mut Vec<T>, number: usize) {
    all.remove(number);
}
