//! From a delivered message to the handler of its type.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt};

use super::ConsumeError;
use super::settle::Outcome;
use crate::envelope::{Envelope, parse_version};
use crate::filter;
use crate::handler::{Context, Received};
use crate::transport::{Delivery, Headers, Transport};
use crate::{Bus, Event};

/// All handlers of a consumer.
#[derive(Debug, Clone, Default)]
pub(super) struct Routes(Vec<Route>);

impl Routes {
    pub(super) fn push(&mut self, route: Route) {
        self.0.push(route);
    }

    /// The streams that hold events of these handlers, each with the subjects that matter in it.
    pub(super) async fn by_stream(&self, transport: &Transport) -> Result<BTreeMap<String, Vec<String>>, ConsumeError> {
        if self.0.is_empty() {
            return Err(ConsumeError::NoHandlers);
        }
        let mut streams = BTreeMap::<String, Vec<String>>::new();
        for (index, &Route { event_type, subject, .. }) in self.0.iter().enumerate() {
            if self.0[..index].iter().any(|other| other.event_type == event_type) {
                return Err(ConsumeError::TwoHandlers { event_type });
            }
            let found = transport.streams_of(subject).await.map_err(|error| ConsumeError::Unavailable {
                about: format!("the streams that capture {subject}"),
                reason: error.0,
            })?;
            if found.is_empty() {
                return Err(ConsumeError::NoStream { event_type, subject });
            }
            for stream in found {
                streams.entry(stream).or_default().push(subject.to_owned());
            }
        }
        for filters in streams.values_mut() {
            *filters = filter::without_covered(std::mem::take(filters));
        }
        Ok(streams)
    }

    /// Handles a delivery by the handler for its type. The headers say which type, or the envelope where a producer that
    /// knows nothing of us set none.
    pub(super) async fn handle(&self, delivery: &Delivery, bus: &Bus) -> Outcome {
        let message = &delivery.message;
        let (mut envelope, data) = match Envelope::read(&message.payload) {
            Ok(read) => read,
            Err(error) => return Outcome::Undecodable(error.to_string()),
        };
        if let Some(event_type) = message.headers.get(Headers::TYPE) {
            event_type.clone_into(&mut envelope.event_type);
        }
        if let Some(version) = message.headers.get(Headers::VERSION) {
            let Some(version) = parse_version(version) else {
                return Outcome::Undecodable(format!("the header {} is {version:?}, no version", Headers::VERSION));
            };
            envelope.version = version;
        }
        let Some(route) = self.0.iter().find(|route| route.event_type == envelope.event_type) else {
            return Outcome::Unrouted(envelope.event_type);
        };
        let context = Context {
            envelope,
            attempt: delivery.attempt,
            raw: message.payload.clone(),
            traceparent: traceparent(message.headers.get(Headers::TRACEPARENT)),
            bus: bus.clone(),
        };
        (route.call)(context, data.get().as_bytes()).await
    }
}

/// A trace context that can be passed on; one that cannot is no reason to fail the events that follow.
fn traceparent(header: Option<&str>) -> Option<String> {
    header.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())).map(ToOwned::to_owned)
}

/// The handler for one type of event.
#[derive(Clone)]
pub(super) struct Route {
    event_type: &'static str,
    subject: &'static str,
    call: Call,
}

/// Decodes the payload, which it does not keep, and returns the handler's work.
type Call = Arc<dyn Fn(Context, &[u8]) -> BoxFuture<'static, Outcome> + Send + Sync>;

impl Route {
    pub(super) fn new<E, S>(service: S) -> Self
    where
        E: Event,
        S: Service<Received<E>, Response = ()> + Clone + Send + 'static,
        S::Error: Into<crate::HandlerError> + Send,
        S::Future: Send + 'static,
    {
        // A service need not be `Sync`; it is only ever cloned here.
        let service = Mutex::new(service);
        let call = move |context: Context, data: &[u8]| {
            let event = match E::decode(context.envelope.version, data) {
                Ok(event) => event,
                Err(error) => return std::future::ready(Outcome::Undecodable(error.to_string())).boxed(),
            };
            let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let received = Received::new(event, context);
            async move {
                match service.oneshot(received).await {
                    Ok(()) => Outcome::Handled,
                    Err(error) => Outcome::Failed(error.into()),
                }
            }
            .boxed()
        };
        Self { event_type: E::TYPE, subject: E::SUBJECT, call: Arc::new(call) }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.event_type, self.subject)
    }
}
