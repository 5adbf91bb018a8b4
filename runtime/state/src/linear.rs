//! Messages on the subjects of an aggregate, taken for a history: what lies one behind the other, what is none of it, and where it breaks.
//!
//! Of two events that a cluster let in at one place an operator may discard one ([`discard`](crate::discard)). That is a message as well:
//! what it names is no event of the history any more, nor what was appended behind that.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith_bus::transport::StreamMessage;
use eventsmith_event::clip::clip;

use crate::record::{Record, Stray, discards};

/// A history, as far as it is one.
#[derive(Debug, Default)]
pub(crate) struct Linear {
    /// The events, in order; behind a break those that follow it all the same.
    pub(crate) records: Vec<Record>,
    /// Messages that are no events of it.
    pub(crate) strays: Vec<Stray>,
    /// Which of these an operator discarded, and those that say so.
    pub(crate) discarded: BTreeSet<u64>,
    /// Where it breaks.
    pub(crate) breaks: Vec<Break>,
}

/// Where a history breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// An event is missing.
    Gap { missing: u64, sequence: u64 },
    /// Two events have one number.
    Double { number: u64, first: u64, second: u64 },
}

impl Linear {
    /// Of messages in their order, which come behind an event with this number and sequence; and beside what they say discarded themselves,
    /// one more may be taken for discarded.
    pub(crate) fn of(messages: &[StreamMessage], (number, sequence): (u64, u64), also: Option<u64>) -> Self {
        let mut gone: BTreeMap<u64, u64> = BTreeMap::new();
        for message in messages {
            if let Some(target) = discards(message) {
                gone.entry(target).or_insert(message.sequence);
            }
        }
        gone.extend(also.map(|target| (target, u64::MAX)));
        let mut linear = Self::default();
        let (mut number, mut before) = (number, sequence);
        for message in messages {
            if discards(message).is_some() {
                linear.discarded.insert(message.sequence);
            }
            let record = match Record::read(message.clone()) {
                Ok(record) => record,
                Err(stray) => {
                    linear.strays.push(stray);
                    continue;
                }
            };
            let by = gone.get(&record.sequence()).or_else(|| gone.get(&record.predecessor)).copied();
            if let Some(by) = by {
                let reason = clip(format!("message {by} says that an operator discarded it"));
                gone.insert(record.sequence(), by);
                linear.discarded.insert(record.sequence());
                linear.strays.push(Stray { sequence: record.sequence(), stored: record.stored.stored, reason });
                continue;
            }
            if record.number <= number {
                let twin = linear.records.iter().find(|twin| twin.number == record.number);
                let (first, second) = (twin.map_or(before, Record::sequence), record.sequence());
                linear.breaks.push(Break::Double { number: record.number, first, second });
            } else if record.number - 1 > number || record.predecessor != before {
                linear.breaks.push(Break::Gap { missing: number + 1, sequence: record.sequence() });
            }
            (number, before) = (record.number, record.sequence());
            linear.records.push(record);
        }
        linear
    }
}

#[cfg(test)]
mod tests {
    use eventsmith_bus::transport::{Headers, Message};
    use jiff::Timestamp;

    use super::*;
    use crate::record::{DISCARDS, NUMBER, PREDECESSOR};

    fn message(sequence: u64, headers: &[(&'static str, u64)]) -> StreamMessage {
        let mut all = Headers::default();
        headers.iter().for_each(|(name, value)| all.push(*name, value.to_string()));
        let message = Message { subject: "a".into(), headers: all, payload: "{}".into() };
        StreamMessage { sequence, stored: Timestamp::UNIX_EPOCH, message }
    }

    fn event(sequence: u64, number: u64, predecessor: u64) -> StreamMessage {
        message(sequence, &[(NUMBER, number), (PREDECESSOR, predecessor)])
    }

    /// Two branches behind event 1: 2, 3 and 2, 3, 4.
    fn forked() -> Vec<StreamMessage> {
        [(1, 1, 0), (2, 2, 1), (3, 3, 2), (4, 2, 1), (5, 3, 4), (6, 4, 5)].map(|(at, n, p)| event(at, n, p)).into()
    }

    fn sequences(linear: &Linear) -> Vec<u64> {
        linear.records.iter().map(Record::sequence).collect()
    }

    #[test]
    fn what_is_discarded_is_gone_with_all_that_was_appended_behind_it() {
        for (target, kept, gone) in [(2, vec![1, 4, 5, 6], [2, 3].as_slice()), (4, vec![1, 2, 3], &[4, 5, 6])] {
            let mut messages = forked();
            assert_eq!(Linear::of(&messages, (0, 0), None).breaks.len(), 1);
            messages.push(message(7, &[(DISCARDS, target)]));

            let linear = Linear::of(&messages, (0, 0), None);

            assert_eq!((sequences(&linear), linear.breaks.as_slice()), (kept, [].as_slice()), "{target}");
            assert_eq!(linear.discarded, gone.iter().copied().chain([7]).collect(), "{target}");
            assert_eq!(linear.strays.len(), gone.len() + 1);
        }
    }

    #[test]
    fn what_discards_something_that_comes_later_discards_nothing() {
        let mut messages = forked();
        messages[0] = message(1, &[(DISCARDS, 4)]);

        assert!(!Linear::of(&messages, (0, 0), None).breaks.is_empty());
    }
}
