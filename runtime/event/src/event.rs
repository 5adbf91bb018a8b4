//! What an event is to the runtime: a type, a version, a subject, a schema.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::invalid::{DecodeError, Invalid};
use crate::schema::Schema;
use crate::token::Token;
use crate::wire::Wire;

/// A typed payload that is bound to one version of one event of the catalogue.
///
/// Implemented by generated code and by `#[domain_event]` only: the contract is that [`decode`](Event::decode) and
/// [`validate`](Event::validate) accept exactly what [`SCHEMA`](Event::SCHEMA) accepts. An implementation by hand does not
/// compile:
///
/// ```compile_fail,E0046
/// use eventsmith::{DecodeError, Event, Invalid, Kind};
///
/// #[derive(serde::Serialize)]
/// struct Forged;
///
/// impl Event for Forged {
///     const KIND: Kind = Kind::Domain;
///     const TYPE: &'static str = "rule.forged";
///     const VERSION: u32 = 1;
///     const SUBJECT: &'static str = "rules.domain.rule.forged";
///     const SCHEMA: &'static str = "true";
///     const KEY: Option<&'static str> = None;
///
///     fn validate(&self) -> Result<(), Invalid> { Ok(()) }
///     fn decode(_: u32, _: &[u8]) -> Result<Self, DecodeError> { Ok(Self) }
/// }
/// ```
///
/// Commands and queries are no events but [`Request`]s.
///
/// ```
/// use eventsmith::{DecodeError, Event};
///
/// /// Reads a stored payload of any version and says where the event belongs.
/// fn subject<E: Event>(version: u32, data: &[u8]) -> Result<String, DecodeError> {
///     let event = E::decode(version, data)?;
///     Ok(event.subject()?.into_owned())
/// }
/// ```
pub trait Event: Serialize + Sized + Send + Sync + 'static {
    /// What the event is for.
    const KIND: Kind;
    /// The event's type, its path below the kind joined by dots: `rule.created`.
    const TYPE: &'static str;
    /// The version of the schema file, the `2` of `created.v2.json`.
    const VERSION: u32;
    /// The subject the event is published to. For an event with a subject template, the wildcard that matches
    /// all its subjects (`rules.domain.rule.created.*`).
    const SUBJECT: &'static str;
    /// The JSON Schema of the payload: one document with every reference inside it.
    const SCHEMA: &'static str;
    /// JSON pointer of the property that orders and groups the event, from `x-event.key`.
    const KEY: Option<&'static str>;
    /// The aggregate whose history the event is a part of, from `x-event.aggregate`. It is appended there, and published in no
    /// other way.
    const AGGREGATE: Option<&'static str> = None;
    /// How the event is written, from `wire` in `eventsmith.toml`.
    const WIRE: Wire = Wire::Plain;

    /// Says that generated code wrote the implementation, and which generator.
    #[doc(hidden)]
    const TOKEN: Token;

    /// The schema with its validator, one for all values of the type. Generated code writes it.
    #[doc(hidden)]
    fn payload_schema() -> &'static Schema;

    /// The subject of this very event: [`SUBJECT`](Event::SUBJECT), or the filled template.
    ///
    /// # Errors
    /// [`Invalid`] when a value of the template is not one legal subject token.
    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(Cow::Borrowed(Self::SUBJECT))
    }

    /// The value at [`KEY`](Event::KEY), if the schema names one and the event has it.
    fn key(&self) -> Option<String> {
        None
    }

    /// Checks the payload against its schema without serialising it.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    fn validate(&self) -> Result<(), Invalid>;

    /// Decodes and validates the payload of any version up to this one; older versions are upcast.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the payload violates the schema of its version,
    /// [`DecodeError::UnknownVersion`] when there is no such version.
    fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError>;
}

