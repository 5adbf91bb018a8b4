//! How often the handler of an event began, where that is not how often it was delivered.
//!
//! The server counts deliveries. An event that was delivered and never run, because its consumer stopped, has not been
//! tried. So a consumer that stops notes it, on a subject beside its dead letters, until the event is done.

use bytes::Bytes;
use jiff::Timestamp;

use super::record::{RUNS_TAIL, STORED, nanoseconds};
use crate::settings::DEAD_LETTERS;
use crate::transport::{Headers, Message, MessageSelector, PublishAck, SendFailure, Transport, Unavailable};

const DELIVERIES: &str = "Eventsmith-Deliveries";
const RUNS: &str = "Eventsmith-Runs";
const AHEAD: &str = "Eventsmith-Ahead";

/// How often the handler of an event had begun at one of its deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCount {
    /// How often it had been delivered.
    pub deliveries: u64,
    /// How many of these deliveries were run.
    pub runs: u64,
    /// The delivery whose run is counted although it was noted before that began: it may have come to none.
    pub ahead: Option<u64>,
}

/// What is noted of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastNote {
    /// How often it was run; nothing if nothing is noted, or that of an event of the same number in an earlier stream.
    pub count: Option<RunCount>,
    /// The number of the note in the stream of the dead letters, 0 if there is none.
    pub number: u64,
}

/// The counts of one consumer of one stream.
#[derive(Debug, Clone)]
pub struct RunCounts {
    /// The stream of the dead letters.
    dead_letters: String,
    /// What the subjects begin with, without the dot.
    prefix: String,
}

impl RunCounts {
    /// The counts of a consumer, in the stream that captures `{root}.dlq.>`.
    pub fn new(dead_letters: String, root: &str, consumer: &str, stream: &str) -> Self {
        Self { dead_letters, prefix: format!("{root}.{DEAD_LETTERS}.{consumer}.{stream}") }
    }

    /// What was noted last of an event, if anything was.
    ///
    /// # Errors
    /// [`Unavailable`] when the server does not tell.
    pub async fn get(
        &self,
        transport: &dyn Transport,
        sequence: u64,
        stored: Timestamp,
    ) -> Result<LastNote, Unavailable> {
        let subject = self.subject(sequence);
        let last = transport.message(&self.dead_letters, MessageSelector::LastOf(&subject)).await?;
        let noted = last.map(|last| LastNote { count: read(&last.message, stored), number: last.sequence });
        Ok(noted.unwrap_or_default())
    }

    /// Notes how often an event was run; unless something else was noted since, where the number of the last note is given.
    ///
    /// # Errors
    /// [`SendFailure`] when it is not noted, or nobody knows.
    pub async fn put(
        &self,
        transport: &dyn Transport,
        sequence: u64,
        stored: Timestamp,
        count: RunCount,
        last: Option<u64>,
    ) -> Result<PublishAck, SendFailure> {
        let mut headers = Headers::default();
        headers.push(DELIVERIES, count.deliveries.to_string());
        headers.push(RUNS, count.runs.to_string());
        if let Some(ahead) = count.ahead {
            headers.push(AHEAD, ahead.to_string());
        }
        if let Some(last) = last {
            headers.push(Headers::EXPECTED_LAST_OF_SUBJECT, last.to_string());
        }
        headers.push(STORED, nanoseconds(stored));
        let message = Message { subject: self.subject(sequence).into(), headers, payload: Bytes::new() };
        transport.send(&message).await?.await
    }

    /// Deletes what was noted of an event that is done.
    ///
    /// # Errors
    /// [`Unavailable`]; what is left is deleted by [`delete_done`](Self::delete_done).
    pub async fn delete(&self, transport: &dyn Transport, sequence: u64) -> Result<(), Unavailable> {
        self.delete_until(transport, &self.subject(sequence), u64::MAX).await
    }

    /// Deletes one note about an event, by the note's own number in the stream of the dead letters: unless that has another message by now,
    /// perhaps a dead letter, as it was made anew.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn delete_one(&self, transport: &dyn Transport, sequence: u64, number: u64) -> Result<(), Unavailable> {
        let found = transport.message(&self.dead_letters, MessageSelector::Sequence(number)).await?;
        match found.filter(|found| *found.message.subject == *self.subject(sequence)) {
            Some(_) => transport.delete_message(&self.dead_letters, number).await,
            None => Ok(()),
        }
    }

    /// Deletes what was noted of events up to this number in their stream: they are done, and whoever handled them did not
    /// live to delete it.
    ///
    /// # Errors
    /// [`Unavailable`]; what is left is deleted next time.
    pub async fn delete_done(&self, transport: &dyn Transport, ack_floor: u64) -> Result<(), Unavailable> {
        self.delete_until(transport, &format!("{}.*.{RUNS_TAIL}", self.prefix), ack_floor).await
    }

    async fn delete_until(&self, transport: &dyn Transport, subject: &str, until: u64) -> Result<(), Unavailable> {
        let mut from = 1;
        let next = |from| MessageSelector::NextOf { subject, from };
        while let Some(found) = transport.message(&self.dead_letters, next(from)).await? {
            from = found.sequence + 1;
            if self.sequence(&found.message.subject).is_some_and(|sequence| sequence <= until) {
                transport.delete_message(&self.dead_letters, found.sequence).await?;
            }
        }
        Ok(())
    }

    fn subject(&self, sequence: u64) -> String {
        format!("{}.{sequence}.{RUNS_TAIL}", self.prefix)
    }

    fn sequence(&self, subject: &str) -> Option<u64> {
        subject.strip_prefix(&self.prefix)?.strip_prefix('.')?.split('.').next()?.parse().ok()
    }
}

/// Whether a subject in the stream of the dead letters is that of such a count.
pub fn is_run_count(subject: &str) -> bool {
    subject.rsplit('.').next() == Some(RUNS_TAIL)
}

/// The count, unless it is about an event of the same number in an earlier stream of the same name.
fn read(message: &Message, stored: Timestamp) -> Option<RunCount> {
    let number = |name| message.headers.get(name)?.parse().ok();
    let count = RunCount { deliveries: number(DELIVERIES)?, runs: number(RUNS)?, ahead: number(AHEAD) };
    (message.headers.get(STORED) == Some(&nanoseconds(stored))).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_about_one_event_of_one_stream() {
        let counts = RunCounts::new("DLQ".to_owned(), "rules", "promotions", "RULES");
        let stored = Timestamp::from_second(1_700_000_000).unwrap();
        let later = Timestamp::from_second(1_700_000_001).unwrap();
        let mut headers = Headers::default();
        headers.push(DELIVERIES, "3");
        headers.push(RUNS, "2");
        headers.push(STORED, nanoseconds(stored));
        let message = Message { subject: counts.subject(17).into(), headers, payload: Bytes::new() };

        assert_eq!(&*message.subject, "rules.dlq.promotions.RULES.17._runs");
        assert_eq!(counts.sequence(&message.subject), Some(17));
        assert_eq!(
            (read(&message, stored), read(&message, later)),
            (Some(RunCount { deliveries: 3, runs: 2, ahead: None }), None)
        );
        assert!(is_run_count(&message.subject));
    }
}
