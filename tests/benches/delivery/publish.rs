//! Publishing: events of ours, validated and written, beside payloads that were written beforehand.

use std::collections::VecDeque;
use std::fmt;

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::StorageType;

use crate::Outcome;
use crate::rounds::{Rounds, Sample};
use crate::world::{SUBJECT, World};

/// How ours publishes. The raw loop is the same.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// With an acknowledgement for each event.
    Publish,
    /// By fast batches.
    Bulk,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish",
            Self::Bulk => "bulk",
        })
    }
}

pub(crate) async fn rounds(world: &World, storage: StorageType, way: Way, rounds: usize) -> Outcome<Rounds> {
    let ours = async || match way {
        Way::Publish => side(world, storage, ours(world.clone())).await,
        Way::Bulk => side(world, storage, bulk(world.clone())).await,
    };
    let raw = async || side(world, storage, raw(world.clone())).await;
    Rounds::interleaved(rounds, world.len(), ours, raw).await
}

/// One round into a stream of its own, where everything must have arrived, and in order.
async fn side(
    world: &World,
    storage: StorageType,
    work: impl Future<Output = Outcome<Vec<u64>>> + Send + 'static,
) -> Outcome<Sample> {
    let mut stream = world.new_stream(storage).await?;
    let mut sequences = Vec::new();
    // A task of its own, as in a service: the main thread is no place to be quick.
    let sample = Sample::of(async {
        sequences = tokio::spawn(work).await??;
        Ok(())
    })
    .await?;
    let count = world.len() as u64;
    assert!(sequences.into_iter().eq(1..=count), "acknowledged out of order, or not all");
    assert_eq!(stream.info().await?.state.messages, count, "not all is stored");
    Ok(sample)
}

async fn ours(world: World) -> Outcome<Vec<u64>> {
    let published = world.bus.publish_all(world.typed.iter()).await?;
    Ok(published.into_iter().map(|published| published.sequence).collect())
}

async fn bulk(world: World) -> Outcome<Vec<u64>> {
    let mut bulk = world.bus.bulk();
    for event in world.typed.iter() {
        bulk.push(event).await?;
    }
    let published = bulk.finish().await?;
    assert_eq!(published.batched, world.len() as u64, "not all went by batches");
    // Nobody else stores into the stream.
    Ok((1..=published.last.map_or(0, |place| place.sequence)).collect())
}

async fn raw(world: World) -> Outcome<Vec<u64>> {
    let mut sequences = Vec::with_capacity(world.len());
    let mut window = VecDeque::<PublishAckFuture>::with_capacity(world.window);
    for written in world.written.iter() {
        if window.len() >= world.window
            && let Some(ack) = window.pop_front()
        {
            sequences.push(ack.await?.sequence);
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", written.id.as_str());
        let payload = written.message.payload.clone();
        window.push_back(world.context.publish_with_headers(SUBJECT, headers, payload).await?);
    }
    for ack in window {
        sequences.push(ack.await?.sequence);
    }
    Ok(sequences)
}
