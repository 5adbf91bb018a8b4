//! Reading from a durable consumer in memory.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::watch;
use tokio::time::Instant;

use super::durable::Durable;
use super::log::Log;
use super::state::Memory;
use crate::transport::{AckKind, Acker, Arrival, Deliveries, Delivery, Gone, Lease, MessageSelector, Unavailable};

/// Reads from a durable consumer.
#[derive(Debug)]
pub(super) struct MemoryDeliveries {
    memory: Memory,
    stream: String,
    durable: String,
    changed: watch::Receiver<()>,
    reader: u64,
    /// Whether we were the one that is served when we looked last.
    was_served: bool,
}

impl Deliveries for MemoryDeliveries {
    fn next(&mut self, want: usize) -> BoxFuture<'_, Result<Arrival, Gone>> {
        if want == 0 { std::future::pending().boxed() } else { self.next_arrival().boxed() }
    }

    fn arrived(&mut self) -> Option<Delivery> {
        None
    }

    fn recall(&mut self, _: bool) -> BoxFuture<'_, Result<Vec<Delivery>, Gone>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn stop(&mut self) -> BoxFuture<'_, Vec<Delivery>> {
        ready(Vec::new()).boxed()
    }

    fn pending(&self) -> BoxFuture<'_, Result<usize, Unavailable>> {
        async move { Ok(self.with_durable(|durable, _, _| durable.pending.len()).unwrap_or_default()) }.boxed()
    }

    fn is_live(&self) -> bool {
        true
    }

    fn confirm(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        async move {
            self.leave();
            Ok(())
        }
        .boxed()
    }
}

impl MemoryDeliveries {
    pub(super) fn new(memory: Memory, stream: &str, durable: &str) -> Self {
        let changed = memory.shared.changed.subscribe();
        let reader = memory.next_reader();
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        let mut deliveries = Self { memory, stream, durable, changed, reader, was_served: false };
        let enter = |durable: &mut Durable, _: &Log, _| {
            durable.readers.push(reader);
            !durable.spec.ordered
        };
        deliveries.was_served = deliveries.with_durable(enter).unwrap_or_default();
        deliveries
    }

    async fn next_arrival(&mut self) -> Result<Arrival, Gone> {
        loop {
            // Otherwise a reader that always finds something would never let another task run.
            tokio::task::coop::consume_budget().await;
            // Marks what is there as seen before looking, so that what comes after the look wakes us.
            self.changed.borrow_and_update();
            self.memory.check_open().map_err(|Unavailable(reason)| Gone::Deleted(reason))?;
            let is_served = self.with_durable(|durable, _, _| durable.serves(self.reader)).unwrap_or_default();
            if is_served != std::mem::replace(&mut self.was_served, is_served) {
                return Ok(Arrival::PinChanged);
            }
            let due = match self.take(is_served) {
                Ok(delivery) => return Ok(Arrival::Delivery(delivery)),
                Err(due) => due,
            };
            let due = async {
                match due {
                    Some(due) => self.memory.shared.clock.until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changed.changed() => drop(changed),
                () = due => {}
            }
        }
    }

    /// Makes way for the next who reads.
    fn leave(&self) {
        self.with_durable(|durable, _, _| durable.readers.retain(|reader| *reader != self.reader));
        self.memory.shared.changed.send_replace(());
    }

    /// The next delivery, or when one may be due if nothing changes.
    fn take(&self, is_served: bool) -> Result<Delivery, Option<Instant>> {
        if !is_served {
            return Err(None);
        }
        let taken = self.memory.with_current(&self.stream, &self.durable, |durable, log, now| {
            let taken = durable.take(log, now);
            let taken = taken.ok_or_else(|| durable.next_due().into_iter().chain(log.next_schedule()).min())?;
            let (sequence, deliveries) = taken;
            Ok((log.find(MessageSelector::Sequence(sequence)).ok_or(None)?, deliveries))
        });
        let (kept, deliveries) = taken.unwrap_or(Err(None))?;
        let acker = MemoryAcker {
            memory: self.memory.clone(),
            stream: self.stream.clone(),
            durable: self.durable.clone(),
            sequence: kept.sequence,
            lease: Lease::new(Instant::now()),
        };
        let (sequence, stored, message) = (kept.sequence, kept.stored, kept.message);
        Ok(Delivery { message, sequence, deliveries, stored, acker: Arc::new(acker) })
    }

    fn with_durable<T>(&self, work: impl FnOnce(&mut Durable, &Log, Instant) -> T) -> Option<T> {
        self.memory.with_durable(&self.stream, &self.durable, work)
    }
}

impl Drop for MemoryDeliveries {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Acknowledges a delivery to its durable consumer.
#[derive(Debug)]
struct MemoryAcker {
    memory: Memory,
    stream: String,
    durable: String,
    sequence: u64,
    lease: Lease,
}

impl Acker for MemoryAcker {
    fn send(&self, kind: AckKind) -> BoxFuture<'_, Result<(), Unavailable>> {
        async move {
            self.memory.check_open()?;
            self.memory.acknowledge(&self.stream, &self.durable, self.sequence, kind);
            Ok(())
        }
        .boxed()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.send(AckKind::InProgress)
    }

    fn lease(&self) -> &Lease {
        &self.lease
    }
}
