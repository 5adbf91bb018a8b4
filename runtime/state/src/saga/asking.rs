//! Requests of a saga whose types are behind a trait, so that one runner makes those of all steps.

use std::sync::Arc;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::request::{RequestError, RequestOptions};
use eventsmith_event::clip::clip;
use eventsmith_event::event::Request;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::{RawValue, to_raw_value};

use super::choice::Otherwise;

/// The code of a service that finds a request invalid: it will the next time.
const INVALID: u16 = 400;

/// What an answer makes of the state.
pub(crate) type Change<S> = Arc<dyn Fn(&mut S) + Send + Sync>;
/// What a refusal makes of the state, and how the saga goes on.
pub(crate) type Decide<S> = Arc<dyn Fn(&mut S) -> Otherwise + Send + Sync>;

/// What came of a request.
pub(crate) enum Answer<S> {
    Replied(Change<S>),
    Refused {
        decide: Decide<S>,
        /// The refusal, in words.
        text: String,
    },
    Unanswered {
        reason: String,
        may_be_done: bool,
        /// Whether another attempt would end the same way.
        is_final: bool,
    },
}

/// A request that is made of the state of a saga.
pub(crate) trait Asking<S>: Send + Sync {
    /// Its type and version.
    fn request_type(&self) -> (&'static str, u32);

    /// The request, valid, as it is appended.
    fn intent(&self, state: &S) -> Result<Box<RawValue>, String>;

    /// Makes a request as it was appended.
    fn ask<'a>(&'a self, bus: &'a Bus, intent: (u32, &'a [u8]), options: RequestOptions) -> BoxFuture<'a, Answer<S>>;
}

type TakeReply<S, R> = Arc<dyn Fn(&mut S, &<R as Request>::Reply) + Send + Sync>;
type DecideRefusal<S, R> = Arc<dyn Fn(&mut S, &<R as Request>::Error) -> Otherwise + Send + Sync>;

/// The request that a closure makes of the state, and what becomes of its answers.
pub(crate) struct TypedRequest<S, R: Request> {
    pub(crate) make: Box<dyn Fn(&S) -> R + Send + Sync>,
    pub(crate) reply: TakeReply<S, R>,
    pub(crate) refusal: DecideRefusal<S, R>,
}

impl<S: 'static, R: Request> TypedRequest<S, R> {
    /// A request whose reply says nothing, and whose refusal means that the saga is to be undone.
    pub(crate) fn new(make: impl Fn(&S) -> R + Send + Sync + 'static) -> Self {
        let refusal = |_: &mut S, _: &R::Error| Otherwise::Compensate;
        Self { make: Box::new(make), reply: Arc::new(|_, _| {}), refusal: Arc::new(refusal) }
    }
}

impl<S: Send + Sync + 'static, R: Request> Asking<S> for TypedRequest<S, R> {
    fn request_type(&self) -> (&'static str, u32) {
        (R::TYPE, R::VERSION)
    }

    fn intent(&self, state: &S) -> Result<Box<RawValue>, String> {
        let request = (self.make)(state);
        request.validate().map_err(|invalid| clip(format!("the request is invalid: {invalid}")))?;
        request.subject().map_err(|invalid| clip(format!("the request has no subject: {invalid}")))?;
        to_raw_value(&request).map_err(|error| clip(format!("the request cannot be written: {error}")))
    }

    fn ask<'a>(
        &'a self,
        bus: &'a Bus,
        (version, data): (u32, &'a [u8]),
        options: RequestOptions,
    ) -> BoxFuture<'a, Answer<S>> {
        async move {
            let request = match R::decode(version, data) {
                Ok(request) => request,
                Err(error) => {
                    let reason = clip(format!("the request that was appended cannot be read: {error}"));
                    return Answer::Unanswered { reason, may_be_done: false, is_final: true };
                }
            };
            match bus.request_with(&request, options).await {
                Ok(reply) => {
                    let take = Arc::clone(&self.reply);
                    Answer::Replied(Arc::new(move |state| take(state, &reply)))
                }
                Err(RequestError::Refused(refusal)) => {
                    let decide = Arc::clone(&self.refusal);
                    let text = clip(serde_json::to_string(&refusal).unwrap_or_default());
                    Answer::Refused { decide: Arc::new(move |state| decide(state, &refusal)), text }
                }
                Err(error) => Answer::Unanswered {
                    may_be_done: error.may_be_done(),
                    is_final: is_final(&error),
                    reason: clip(error.to_string()),
                },
            }
        }
        .boxed()
    }
}

/// Whether the same request fails the same way each time.
fn is_final<E>(error: &RequestError<E>) -> bool {
    match error {
        RequestError::Invalid(_) | RequestError::Encode { .. } | RequestError::TooLarge { .. } => true,
        RequestError::Failed { code, may_be_done, .. } => *code == INVALID && !may_be_done,
        _ => false,
    }
}
