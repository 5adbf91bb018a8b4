//! eventsmith: validated, and read strictly.

use eventsmith::config::ConsumerConfig;
use eventsmith::Received;
use rules_events::evaluation::EvaluationCompleted;

use crate::Outcome;
use crate::world::{BATCH, MAX_ACK_PENDING, World};

pub async fn publish(world: World) -> Outcome {
    world.bus.publish_all(world.typed.iter()).await?;
    Ok(())
}

pub async fn consume(world: World, handlers: usize) -> Outcome {
    let seen = world.seen;
    let handler = move |event: Received<EvaluationCompleted>| async move {
        seen.add(event.execution_time as usize - 1);
        Ok(())
    };
    let config = ConsumerConfig {
        concurrency: handlers,
        prefetch: BATCH - handlers,
        max_ack_pending: MAX_ACK_PENDING,
        ..ConsumerConfig::default()
    };
    world.bus.consumer("eventsmith").config(config).on(handler).run(seen.complete.notified()).await?;
    Ok(())
}
