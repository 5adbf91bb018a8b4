//! Reading without a consumer, as somebody who may make none: whoever makes a consumer chooses where it delivers to, so that permissions
//! which keep services apart give none. Each message is asked for, and where there is none, one asks again.

use tokio::time::sleep;

use super::pace::Poll;
use super::{Following, SILENCE, unanswered};
use crate::cause::Cause;
use crate::jetstream::client::{AskFailure, PAUSE};
use crate::transport::{Followed, ServerFailure, Unavailable};

impl Following {
    /// What to do without a consumer: to ask, where that is allowed. Else it is said what was denied first.
    pub(super) async fn instead(&mut self, losses: u64, denied: AskFailure) -> Result<(), ServerFailure> {
        if let Err(error) = self.begin_to_poll().await {
            tracing::debug!(stream = self.wanted.stream, %error, "no message can be asked for either");
            return Err(unanswered(denied));
        }
        tracing::debug!(stream = self.wanted.stream, "read by asking for one message after the other");
        self.jetstream.polled.note(&self.wanted.stream, losses);
        Ok(())
    }

    pub(super) async fn begin_to_poll(&mut self) -> Result<(), Unavailable> {
        let losses = self.jetstream.link.borrow().losses;
        let goal = self.leaders_last().await?;
        self.poll = Some(Poll::begin(goal, losses));
        Ok(())
    }

    /// What comes next, by asking.
    pub(super) async fn polled(&mut self) -> Result<Followed, ServerFailure> {
        loop {
            self.connected().await?;
            self.check_polled().await?;
            let Some(poll) = &self.poll else { return Err(ServerFailure::Unavailable("nothing is read".into())) };
            if !self.is_current && self.last >= poll.goal {
                self.is_current = true;
                return Ok(Followed::Current);
            }
            let read = self.next_singly().await;
            let Some(poll) = &mut self.poll else { continue };
            let pause = match read {
                Ok(Some(found)) => {
                    poll.came();
                    return Ok(Followed::Message(found));
                }
                // What was there at the beginning and does not come is gone.
                Ok(None) if !self.is_current => {
                    poll.goal = 0;
                    continue;
                }
                Ok(None) => poll.pause(),
                Err(error) => {
                    tracing::debug!(stream = self.wanted.stream, %error, "asking again for a message");
                    poll.doubt();
                    PAUSE
                }
            };
            sleep(pause).await;
        }
    }

    /// Fails where the stream is gone or another one. A stream that was made anew has no messages of these numbers, and says nothing else.
    async fn check_polled(&mut self) -> Result<(), ServerFailure> {
        let losses = self.jetstream.link.borrow().losses;
        let Some(poll) = &self.poll else { return Ok(()) };
        if poll.is_checked(losses, SILENCE) {
            return Ok(());
        }
        self.check_stream().await?;
        if let Ok(None) = self.jetstream.find_extent(&self.wanted.stream).await {
            let reason = format!("there is no stream {}", self.wanted.stream);
            return Err(ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason: Cause::from(reason) });
        }
        if let Some(poll) = &mut self.poll {
            poll.check(losses);
        }
        Ok(())
    }
}
