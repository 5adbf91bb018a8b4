//! What the server does for sagas: two durable consumers, and time-outs.

use super::consumer::Consumer;
use super::{Loss, SAGAS, Server, is_subscribed};
use crate::clock::Time;

/// What the subjects of the stream of the sagas begin with.
pub const SUBJECTS: &str = "bank.saga.";

/// The durable consumers of the saga, as runners want them.
pub fn consumers(ack_wait: Time) -> Vec<Consumer> {
    let consumer = |name, leaves: &[&str]| {
        let filters = leaves.iter().map(|leaf| format!("{SUBJECTS}transfer.*.v1.{leaf}.*")).collect();
        let mut consumer = Consumer::new(SAGAS, name, filters, ack_wait, false, 0);
        consumer.max_deliver = u64::MAX;
        consumer
    };
    vec![consumer("saga_transfer_v1", &["command"]), consumer("saga_transfer_v1_inputs", &["input", "timeout"])]
}

impl Server {
    /// Lets time-outs happen that are due, and delivers what there is to deliver.
    pub(super) fn work_for_sagas(&mut self, now: Time) {
        let Some(stream) = self.streams.get_mut(SAGAS) else { return };
        stream.fire(now);
        let (connections, mut sent) = (&self.connections, Vec::new());
        for consumer in &mut self.of_sagas {
            // Without a limit of deliveries nothing is given up.
            consumer.work(stream, now, |subject| is_subscribed(connections, subject), &mut sent);
            consumer.handed.clear();
        }
        sent.into_iter().for_each(|sent| self.send(sent, Loss::Never));
    }
}