/// A typed command or query: it is sent to whoever answers it, and never stored. One version of it, as for [`Event`].
///
/// Implemented by generated code and by `#[domain_event]` only, as [`Event`] is. A request is no event, so that what publishes events
/// takes none:
///
/// ```compile_fail,E0277
/// use eventsmith::{Event, Request};
///
/// fn publish<E: Event>(event: &E) {}
///
/// fn misdirected<R: Request>(request: &R) {
///     publish(request);
/// }
/// ```
///
/// Nor is an event a request:
///
/// ```compile_fail,E0277
/// use eventsmith::{Event, Request};
///
/// fn ask<R: Request>(request: &R) {}
///
/// fn misdirected<E: Event>(event: &E) {
///     ask(event);
/// }
/// ```
///
/// What both have in common, and the answers:
///
/// ```
/// use eventsmith::{Invalid, Reply, Request};
///
/// fn check<R: Request>(request: &R) -> Result<(), Invalid> {
///     request.validate()?;
///     println!("{} v{} goes to {}", R::TYPE, R::VERSION, request.subject()?);
///     Ok(())
/// }
///
/// /// What came back: the reply, or the refusal.
/// fn read<R: Request>(is_refusal: bool, data: &[u8]) -> Result<Result<R::Reply, R::Error>, Invalid> {
///     Ok(if is_refusal { Err(R::Error::decode(data)?) } else { Ok(R::Reply::decode(data)?) })
/// }
/// ```
pub trait Request: Serialize + Sized + Send + Sync + 'static {
    /// What whoever asks gets when all went well: `NAME.vN.reply.json`, or [`NoReply`](crate::reply::NoReply) without that file.
    type Reply: Reply;
    /// What a refusal looks like: `NAME.vN.error.json`. Without that file it is [`NoRefusal`](crate::reply::NoRefusal), which
    /// has no values: the request can only fail.
    type Error: Reply;

    /// [`Kind::Command`] or [`Kind::Query`].
    const KIND: Kind;
    /// The request's type, its path below the kind joined by dots: `rule.activate`.
    const TYPE: &'static str;
    /// The version of the schema file.
    const VERSION: u32;
    /// The subject that the request is sent to. For a request with a subject template, the wildcard that matches all its
    /// subjects.
    const SUBJECT: &'static str;
    /// The JSON Schema of the payload: one document with every reference inside it.
    const SCHEMA: &'static str;
    /// JSON pointer of the property that groups the request, from `x-event.key`.
    const KEY: Option<&'static str>;
    /// How long the answer to a request is kept, so that whoever asks again under the same id gets the same, from
    /// `x-request.idempotent`.
    const IDEMPOTENT: Option<Idempotent> = None;

    /// Says that generated code wrote the implementation, and which generator.
    #[doc(hidden)]
    const TOKEN: Token;

    /// The schema with its validator, one for all values of the type. Generated code writes it.
    #[doc(hidden)]
    fn payload_schema() -> &'static Schema;

    /// The subject of this very request: [`SUBJECT`](Request::SUBJECT), or the filled template.
    ///
    /// # Errors
    /// [`Invalid`] when a value of the template is not one legal subject token.
    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(Cow::Borrowed(Self::SUBJECT))
    }

    /// The value at [`KEY`](Request::KEY), if the schema names one and the request has it.
    fn key(&self) -> Option<String> {
        None
    }

    /// Checks the payload against its schema without serialising it.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    fn validate(&self) -> Result<(), Invalid>;

    /// Decodes and validates the payload of any version up to this one; older versions are upcast.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the payload violates the schema of its version,
    /// [`DecodeError::UnknownVersion`] when there is no such version.
    fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError>;
}

/// The typed payload of the answer to a command or query: of its reply, or of its refusal. Answers have no subject of their own:
/// they go to whoever asked.
///
/// Implemented by generated code and by `#[domain_event]` only, as [`Event`] is.
///
/// ```
/// use eventsmith::{Invalid, Reply};
///
/// fn read<R: Reply>(data: &[u8]) -> Result<R, Invalid> {
///     R::decode(data)
/// }
/// ```
pub trait Reply: Serialize + Sized + Send + Sync + 'static {
    /// The JSON Schema of the answer: one document with every reference inside it.
    const SCHEMA: &'static str;

    /// The request and the part of it that this is, and its version: `("rule.get.reply", 1)`.
    #[doc(hidden)]
    const ANSWERS: (&'static str, u32);

    /// Says that generated code wrote the implementation, and which generator.
    #[doc(hidden)]
    const TOKEN: Token;

    /// The schema with its validator, one for all values of the type. Generated code writes it.
    #[doc(hidden)]
    fn payload_schema() -> &'static Schema;

    /// Checks the answer against its schema without serialising it.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    fn validate(&self) -> Result<(), Invalid>;

    /// Decodes and validates an answer.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    fn decode(data: &[u8]) -> Result<Self, Invalid>;
}

