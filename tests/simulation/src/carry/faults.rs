//! Faults: what each does to the world, and how it ends.

use bytes::Bytes;
use eventsmith::simulation::jump;
use jiff::SignedDuration;

use crate::clock::Time;
use crate::gaps::NOTICES_BRIEF_RECREATION;
use crate::parcel::Parcel;
use crate::plan::{Fault, FaultKind};
use crate::process::Process;
use crate::server::stream::Stored;
use crate::state::State;

/// A block of headers that no client can read.
const MALFORMED_BLOCK: &[u8] = b"NATS/1.0\r\nno colon\r\n\r\n";

impl State {
    /// Lets all faults of the plan happen in their time.
    pub(crate) fn schedule_faults(&mut self) {
        let times: Vec<Time> = self.plan.faults.iter().map(|fault| fault.at).collect();
        for (number, at) in times.into_iter().enumerate() {
            self.schedule_at(at, Parcel::Begin(number));
        }
    }

    /// The program that runs as an instance, if it is alive.
    fn running(&self, instance: usize) -> Option<usize> {
        let process = self.instances.get(instance).copied().flatten()?;
        (!self.processes[process].is_dead && !self.processes[process].is_closed).then_some(process)
    }

    /// Ends the connection of a program, which both ends learn at once.
    pub(crate) fn cut(&mut self, process: usize) {
        if let Some(connection) = self.processes[process].connection {
            self.schedule(0, Parcel::ServerLearns { connection });
            self.schedule(1, Parcel::ClientLearns { process, connection });
        }
    }

    /// Whether all programs notice that their consumer is gone for so long: at once where one has asked for messages, when it is
    /// connected again where one is not, else when it looks whether the consumer is there.
    fn all_notice(&self, lasts: Time) -> bool {
        let asks = |number| self.server.consumer.as_ref().is_some_and(|consumer| consumer.is_asked_by(number));
        // Who stands still looks at nothing.
        let stands = self.plan.faults.iter().any(|fault| fault.kind == FaultKind::StandStill);
        let is_long = lasts > self.plan.ack_wait / 5 && !stands;
        let notices = |(number, process): (usize, &Process)| {
            let is_heard = process.connection.is_some() && !process.is_cut;
            process.is_dead || process.is_closed || !is_heard || is_long || asks(number)
        };
        !self.server.is_silent && self.processes.iter().enumerate().all(notices)
    }

