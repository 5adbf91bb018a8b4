//! The events of an aggregate as one type.

use crate::descriptor::EventDescriptor;
use crate::event::Event;
use crate::invalid::DecodeError;
use crate::subject::{InvalidToken, with_last_token};
use crate::token::Token;

/// The events of one aggregate as one type, an enum that is generated from the schemas whose `x-event.aggregate` names it.
///
/// Implemented by generated code only. What an aggregate makes of its events is in the feature `state`.
///
/// ```
/// use eventsmith::catalogue::AggregateEvents;
/// use eventsmith::error::InvalidToken;
///
/// /// All subjects under which the history of one aggregate lies.
/// fn subjects<E: AggregateEvents>(id: &str) -> Result<String, InvalidToken> {
///     E::filter(id) // rules.domain.rule.*.rul_01KJQ4T9Q6MZ
/// }
/// ```
pub trait AggregateEvents: Sized + Send + Sync + 'static {
    /// The name of the aggregate, `rule`.
    const AGGREGATE: &'static str;
    /// The wildcard of the subjects of its events, and of no others: `rules.domain.rule.*.*`. The last token is the id.
    const SUBJECT: &'static str;
    /// Every version of its events.
    const EVENTS: &'static [EventDescriptor];

    /// Says that generated code wrote the implementation, and which generator.
    #[doc(hidden)]
    const TOKEN: Token;

    /// The wildcard of the subjects of one aggregate's events.
    ///
    /// # Errors
    /// [`InvalidToken`] when the id is not one legal subject token.
    fn filter(id: &str) -> Result<String, InvalidToken> {
        with_last_token(Self::SUBJECT, Self::AGGREGATE, id)
    }

    /// The type of this event.
    fn event_type(&self) -> &'static str;

    /// Does something with the event that this is.
    fn with<W: WithEvent>(&self, with: W) -> W::Output;

    /// Decodes and validates the payload of an event of any version; `None` for a type that is none of this aggregate.
    fn decode(event_type: &str, version: u32, data: &[u8]) -> Option<Result<Self, DecodeError>>;
}

/// What is done with an event, whichever type it has.
///
/// ```
/// use eventsmith::catalogue::{AggregateEvents, WithEvent};
/// use eventsmith::{Event, Invalid};
///
/// struct Validate;
///
/// impl WithEvent for Validate {
///     type Output = Result<(), Invalid>;
///
///     fn event<E: Event>(self, event: &E) -> Self::Output {
///         event.validate()
///     }
/// }
///
/// fn validate<E: AggregateEvents>(event: &E) -> Result<(), Invalid> {
///     event.with(Validate)
/// }
/// ```
pub trait WithEvent {
    /// What comes of it.
    type Output;

    /// Does it.
    fn event<E: Event>(self, event: &E) -> Self::Output;
}

/// Completes an enum of an aggregate's events: its name, the aggregate, the wildcard, every version; then its variants.
#[doc(hidden)]
#[macro_export]
macro_rules! aggregate_events {
    ($name:ident, $aggregate:literal, $subject:literal, [$($version:ty),+ $(,)?]; $($variant:ident($event:ty)),+ $(,)?) => {
        impl $crate::aggregate::AggregateEvents for $name {
            const AGGREGATE: &'static str = $aggregate;
            const SUBJECT: &'static str = $subject;
            const EVENTS: &'static [$crate::descriptor::EventDescriptor] =
                &[$($crate::descriptor::EventDescriptor::of::<$version>()),+];
            const TOKEN: $crate::token::Token = $crate::token::Token::of_generated_code();

            fn event_type(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$event as $crate::event::Event>::TYPE,)+
                }
            }

            fn with<W: $crate::aggregate::WithEvent>(&self, with: W) -> W::Output {
                match self {
                    $(Self::$variant(event) => with.event(event),)+
                }
            }

            fn decode(
                event_type: &str,
                version: u32,
                data: &[u8],
            ) -> ::std::option::Option<::std::result::Result<Self, $crate::invalid::DecodeError>> {
                $(
                    if event_type == <$event as $crate::event::Event>::TYPE {
                        let decoded = <$event as $crate::event::Event>::decode(version, data);
                        return ::std::option::Option::Some(decoded.map(Self::$variant));
                    }
                )+
                ::std::option::Option::None
            }
        }

        $(
            impl ::std::convert::From<$event> for $name {
                fn from(event: $event) -> Self {
                    Self::$variant(event)
                }
            }
        )+
    };
}
