//! How what was asked for is taken back.

use tokio::time::{Instant, timeout};

use super::PullDeliveries;
use crate::cause::Cause;
use crate::config::duration::LONGEST;
use crate::jetstream::client::ASK_AGAIN;
use crate::transport::{Delivery, Gone};

impl PullDeliveries {
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
                self.inbox.close().await;
            }
        } else {
            self.inbox.close().await;
        }
        let kept = self.pin.as_mut().and_then(|pin| pin.held_back.take());
        kept.into_iter().chain(self.deliveries(rest)).collect()
    }
}
