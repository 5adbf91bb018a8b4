//! Messages of a stream that are projected together.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsmith_bus::transport::StreamMessage;
use jiff::Timestamp;

use super::checkpoint::{Checkpoint, Skipped, StreamPosition};
use super::config::OnPoison;
use super::route::{EventFailure, Incoming, Sorted, Wanted, sort};

/// Messages of one stream, in their order.
#[derive(Debug)]
pub(crate) struct Chunk {
    stream: Arc<str>,
    created: Option<Timestamp>,
    items: Vec<Item>,
    /// Only so many are to be projected together next.
    limit: Option<usize>,
}

/// A message, and what becomes of it.
#[derive(Debug)]
struct Item {
    sequence: u64,
    stored: Timestamp,
    subject: String,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    /// It is projected.
    Project(Box<Incoming>),
    /// It is none of the projection's business.
    Pass,
    /// It is left out.
    Skip(String),
    /// The projection stops before it.
    Halt(EventFailure),
}

/// A message before which a projection stops.
#[derive(Debug)]
pub(crate) struct Halt<'a> {
    pub(crate) sequence: u64,
    pub(crate) subject: &'a str,
    pub(crate) failure: &'a EventFailure,
}

impl Chunk {
    pub(crate) fn of(
        wanted: &[Wanted],
        stream: &Arc<str>,
        created: Option<Timestamp>,
        messages: Vec<StreamMessage>,
        on_poison: OnPoison,
    ) -> Self {
        let item = |message: StreamMessage| {
            let (sequence, stored, subject) = (message.sequence, message.stored, message.message.subject.to_string());
            let fate = match (sort(wanted, stream, message), on_poison) {
                (Sorted::Event(event), _) => Fate::Project(Box::new(event)),
                (Sorted::Foreign, _) => Fate::Pass,
                (Sorted::Unreadable(reason), OnPoison::Skip) => Fate::Skip(reason),
                (Sorted::Unreadable(reason), OnPoison::Stop) => Fate::Halt(EventFailure::Unreadable(reason)),
            };
            Item { sequence, stored, subject, fate }
        };
        let items = messages.into_iter().map(item).collect();
        Self { stream: Arc::clone(stream), created, items, limit: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// When the stream was created, as far as that is known.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.created
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// What comes first, if the projection stops before it.
    pub(crate) fn halt(&self) -> Option<Halt<'_>> {
        let Item { sequence, subject, fate, .. } = self.items.first()?;
        match fate {
            Fate::Halt(failure) => Some(Halt { sequence: *sequence, subject, failure }),
            _ => None,
        }
    }

    /// How many messages can be done with together.
    fn ready(&self) -> usize {
        let halt = self.items.iter().position(|item| matches!(item.fate, Fate::Halt(_)));
        let ready = halt.unwrap_or(self.items.len());
        // What is left out is noted before anything behind it is projected, by which it might be decided otherwise.
        let is_skipped = |item: &Item| matches!(item.fate, Fate::Skip(_));
        let behind = |first: usize| {
            let next = self.items[first..].iter().position(|item| matches!(item.fate, Fate::Project(_)));
            next.map_or(self.items.len(), |next| first + next)
        };
        let ready = self.items.iter().position(is_skipped).map_or(ready, |first| ready.min(behind(first)));
        self.limit.map_or(ready, |limit| limit.min(ready))
    }

    /// The events among these.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Incoming> {
        self.items[..self.ready()].iter().filter_map(|item| match &item.fate {
            Fate::Project(event) => Some(&**event),
            _ => None,
        })
    }

