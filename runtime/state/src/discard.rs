//! The way out of a history that has two events of one number: an operator decides which of the two counts.

use std::collections::BTreeSet;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::publish::{PublishError, PublishOptions};
use eventsmith_bus::transport::{Headers, Unavailable};
use eventsmith_event::clip::clip;
use serde::Serialize;

use crate::chain::Chain;
use crate::error::StateError;
use crate::linear::{Break, Linear};
use crate::record::{DISCARDS, Record};

/// What is written that discards something.
const TYPE: (&str, u32) = ("aggregate.discarded", 1);
/// No consumer is called so: it is for readers of histories alone.
const NOBODY: &str = "(history)";
/// How often the end is looked at again, as others append.
const MOST_ATTEMPTS: u32 = 8;

/// Which message of which history is to be discarded.
///
/// ```
/// use eventsmith::state::Discard;
///
/// let discard = Discard {
///     stream: "RULES_RULE",
///     subject: "rules.domain.rule.*.*",
///     id: "rul_1",
///     sequence: 17,
///     by: "anna",
///     reason: "the other one was paid",
/// };
/// assert_eq!(discard.sequence, 17);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Discard<'a> {
    /// The stream that holds its histories.
    pub stream: &'a str,
    /// The wildcard of its subjects (`AggregateEvents::SUBJECT`), which ends with the id.
    pub subject: &'a str,
    /// The id of the aggregate.
    pub id: &'a str,
    /// The sequence in the stream of the event that does not count.
    pub sequence: u64,
    /// Who decides so.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Why nothing was discarded.
///
/// ```
/// use eventsmith::state::DiscardError;
///
/// fn is_done_already(error: &DiscardError) -> bool {
///     matches!(error, DiscardError::Whole { .. })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscardError {
    /// Nothing is wrong with the history.
    #[error("the history of {id} in {stream} has no double; nothing of it is discarded")]
    Whole {
        /// The id of the aggregate.
        id: String,
        /// The name of the stream.
        stream: String,
    },
    /// It would not help.
    #[error(
        "without message {sequence} the history of {id} in {stream} is no better; name one of the two that `eventsmith aggregates check` \
         names"
    )]
    NoHelp {
        /// The id of the aggregate.
        id: String,
        /// The name of the stream.
        stream: String,
        /// The sequence in the stream.
        sequence: u64,
    },
    /// The history cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// It could not be stored.
    #[error("it is not stored that message {sequence} is discarded: {source}")]
    Store {
        /// The sequence in the stream.
        sequence: u64,
        /// Why not.
        source: Box<PublishError>,
    },
}

#[derive(Serialize)]
struct Discarded<'a> {
    sequence: u64,
    by: &'a str,
    reason: &'a str,
}

/// Discards an event of a history that has two of one number, and all that was appended behind that one; returns the sequences of the
/// events that do not count any more. What they led to elsewhere, in read models and other services, stays: undo it by events of your own.
///
/// Nothing is deleted: it is a message on the subject of the event, which says so, and which consumers and projections pass over.
///
/// ```
/// use eventsmith::Bus;
/// use eventsmith::state::{Discard, DiscardError, discard};
///
/// async fn decide(bus: &Bus, it: Discard<'_>) -> Result<(), DiscardError> {
///     println!("{:?} do not count", discard(bus, it).await?);
///     Ok(())
/// }
/// ```
///
/// # Errors
/// [`DiscardError`]; only with [`DiscardError::Store`] it may be discarded all the same.
pub async fn discard(bus: &Bus, of: Discard<'_>) -> Result<Vec<u64>, DiscardError> {
    let Discard { stream, subject, id, sequence, by, reason } = of;
    let aggregate = "the aggregate";
    let above = subject.rsplit_once('.').map_or(subject, |(above, _)| above);
    let is_token = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && !b".*>".contains(&byte));
    if !is_token {
        return Err(StateError::Id { aggregate, id: clip(id.to_owned()) }.into());
    }
    let filter = format!("{above}.{id}");
    let chain = Chain { transport: bus.transport(), aggregate, id, stream, filter: &filter };
    for _ in 0..MOST_ATTEMPTS {
        let messages = chain.all_behind(0).await?;
        let (before, after) = (Linear::of(&messages, (0, 0), None), Linear::of(&messages, (0, 0), Some(sequence)));
        if before.breaks.is_empty() {
            return Err(DiscardError::Whole { id: id.to_owned(), stream: stream.to_owned() });
        }
        let double = before.breaks.iter().find_map(|found| match found {
            Break::Double { number, .. } => Some(*number),
            Break::Gap { .. } => None,
        });
        // One of the two has to stay.
        let keeps_one = double.is_some_and(|double| after.records.iter().any(|record| record.number == double));
        let target = messages.iter().find(|message| message.sequence == sequence);
        let target = target.filter(|target| Record::read((*target).clone()).is_ok());
        let (Some(target), true) = (target, keeps_one && after.breaks.len() < before.breaks.len()) else {
            return Err(DiscardError::NoHelp { id: id.to_owned(), stream: stream.to_owned(), sequence });
        };
        let failed = |source| DiscardError::Store { sequence, source: Box::new(source) };
        let end = messages.last().map_or(0, |last| last.sequence);
        let mut batch = bus.append_behind(&filter, end);
        let headers = vec![(DISCARDS, sequence.to_string()), (Headers::ONLY, NOBODY.to_owned())];
        let data = Discarded { sequence, by, reason };
        let on = target.message.subject.to_string();
        batch.push_payload(TYPE, on, &data, PublishOptions::default(), headers).map_err(failed)?;
        match bus.append(&batch).await {
            Ok(_) => {
                let gone: BTreeSet<u64> = after.discarded.difference(&before.discarded).copied().collect();
                return Ok(gone.into_iter().collect());
            }
            Err(PublishError::WrongSequence { .. }) => {}
            Err(source) => return Err(failed(source)),
        }
    }
    let reason = Unavailable("others append to it all the time".into()).0;
    Err(StateError::Unavailable { aggregate, id: id.to_owned(), reason }.into())
}
