//! The stream of the sagas, and its two durable consumers.

use super::consumer::Consumer;
use crate::clock::Time;

/// The stream of the sagas.
pub const SAGAS: &str = "SAGAS";
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
