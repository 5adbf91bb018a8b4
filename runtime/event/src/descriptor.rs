//! Events, requests and documents as data.

use std::borrow::Cow;

use crate::event::{Event, Idempotent, Kind, Reply, Request, State};
use crate::invalid::{DecodeError, Invalid};

/// One version of one event, request or document as data, so that tools and tests can drive every one without knowing its type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EventDescriptor {
    /// What the event is for.
    pub kind: Kind,
    /// See [`Event::TYPE`].
    pub event_type: &'static str,
    /// See [`Event::VERSION`].
    pub version: u32,
    /// See [`Event::SUBJECT`].
    pub subject: &'static str,
    /// See [`Event::SCHEMA`].
    pub schema: &'static str,
    /// See [`Event::KEY`].
    pub key: Option<&'static str>,
    /// Decodes a payload of this version and drops it: the check alone.
    pub decode: fn(&[u8]) -> Result<(), Invalid>,
    /// Decodes a payload of this version, and says on which subject such a one goes: [`SUBJECT`](Event::SUBJECT), or the filled template.
    pub subject_of: fn(&[u8]) -> Result<Cow<'static, str>, Invalid>,
    /// The reply to a command or query, if its catalogue has one.
    pub reply: Option<ReplyDescriptor>,
    /// The refusal of a command or query, if its catalogue has one.
    pub error: Option<ReplyDescriptor>,
    /// See [`Request::IDEMPOTENT`].
    pub idempotent: Option<Idempotent>,
}

impl EventDescriptor {
    /// Describes an event type.
    pub const fn of<E: Event>() -> Self {
        Self {
            kind: E::KIND,
            event_type: E::TYPE,
            version: E::VERSION,
            subject: E::SUBJECT,
            schema: E::SCHEMA,
            key: E::KEY,
            decode: |data| check(E::decode(E::VERSION, data)),
            subject_of: |data| known(E::decode(E::VERSION, data), E::SUBJECT, E::subject),
            reply: None,
            error: None,
            idempotent: None,
        }
    }

    /// Describes a command or query.
    pub const fn of_request<R: Request>() -> Self {
        Self {
            kind: R::KIND,
            event_type: R::TYPE,
            version: R::VERSION,
            subject: R::SUBJECT,
            schema: R::SCHEMA,
            key: R::KEY,
            decode: |data| check(R::decode(R::VERSION, data)),
            subject_of: |data| known(R::decode(R::VERSION, data), R::SUBJECT, R::subject),
            reply: None,
            error: None,
            idempotent: R::IDEMPOTENT,
        }
    }

    /// Describes a document of a bucket.
    pub const fn of_state<S: State>() -> Self {
        Self {
            kind: S::KIND,
            event_type: S::TYPE,
            version: S::VERSION,
            subject: S::SUBJECT,
            schema: S::SCHEMA,
            key: None,
            decode: |data| check(S::decode(S::VERSION, data)),
            subject_of: |data| known(S::decode(S::VERSION, data), S::SUBJECT, |_| Ok(Cow::Borrowed(S::SUBJECT))),
            reply: None,
            error: None,
            idempotent: None,
        }
    }

    /// The same descriptor with its reply.
    #[must_use]
    pub const fn with_reply<R: Reply>(mut self) -> Self {
        self.reply = Some(ReplyDescriptor::of::<R>());
        self
    }

    /// The same descriptor with its refusal.
    #[must_use]
    pub const fn with_error<R: Reply>(mut self) -> Self {
        self.error = Some(ReplyDescriptor::of::<R>());
        self
    }

    /// What a command or query is answered with, as far as its catalogue says: `reply` and `error`, each with its name.
    pub fn answers(&self) -> impl Iterator<Item = (&'static str, ReplyDescriptor)> + use<> {
        [("reply", self.reply), ("error", self.error)].into_iter().filter_map(|(name, answer)| Some((name, answer?)))
    }
}

fn check<T>(decoded: Result<T, DecodeError>) -> Result<(), Invalid> {
    match decoded {
        Ok(_) | Err(DecodeError::UnknownVersion { .. }) => Ok(()),
        Err(DecodeError::Invalid(invalid)) => Err(invalid),
    }
}

/// The subject of what was decoded.
fn known<T>(
    decoded: Result<T, DecodeError>,
    subject: &'static str,
    of: impl Fn(&T) -> Result<Cow<'static, str>, Invalid>,
) -> Result<Cow<'static, str>, Invalid> {
    match decoded {
        Ok(value) => of(&value),
        Err(DecodeError::UnknownVersion { .. }) => Ok(Cow::Borrowed(subject)),
        Err(DecodeError::Invalid(invalid)) => Err(invalid),
    }
}

/// The reply to a command or query, or its refusal, as data.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ReplyDescriptor {
    /// The JSON Schema of the answer.
    pub schema: &'static str,
    /// Decodes an answer and drops it: the check alone.
    pub decode: fn(&[u8]) -> Result<(), Invalid>,
}

impl ReplyDescriptor {
    const fn of<R: Reply>() -> Self {
        Self { schema: R::SCHEMA, decode: |data| R::decode(data).map(drop) }
    }
}
