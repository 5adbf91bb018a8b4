//! The events that are delivered: `rule.created` as the catalogue has it, each with a number of its own.

use eventsmith::admin::BusAdmin;
use eventsmith::{Bus, Event, StoredMessage};
use rules_events::rule::RuleCreated;
use serde_json::{Value, json};

use crate::Outcome;

/// Events as a service makes them. Their versions count from 1.
pub(crate) fn typed(count: usize) -> Outcome<Vec<RuleCreated>> {
    let schema: Value = serde_json::from_str(RuleCreated::SCHEMA)?;
    let mut payload = schema["examples"][0].clone();
    let mut typed = Vec::with_capacity(count);
    for number in 1..=count {
        payload["version"] = json!(number);
        typed.push(RuleCreated::decode(RuleCreated::VERSION, payload.to_string().as_bytes())?);
    }
    Ok(typed)
}

/// The same events, as the bus writes them.
pub(crate) async fn written(typed: &[RuleCreated]) -> Outcome<Vec<StoredMessage>> {
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    bus.publish_all(typed).await?;
    Ok(bus.published())
}

/// The number of an event, from 0.
pub(crate) fn index(event: &RuleCreated) -> usize {
    event.version.0 as usize - 1
}