/// A typed document of a key-value bucket, which `state/` of the catalogue describes. One version of it, as for [`Event`].
///
/// Implemented by generated code and by `#[domain_event]` only, as [`Event`] is. `bus.bucket::<S>()` reads and writes it. A document
/// is no event, and cannot be published:
///
/// ```compile_fail,E0277
/// use eventsmith::{Event, State};
///
/// fn publish<E: Event>(event: &E) {}
///
/// fn misdirected<S: State>(document: &S) {
///     publish(document);
/// }
/// ```
///
/// ```
/// use eventsmith::{DecodeError, State};
///
/// /// Reads what a bucket holds, whichever version wrote it.
/// fn read<S: State>(version: u32, data: &[u8]) -> Result<S, DecodeError> {
///     println!("{} of the bucket {}", S::TYPE, S::BUCKET);
///     S::decode(version, data)
/// }
/// ```
pub trait State: Serialize + Sized + Send + Sync + 'static {
    /// [`Kind::State`].
    const KIND: Kind;
    /// The document's type, its path below `state` joined by dots: `rule.compiled`.
    const TYPE: &'static str;
    /// The version of the schema file.
    const VERSION: u32;
    /// The name of the bucket that holds such documents, from `[buckets.NAME]` in `eventsmith.toml`; empty for the state of a saga that
    /// lies in none.
    const BUCKET: &'static str;
    /// The wildcard of the subjects under which the bucket keeps them: `$KV.{bucket}.>`.
    const SUBJECT: &'static str;
    /// The JSON Schema of the document, with every reference inside it.
    const SCHEMA: &'static str;

    /// Says that generated code wrote the implementation, and which generator.
    #[doc(hidden)]
    const TOKEN: Token;

    /// The schema with its validator, one for all values of the type. Generated code writes it.
    #[doc(hidden)]
    fn payload_schema() -> &'static Schema;

    /// Checks the document against its schema without serialising it.
    ///
    /// # Errors
    /// [`Invalid`] lists every violation.
    fn validate(&self) -> Result<(), Invalid>;

    /// Decodes and validates a document of any version up to this one; older versions are upcast.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the document violates the schema of its version,
    /// [`DecodeError::UnknownVersion`] when there is no such version.
    fn decode(version: u32, data: &[u8]) -> Result<Self, DecodeError>;
}

/// How a value of an older version of an event becomes a value of the next one.
///
/// The generator derives it where the schemas prove that nothing can go wrong. Where they do not, the build asks
/// for an implementation.
///
/// ```
/// use eventsmith::Upcast;
///
/// struct V1 { cents: u64 }
/// struct V2 { amount: String }
///
/// impl Upcast<V1> for V2 {
///     fn upcast(old: V1) -> Self {
///         Self { amount: format!("{}.{:02} EUR", old.cents / 100, old.cents % 100) }
///     }
/// }
/// assert_eq!(V2::upcast(V1 { cents: 990 }).amount, "9.90 EUR");
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says how `{Old}` becomes `{Self}`",
    label = "the schemas do not prove that every old value fits the new version",
    note = "write `impl eventsmith::Upcast<{Old}> for {Self}` in this crate"
)]
pub trait Upcast<Old>: Sized {
    /// Turns a valid value of the older version into a valid value of this one.
    fn upcast(old: Old) -> Self;
}

/// That the answer to a command is kept by the id of the request: `"x-request": {"idempotent": "10m"}` in its schema.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::catalogue::Idempotent;
///
/// const TEN_MINUTES: Idempotent = Idempotent::within(Duration::from_secs(600));
/// assert!(!TEN_MINUTES.reruns_lost);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Idempotent {
    /// For how long it is kept.
    pub window: Duration,
    /// Whether a request that was begun by a service which was lost is begun again, from `x-request.when_lost`: `"rerun"`. Otherwise
    /// it is answered that nobody knows whether it was done.
    pub reruns_lost: bool,
}

impl Idempotent {
    /// For so long; what was lost is not begun again.
    pub const fn within(window: Duration) -> Self {
        Self { window, reruns_lost: false }
    }

    /// The same, but what was lost is begun again, and its handler is told.
    #[must_use]
    pub const fn rerunning_lost(mut self) -> Self {
        self.reruns_lost = true;
        self
    }
}

/// What an event is for, from the first folder of its path.
///
/// ```
/// use eventsmith::Kind;
///
/// assert_eq!(Kind::Domain.to_string(), "domain"); // schemas/domain/..., rules.domain....
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A fact of the domain, in the past tense.
    Domain,
    /// A fact for or from other systems.
    Integration,
    /// A request to do something, with a reply.
    Command,
    /// A request for information, with a reply.
    Query,
    /// A document of a key-value bucket.
    State,
}

impl Kind {
    /// The name of the kind's folder and subject token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Integration => "integration",
            Self::Command => "command",
            Self::Query => "query",
            Self::State => "state",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
