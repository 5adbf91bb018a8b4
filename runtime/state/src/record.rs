//! An event of an aggregate as a stream keeps it: a message whose headers say where it stands in the history.

use eventsmith_bus::transport::{Headers, StreamMessage};
use eventsmith_event::clip::clip;
use jiff::Timestamp;

/// Its number within the aggregate, from 1.
pub(crate) const NUMBER: &str = "Eventsmith-Number";
/// The sequence in the stream of the event before it: 0 for the first one, [`ADJACENT`] within a batch.
pub(crate) const PREDECESSOR: &str = "Eventsmith-Predecessor";
/// How many messages that are no events of the history lie before it on the aggregate's subjects, where there are some.
pub(crate) const PASSED: &str = "Eventsmith-Passed";
/// The id of the command that it came of.
pub(crate) const COMMAND: &str = "Eventsmith-Command";
/// The sequence of the message that is discarded: of a message that is no event itself.
pub(crate) const DISCARDS: &str = "Eventsmith-Discards";
/// The event before it is the message before it: of a batch nobody knows the sequences before it is stored.
const ADJACENT: &str = "adjacent";

/// Where an event stands in the history of its aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// The sequence in the stream of the event before it.
    pub(crate) predecessor: Predecessor,
    /// How many messages that are no events of the history lie before it.
    pub(crate) passed: u64,
}

/// The event before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// Its sequence in the stream; 0 for none.
    Sequence(u64),
    /// The message before.
    Adjacent,
}

impl Place {
    /// The headers that say so, and of which command the event came.
    pub(crate) fn headers(self, command_id: &str) -> Vec<(&'static str, String)> {
        let predecessor = match self.predecessor {
            Predecessor::Sequence(sequence) => sequence.to_string(),
            Predecessor::Adjacent => ADJACENT.to_owned(),
        };
        let mut headers = vec![(NUMBER, self.number.to_string()), (PREDECESSOR, predecessor)];
        headers.extend((self.passed > 0).then(|| (PASSED, self.passed.to_string())));
        headers.push((COMMAND, command_id.to_owned()));
        headers
    }
}

/// An event of a history, not decoded yet.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) number: u64,
    /// The sequence in the stream of the event before it; 0 for none.
    pub(crate) predecessor: u64,
    pub(crate) passed: u64,
    pub(crate) command_id: Option<String>,
    pub(crate) stored: StreamMessage,
}

/// A message on the subjects of an aggregate that is no event of its history: it was not appended.
///
/// ```
/// use eventsmith::state::Stray;
///
/// fn tell(stray: &Stray) {
///     println!("message {}: {}", stray.sequence, stray.reason);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stray {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Why it is none.
    pub reason: String,
}

/// Which message is no event of a history any more, if this one says so of an earlier one.
pub(crate) fn discards(stored: &StreamMessage) -> Option<u64> {
    let headers = &stored.message.headers;
    let target = headers.get(DISCARDS).filter(|_| headers.malformed().is_none())?;
    target.parse().ok().filter(|target| (1..stored.sequence).contains(target))
}

impl Record {
    /// Reads where a message stands in the history, if it is an event of it.
    pub(crate) fn read(stored: StreamMessage) -> Result<Self, Stray> {
        match Self::place(&stored) {
            Ok((number, predecessor, passed)) => {
                let command_id = stored.message.headers.get(COMMAND).map(ToOwned::to_owned);
                Ok(Self { number, predecessor, passed, command_id, stored })
            }
            Err(reason) => Err(Stray { sequence: stored.sequence, stored: stored.stored, reason: clip(reason) }),
        }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.stored.sequence
    }

    fn place(StreamMessage { sequence, message, .. }: &StreamMessage) -> Result<(u64, u64, u64), String> {
        let headers = &message.headers;
        if let Some(malformed) = headers.malformed() {
            return Err(malformed.explanation());
        }
        if let Some(discarded) = headers.get(DISCARDS) {
            return Err(format!("it says that message {discarded} is discarded"));
        }
        if let Some(dead_letter) = headers.get(Headers::REPLAY_OF) {
            return Err(format!("it repeats an event for a consumer, from the dead letter {dead_letter}"));
        }
        let number = |name: &str, text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u64>().ok().filter(|_| is_plain);
            number.ok_or_else(|| format!("its header {name} is {text:?}, no number"))
        };
        let header = |name: &str| {
            let mut values = headers.iter().filter(|(other, _)| *other == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (Some(_), Some(_)) => Err(format!("it has the header {name} twice")),
                (value, _) => Ok(value),
            }
        };
        let missing =
            |name: &str| format!("it has no header {name}, so that it was not appended as aggregates' events are");
        let own = number(NUMBER, header(NUMBER)?.ok_or_else(|| missing(NUMBER))?)?;
        let predecessor = match header(PREDECESSOR)?.ok_or_else(|| missing(PREDECESSOR))? {
            ADJACENT => sequence.saturating_sub(1),
            text => number(PREDECESSOR, text)?,
        };
        let passed = header(PASSED)?.map_or(Ok(0), |text| number(PASSED, text))?;
        // Each event, and each message that is none, has a place of its own in the stream.
        let is_possible = own.checked_add(passed).is_some_and(|places| places <= *sequence);
        if own == 0 || (own == 1) != (predecessor == 0) || predecessor >= *sequence || !is_possible {
            return Err(format!(
                "its headers say that it is number {own} behind message {predecessor}, which cannot be"
            ));
        }
        Ok((own, predecessor, passed))
    }
}

#[cfg(test)]
mod tests {
    use eventsmith_bus::transport::Message;

    use super::*;

    fn stored(headers: &[(&'static str, &str)]) -> StreamMessage {
        let mut all = Headers::default();
        headers.iter().for_each(|(name, value)| all.push(*name, *value));
        let message = Message { subject: "a".into(), headers: all, payload: "{}".into() };
        StreamMessage { sequence: 9, stored: Timestamp::UNIX_EPOCH, message }
    }

    #[test]
    fn what_is_written_is_read() {
        for (predecessor, sequence) in [(Predecessor::Sequence(4), 4), (Predecessor::Adjacent, 8)] {
            let headers = Place { number: 3, predecessor, passed: 2 }.headers("c-1");
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();

            let record = Record::read(stored(&headers)).unwrap();

            assert_eq!((record.number, record.predecessor, record.passed), (3, sequence, 2));
            assert_eq!(record.command_id.as_deref(), Some("c-1"));
        }
    }

    #[test]
    fn what_does_not_say_where_it_stands_is_no_event_of_the_history() {
        for headers in [
            &[][..],
            &[(NUMBER, "1")],
            &[(PREDECESSOR, "1")],
            &[(NUMBER, "0"), (PREDECESSOR, "0")],
            &[(NUMBER, "1"), (PREDECESSOR, "3")],
            &[(NUMBER, "2"), (PREDECESSOR, "0")],
            &[(NUMBER, "2"), (PREDECESSOR, "9")],
            &[(NUMBER, "+2"), (PREDECESSOR, "3")],
            &[(NUMBER, "2"), (PREDECESSOR, "3"), (NUMBER, "2")],
            &[(NUMBER, "99999999999999999999"), (PREDECESSOR, "3")],
            &[(NUMBER, "2"), (PREDECESSOR, "3"), (PASSED, "x")],
            &[(NUMBER, "2"), (PREDECESSOR, "3"), (Headers::REPLAY_OF, "D:1")],
        ] {
            assert!(Record::read(stored(headers)).is_err(), "{headers:?}");
        }
    }
}
