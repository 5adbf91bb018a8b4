//! The events that are delivered: `evaluation.completed` as the catalogue has it, which is of no aggregate, each with a number of its
//! own.

use eventsmith::admin::BusAdmin;
use eventsmith::{Bus, Event, StoredMessage};
use rules_events::evaluation::EvaluationCompleted;
use serde_json::{Value, json};

use crate::Outcome;

/// Events as a service makes them. Their times of execution count from 1.
pub(crate) fn typed(count: usize) -> Outcome<Vec<EvaluationCompleted>> {
    let schema: Value = serde_json::from_str(EvaluationCompleted::SCHEMA)?;
    // With less of a result, about 485 bytes with its envelope: what was measured before there were aggregates had as many.
    let mut payload = schema["examples"][1].clone();
    payload["final_result"] = payload["final_result"]["shipping"].take();
    let mut typed = Vec::with_capacity(count);
    for number in 1..=count {
        payload["execution_time"] = json!(number);
        typed.push(EvaluationCompleted::decode(EvaluationCompleted::VERSION, payload.to_string().as_bytes())?);
    }
    Ok(typed)
}

/// The same events, as the bus writes them.
pub(crate) async fn written(typed: &[EvaluationCompleted]) -> Outcome<Vec<StoredMessage>> {
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    bus.publish_all(typed).await?;
    Ok(bus.published())
}

/// The number of an event, from 0.
pub(crate) fn index(event: &EvaluationCompleted) -> usize {
    event.execution_time as usize - 1
}
