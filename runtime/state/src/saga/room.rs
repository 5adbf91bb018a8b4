//! Room that an instance needs to come to an end.
//!
//! Each event of a saga has all of its instance. What it is compensated for, what became of each step, and what was asked of it come on top
//! of its state. If that were as large as the server takes, nothing of it could be stored any more, not even that it ends.

use eventsmith_bus::publish::PublishError;

use super::advance::Turn;
use super::error::SagaError;
use super::instance::{Instance, SagaEventKind, SagaStatus};
use super::store::Store;
use super::subjects::{Key, Leaf};

/// How many bytes are kept free for that: the ids of inputs that are remembered take the most, some 2,500.
const RESERVED: usize = 8 * 1_024;

impl Store {
    /// Whether an instance that goes on has room for its end once a turn is stored. What is no larger than before may be stored anyhow.
    pub(super) fn check_room(&self, key: &Key, before: usize, turn: &Turn) -> Result<(), SagaError> {
        let instance = turn.events.last().and_then(|event| event.instance.as_ref());
        let Some(instance) = instance.filter(|instance| instance.status == SagaStatus::Running) else { return Ok(()) };
        let limit = self.bus.transport().max_payload();
        let content = content(instance);
        if content <= before || content < limit / 2 {
            return Ok(());
        }
        let written = serde_json::to_vec(instance).map_or(0, |text| text.len());
        if written + RESERVED <= limit {
            return Ok(());
        }
        let subject = self.home.subject(key, Leaf::Event(SagaEventKind::Done.as_str())).into();
        Err(self.not_appended(&key.id, PublishError::TooLarge { subject, size: written + RESERVED, limit }))
    }
}

/// How many bytes of an instance its users put there: its state, and events that came early.
pub(super) fn content(instance: &Instance) -> usize {
    let early = instance.early.values().map(|event| event.data.get().len());
    instance.state.data.get().len() + early.sum::<usize>()
}
