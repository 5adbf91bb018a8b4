//! Appending the events of a command to a history.

use eventsmith_bus::bus::Bus;
use eventsmith_bus::publish::{Append, PublishError, PublishOptions};
use eventsmith_event::aggregate::{AggregateEvents, WithEvent};
use eventsmith_event::envelope::Envelope;
use eventsmith_event::event::Event;
use eventsmith_event::filter::covers;
use serde_json::{Map, Value};

use crate::chain::Known;
use crate::command::{command_id, event_id};
use crate::error::StateError;
use crate::record::{Place, Predecessor};

/// The server's code for subjects that end elsewhere than expected, where it does not say where.
const OVERTAKEN: u64 = 10071;
/// The server's code for a batch with an id that the stream remembers.
const REMEMBERED: u64 = 10201;

/// What a command is executed with beside what it decides; `Default` for all that does not matter.
///
/// ```
/// use eventsmith::state::ExecuteOptions;
///
/// // Whoever executes the command again, after a crash for instance, appends nothing twice.
/// let options = ExecuteOptions { command_id: Some("019cadab-23b8-7c3a-9e21-4f6d8a0b7c15".to_owned()), ..Default::default() };
/// assert_eq!(options.max_attempts, 64);
/// ```
#[derive(Debug, Clone)]
pub struct ExecuteOptions {
    /// The id of the command, visible ASCII: that of the message which asked for it, as a rule. A fresh UUID otherwise.
    pub command_id: Option<String>,
    /// See [`Envelope::correlation_id`].
    pub correlation_id: Option<String>,
    /// See [`Envelope::causation_id`]; the id of the command, where one is given, if this is not.
    pub causation_id: Option<String>,
    /// See [`Envelope::metadata`]: `user_id` says who.
    pub metadata: Map<String, Value>,
    /// The W3C trace context of the events.
    pub traceparent: Option<String>,
    /// What the vendors of tracing systems add to that.
    pub tracestate: Option<String>,
    /// How often the command decides, at most, where others append before its events are stored.
    pub max_attempts: u32,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            command_id: None,
            correlation_id: None,
            causation_id: None,
            metadata: Map::new(),
            traceparent: None,
            tracestate: None,
            max_attempts: 64,
        }
    }
}

impl ExecuteOptions {
    /// For a command that a message asks for, or an event leads to. Its id is made of the message's, so that the message may come twice,
    /// and of what tells the command from others that the message leads to, here and in other services: `loyalty/earn`. Correlation and
    /// metadata are the message's.
    pub fn caused_by(envelope: &Envelope, purpose: &str) -> Self {
        Self {
            command_id: Some(command_id(&envelope.id, purpose)),
            correlation_id: envelope.correlation_id.clone().or_else(|| Some(envelope.id.clone())),
            causation_id: Some(envelope.id.clone()),
            metadata: envelope.metadata.clone(),
            ..Self::default()
        }
    }
}

/// What became of events that were to be appended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// They are stored, the last of them with this sequence.
    Stored { last: u64 },
    /// Somebody else was quicker.
    Conflict,
    /// The stream has events with these ids, which are those of the command: made by this execution or by another.
    Duplicate,
}

/// Stores events behind the last one of a history, whose subjects end at a sequence, all or none.
pub(crate) async fn append<E: AggregateEvents>(
    bus: &Bus,
    (id, filter, end): (&str, &str, u64),
    last: Known,
    events: &[E],
    (command_id, options): (&str, &ExecuteOptions),
) -> Result<Outcome, StateError> {
    let mut batch = bus.append_behind(filter, end);
    for (event, index) in events.iter().zip(0..) {
        let predecessor = if index == 0 { Predecessor::Sequence(last.sequence) } else { Predecessor::Adjacent };
        let place = Place { number: last.number + 1 + index, predecessor, passed: last.passed };
        let options = PublishOptions {
            id: Some(event_id(E::AGGREGATE, id, command_id, index)),
            correlation_id: options.correlation_id.clone(),
            causation_id: options.causation_id.clone().or_else(|| options.command_id.clone()),
            metadata: options.metadata.clone(),
            traceparent: options.traceparent.clone(),
            tracestate: options.tracestate.clone(),
            expect: None,
        };
        let pushed = event.with(Push { batch: &mut batch, filter, options, headers: place.headers(command_id) });
        pushed.map_err(|failed| match failed {
            Unfit::Subject(subject) => {
                StateError::OtherAggregate { aggregate: E::AGGREGATE, id: id.to_owned(), subject }
            }
            Unfit::Publish(source) => not_stored::<E>(id, command_id, source),
        })?;
    }
    match bus.append(&batch).await {
        Ok(stored) if stored.iter().any(|event| event.duplicate) => Ok(Outcome::Duplicate),
        Ok(stored) => Ok(Outcome::Stored { last: stored.last().map_or(end, |last| last.sequence) }),
        Err(PublishError::WrongSequence { .. }) => Ok(Outcome::Conflict),
        Err(PublishError::Refused { code: Some(OVERTAKEN), .. }) => Ok(Outcome::Conflict),
        Err(PublishError::Refused { code: Some(REMEMBERED), .. }) => Ok(Outcome::Duplicate),
        Err(source) => Err(not_stored::<E>(id, command_id, source)),
    }
}

fn not_stored<E: AggregateEvents>(id: &str, command_id: &str, source: PublishError) -> StateError {
    StateError::Append {
        aggregate: E::AGGREGATE,
        id: id.to_owned(),
        command_id: command_id.to_owned(),
        source: Box::new(source),
    }
}

/// Puts an event into a batch.
struct Push<'a> {
    batch: &'a mut Append,
    filter: &'a str,
    options: PublishOptions,
    headers: Vec<(&'static str, String)>,
}

/// Why an event cannot be put into a batch.
enum Unfit {
    /// It belongs to another aggregate, by its subject.
    Subject(String),
    Publish(PublishError),
}

impl WithEvent for Push<'_> {
    type Output = Result<(), Unfit>;

    fn event<E: Event>(self, event: &E) -> Self::Output {
        let subject = event.subject().map_err(|invalid| Unfit::Publish(invalid.into()))?;
        if !covers(self.filter, &subject) {
            return Err(Unfit::Subject(subject.into_owned()));
        }
        self.batch.push(event, self.options, self.headers).map_err(Unfit::Publish)
    }
}
