//! How what was asked for is taken back.

use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::{PinnedLease, PullDeliveries};
use crate::cause::Cause;
use crate::config::duration::LONGEST;
use crate::environment::of_program;
use crate::jetstream::client::{ASK_AGAIN, PAUSE};
use crate::jetstream::consumers::PIN_TIMEOUT;
use crate::transport::{Delivery, Gone};

impl PullDeliveries {
    /// Gives up the pin when the connection is lost: the server may not know that yet, and would go on to serve what was asked for
    /// over it with that pin. What it delivers there nobody gets before `ack_wait` is over, while later events would come here.
    pub(super) fn give_up_pin(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        let Some(id) = self.pin.as_mut().and_then(PinnedLease::lose) else { return };
        let life = Arc::clone(&self.life);
        let unpin = async move {
            // That of another reader, who may be at work, must not be taken away.
            match life.info().await? {
                Ok(info) if info.has_pinned(&id) => life.jetstream.unpin(&life.stream, &life.durable).await,
                _ => Ok(()),
            }
        };
        let (stream, consumer, mut link) = (self.stream.clone(), self.durable.clone(), self.link.clone());
        let in_time = async move {
            // There may be no connection for a while. After that time the pin has ended by itself.
            if timeout(PIN_TIMEOUT, link.wait_for(|link| link.connected)).await.is_err() {
                return;
            }
            let unpinned = timeout(ASK_AGAIN, unpin).await;
            if !matches!(unpinned, Ok(Ok(()))) {
                tracing::debug!(stream, consumer, ?unpinned, "the pin ends by itself");
            }
        };
        self.tasks.spawn_on(of_program(in_time), self.jetstream.thread.handle());
    }

    pub(super) async fn take_back(&mut self, is_holding: bool) -> Result<Vec<Delivery>, Gone> {
        let mut asked_for_pin = 0;
        match &mut self.pin {
            // What is held would have to be nakked if the server pinned another reader. So it is asked for one message from time to
            // time.
            Some(_) if is_holding => asked_for_pin = 1,
            // As long as we want nothing, another reader may have the pin.
            Some(pin) => pin.ask_at = Instant::now() + LONGEST,
            None => {}
        }
        if self.outstanding <= asked_for_pin {
            return Ok(Vec::new());
        }
        let mut rest = self.leave().await;
        self.outstanding = 0;
        // Otherwise asking anew begins with that.
        if self.is_connected() {
            self.inbox.renew().await.map_err(|error| Gone::Deleted(Cause::of(error)))?;
            // What the server said of the old requests does not matter to the new ones.
            let late = self.inbox.take_arrived();
            rest.extend(self.deliveries(late));
            self.probe.restart(Instant::now());
        }
        Ok(rest)
    }

    /// Unsubscribes, unless too much waits for a connection: then the server learns it with the end of the old one.
    async fn close_inbox(&mut self) {
        let _ = timeout(PAUSE, self.inbox.close()).await;
    }

    pub(super) async fn leave(&mut self) -> Vec<Delivery> {
        let mut rest = self.inbox.take_arrived();
        let asked = self.asked();
        // Where asking is denied, nothing comes in answer.
        let is_denied = self.jetstream.denials.0.borrow().after(0).any(|denied| denied.subject == asked);
        if self.is_connected() && !is_denied {
            if self.outstanding > 0 {
                // Else invalid requests are answered before what was asked for a moment ago is delivered, to nobody, and counted.
                let _ = timeout(ASK_AGAIN, self.life.info()).await;
            }
            let left = timeout(ASK_AGAIN, self.inbox.leave(self.outstanding, &asked, &mut rest)).await;
            // If it took too long, or the connection is lost now, what was on its way is lost.
            if !matches!(left, Ok(Some(()))) {
                self.note_gap();
                self.close_inbox().await;
            }
        } else {
            self.close_inbox().await;
        }
        let kept = self.pin.as_mut().and_then(|pin| pin.held_back.take());
        kept.into_iter().chain(self.deliveries(rest)).collect()
    }
}