    pub(crate) fn begin_fault(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        self.note("fault", number as u64, fault.lasts);
        self.log(|| format!("begins: {fault:?}"));
        let running = self.running(fault.instance);
        let connection = running.and_then(|process| Some((process, self.processes[process].connection?)));
        let now = self.now;
        match fault.kind {
            FaultKind::Disconnect => {
                if let Some((process, _)) = connection {
                    self.cut(process);
                }
            }
            FaultKind::HalfOpen => {
                if let Some((process, connection)) = connection {
                    self.processes[process].is_cut = true;
                    let server_after = self.random.below(2 * fault.lasts + 1);
                    self.schedule(server_after, Parcel::ServerLearns { connection });
                    self.schedule(fault.lasts, Parcel::ClientLearns { process, connection });
                }
            }
            FaultKind::Restart => {
                self.down_until = now + fault.lasts;
                let all: Vec<u64> = self.server.connections.keys().copied().collect();
                for connection in all {
                    let process = self.server.connections[&connection].process;
                    self.server.connections.remove(&connection);
                    self.schedule(1, Parcel::ClientLearns { process, connection });
                }
                self.server.restart();
            }
            FaultKind::Silence => {
                self.server.is_silent = true;
                self.schedule(fault.lasts, Parcel::End(fault));
            }
            FaultKind::LateAnswers => {
                self.has_late_answers = true;
                self.schedule(fault.lasts, Parcel::End(fault));
            }
            FaultKind::StandStill => {
                if let Some(process) = running {
                    self.stand_still(process);
                    self.schedule(fault.lasts, Parcel::GoOn { process });
                }
            }
            FaultKind::SilentDeadLetters => {
                self.server.is_dead_silent = true;
                self.schedule(fault.lasts, Parcel::End(fault));
            }
            FaultKind::Crash => {
                if let Some(process) = running {
                    let is_noticed = self.random.below(2) == 0;
                    self.crash(process, is_noticed);
                }
            }
            FaultKind::CrashAtSend => {
                if let Some(process) = running {
                    let (after, is_lost) = (1 + self.random.below(12), self.random.below(2) == 0);
                    let found = &mut self.processes[process];
                    found.crash_at = Some((found.sent + after, is_lost));
                }
            }
            FaultKind::ClockJump => {
                let by = i64::try_from(self.random.below(7_200_000)).unwrap_or_default() - 3_600_000;
                jump(SignedDuration::from_millis(by));
            }
            FaultKind::Malformed => self.store(Some(Bytes::from_static(MALFORMED_BLOCK)), "{}"),
            FaultKind::Undecodable => self.store(None, "this is no envelope"),
            FaultKind::Chaos => {
                self.chaos = [100, 200, 100];
                self.schedule(fault.lasts, Parcel::End(fault));
            }
            FaultKind::DeniedPull | FaultKind::DeniedAck | FaultKind::DeniedDeadLetters => {
                if let Some((process, connection)) = connection {
                    let subject = match fault.kind {
                        FaultKind::DeniedPull => "$JS.API.CONSUMER.MSG.NEXT.",
                        FaultKind::DeniedAck => "$JS.ACK.",
                        _ => "rules.dlq.",
                    };
                    self.processes[process].denied.push(subject);
                    if let Some(found) = self.server.connections.get_mut(&connection) {
                        found.denied.push(subject);
                    }
                    self.schedule(fault.lasts, Parcel::End(fault));
                }
            }
            FaultKind::DeleteConsumer | FaultKind::DeleteStream
                if !NOTICES_BRIEF_RECREATION && !self.all_notice(fault.lasts) => {}
            FaultKind::DeleteConsumer | FaultKind::DeleteStream => {
                match fault.kind {
                    FaultKind::DeleteStream => {
                        self.server.delete_events();
                        self.history.stream_deleted();
                    }
                    _ => self.server.delete_consumer(),
                }
                // What had come to it ends with it.
                self.agenda.retain(|_, parcel| !matches!(**parcel, Parcel::Ack(_)));
                self.schedule(fault.lasts, Parcel::End(fault));
            }
            FaultKind::RefuseLogin => {
                if let Some(process) = running {
                    self.processes[process].refused_until = now + fault.lasts;
                }
                if let Some((process, _)) = connection {
                    self.cut(process);
                }
            }
            FaultKind::Stop => {
                if let Some(process) = running {
                    self.stop(process);
                }
            }
        }
    }

    pub(crate) fn end_fault(&mut self, fault: &Fault) {
        self.log(|| format!("ends: {fault:?}"));
        match fault.kind {
            FaultKind::Silence => {
                self.server.is_silent = false;
                self.server.work(self.now);
            }
            FaultKind::SilentDeadLetters => self.server.is_dead_silent = false,
            FaultKind::Chaos => self.chaos = self.plan.chaos,
            FaultKind::LateAnswers => self.has_late_answers = false,
            FaultKind::DeleteConsumer | FaultKind::DeleteStream => {
                let consumer = self.new_consumer();
                self.server.recreate(consumer);
            }
            _ => {
                self.processes.iter_mut().for_each(|process| process.denied.clear());
                self.server.connections.values_mut().for_each(|connection| connection.denied.clear());
            }
        }
    }

    /// A producer that is not ours stores something.
    fn store(&mut self, block: Option<Bytes>, payload: &'static str) {
        let subject = "rules.domain.item.changed".to_owned();
        let stored = Stored { subject, headers: None, block, payload: payload.into(), at: self.now };
        self.server.publish(stored, None);
        self.server.work(self.now);
    }
}
