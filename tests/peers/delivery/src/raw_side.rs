//! async-nats: payloads written beforehand, nothing decoded.

use std::collections::VecDeque;

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::PublishAckFuture;
use futures_util::{StreamExt, TryStreamExt};

use crate::Outcome;
use crate::world::{BATCH, MAX_ACK_PENDING, STREAM, SUBJECT, WINDOW, World};

pub async fn publish(world: World) -> Outcome {
    let mut window = VecDeque::<PublishAckFuture>::with_capacity(WINDOW);
    for written in world.written.iter() {
        if window.len() >= WINDOW
            && let Some(ack) = window.pop_front()
        {
            ack.await?;
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", written.id.as_str());
        let payload = written.message.payload.clone();
        window.push_back(world.context.publish_with_headers(SUBJECT, headers, payload).await?);
    }
    for ack in window {
        ack.await?;
    }
    Ok(())
}

pub async fn consume(world: World, handlers: usize) -> Outcome {
    let config = pull::Config {
        durable_name: Some("raw".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: i64::try_from(MAX_ACK_PENDING)?,
        filter_subject: SUBJECT.to_owned(),
        ..pull::Config::default()
    };
    let mut consumer = world.context.get_stream(STREAM).await?.create_consumer(config).await?;
    let messages = consumer.stream().max_messages_per_batch(BATCH).messages().await?.take(world.typed.len());
    let seen = world.seen;
    let each = |message: Message| async move {
        seen.add(usize::try_from(message.info()?.stream_sequence)? - 1);
        message.ack().await
    };
    messages.map_err(Into::into).try_for_each_concurrent(handlers, each).await?;
    seen.complete.notified().await;
    consumer.info().await?;
    Ok(())
}