    /// The checkpoint behind them; how far side effects are, where there are some.
    pub(crate) fn behind(&self, checkpoint: &Checkpoint, effects: Option<&BTreeMap<String, u64>>) -> Checkpoint {
        let mut to = checkpoint.clone();
        let position = to.streams.entry(self.stream.to_string()).or_default();
        let mut left_out = Vec::new();
        for Item { sequence, stored, subject, fate } in &self.items[..self.ready()] {
            let time = match fate {
                Fate::Project(_) => Some(*stored),
                _ => position.time,
            };
            *position = StreamPosition { sequence: *sequence, time, created: self.created };
            match fate {
                Fate::Project(_) => to.projected += 1,
                Fate::Skip(reason) => {
                    to.skipped += 1;
                    left_out.push(*sequence);
                    let (stream, sequence) = (self.stream.to_string(), *sequence);
                    let (subject, reason) = (subject.clone(), reason.clone());
                    to.last_skipped = Some(Skipped { stream, sequence, subject, reason });
                }
                Fate::Pass | Fate::Halt(_) => {}
            }
        }
        left_out.into_iter().for_each(|sequence| to.leave_out(&self.stream, sequence));
        to.forget_left_out(effects);
        to
    }

    /// They are done with. What was left out among them is logged.
    pub(crate) fn advance(&mut self, projection: &str) {
        let ready = self.ready();
        for Item { sequence, subject, fate, .. } in self.items.drain(..ready) {
            if let Fate::Skip(reason) = fate {
                let stream = &*self.stream;
                tracing::error!(projection, stream, sequence, subject, reason, "a message is left out of a read model");
            }
        }
        self.limit = None;
    }

    /// One of the events failed, at this place among them. Says how often to try it again from now on: not at all where it can be decided
    /// already. What is before it is projected without it.
    pub(crate) fn failed(&mut self, event: usize, failure: EventFailure, on_poison: OnPoison) -> Next {
        let is_event = |at: &usize| matches!(self.items[*at].fate, Fate::Project(_));
        let Some(at) = (0..self.items.len()).filter(is_event).nth(event) else { return Next::Again };
        match (failure, on_poison) {
            (EventFailure::Unreadable(reason) | EventFailure::Rejected(reason), OnPoison::Skip) => {
                self.items[at].fate = Fate::Skip(reason);
                Next::Again
            }
            (failure @ EventFailure::Failed(_), _) if at == 0 => Next::Later(failure),
            (EventFailure::Failed(_), _) => {
                self.limit = Some(at);
                Next::Again
            }
            (failure, _) => {
                self.items[at].fate = Fate::Halt(failure);
                Next::Again
            }
        }
    }

    /// The first has been tried often enough.
    pub(crate) fn give_up(&mut self, failure: EventFailure) {
        if let Some(first) = self.items.first_mut() {
            first.fate = Fate::Halt(failure);
        }
    }

    /// The first is to be tried alone, so that what fails behind it does not count as its attempt.
    pub(crate) fn first_alone(&mut self) {
        self.limit = Some(1);
    }
}

/// What is to be done about an event that failed.
#[derive(Debug)]
pub(crate) enum Next {
    /// The rest at once.
    Again,
    /// It comes first, and may go better later.
    Later(EventFailure),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(fates: Vec<Fate>) -> Chunk {
        let item = |(at, fate): (u64, _)| Item {
            sequence: 10 + at,
            stored: Timestamp::UNIX_EPOCH,
            subject: "a.b".to_owned(),
            fate,
        };
        Chunk { stream: "S".into(), created: None, items: (0..).zip(fates).map(item).collect(), limit: None }
    }

    #[test]
    fn what_is_left_out_is_counted_and_named_and_a_halt_ends_what_is_ready() {
        let mut chunk = chunk(vec![
            Fate::Pass,
            Fate::Skip("odd".to_owned()),
            Fate::Halt(EventFailure::Newer("v9".to_owned())),
            Fate::Pass,
        ]);

        let to = chunk.behind(&Checkpoint::default(), Some(&BTreeMap::new()));
        let without_effects = chunk.behind(&to, None);
        let before = chunk.halt().map(|halt| halt.sequence);
        chunk.advance("p");

        assert_eq!((to.sequence("S"), to.skipped, to.projected), (11, 1, 0));
        assert_eq!(to.left_out, BTreeMap::from([("S".to_owned(), [11].into())]));
        assert!(without_effects.left_out.is_empty());
        assert_eq!(to.last_skipped.map(|skipped| (skipped.sequence, skipped.reason)), Some((11, "odd".to_owned())));
        assert_eq!((before, chunk.halt().map(|halt| halt.sequence)), (None, Some(12)));
    }
}
