//! Live events: typed and validated, while somebody listens, and kept by nobody.

mod error;
mod kind;

use std::fmt;

use eventsmith_event::event::Event;
use eventsmith_event::filter;
use futures_util::future::{BoxFuture, FutureExt, Shared};

use crate::bus::Bus;
use crate::handler::Received;
use crate::transport::{Subscription, Unavailable, Unheard};
use kind::LiveKind;

pub use error::{LiveError, SubscribeError};

/// How many events may wait for a reader where nobody says so: as many as the client holds.
const ROOM: usize = 65_536;

impl Bus {
    /// Live events of one type from now on: over core NATS, for dashboards and caches. What must not be missed needs a
    /// [`consumer`](Self::consumer). An event whose publisher missed the acknowledgement is sent again under the same id, and comes
    /// twice.
    ///
    /// ```
    /// use eventsmith::live::SubscribeError;
    /// use eventsmith::{Bus, Event};
    ///
    /// async fn watch<E: Event + std::fmt::Debug>(bus: &Bus) -> Result<(), SubscribeError> {
    ///     let mut events = bus.subscribe::<E>().await?;
    ///     while let Some(next) = events.next().await {
    ///         match next {
    ///             Ok(event) => println!("{}: {:?}", event.envelope().time, *event),
    ///             Err(error) => println!("{error}"),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SubscribeError`] when there is no connection. That the server does not allow it is the first that comes.
    pub async fn subscribe<E: Event>(&self) -> Result<Subscriber<Received<E>>, SubscribeError> {
        self.subscribe_any().on(|event: Received<E>| event).open().await
    }

    /// Live events of several types, as a type of one's own that tells what may come: an enum, as a rule.
    ///
    /// ```
    /// use eventsmith::live::SubscribeError;
    /// use eventsmith::{Bus, Event, Received};
    ///
    /// enum Change<A, B> {
    ///     Activated(Received<A>),
    ///     Deleted(Received<B>),
    /// }
    ///
    /// async fn watch<A: Event, B: Event>(bus: &Bus) -> Result<(), SubscribeError> {
    ///     let mut changes = bus.subscribe_any().on(Change::<A, B>::Activated).on(Change::Deleted).room(1_000).open().await?;
    ///     while let Some(Ok(change)) = changes.next().await {
    ///         match change {
    ///             Change::Activated(event) => println!("activated on {}", event.subject()),
    ///             Change::Deleted(event) => println!("deleted on {}", event.subject()),
    ///         }
    ///     }
    ///     println!("{} were missed", changes.missed());
    ///     Ok(())
    /// }
    /// ```
    pub fn subscribe_any<T>(&self) -> SubscribeBuilder<T> {
        SubscribeBuilder { bus: self.clone(), kinds: Vec::new(), room: ROOM }
    }
}

/// Says which live events are wanted. See [`Bus::subscribe_any`].
#[must_use = "nothing comes before it is opened"]
pub struct SubscribeBuilder<T> {
    bus: Bus,
    kinds: Vec<LiveKind<T>>,
    room: usize,
}

impl<T> fmt::Debug for SubscribeBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeBuilder").field("kinds", &self.kinds).field("room", &self.room).finish_non_exhaustive()
    }
}

impl<T> SubscribeBuilder<T> {
    /// Wants events of one more type.
    pub fn on<E: Event>(mut self, wrap: impl Fn(Received<E>) -> T + Send + Sync + 'static) -> Self {
        self.kinds.push(LiveKind::new(wrap));
        self
    }

    /// How many events may wait for a slow reader; what finds no room is missed, and counted. Default: 65,536.
    pub fn room(mut self, events: usize) -> Self {
        self.room = events;
        self
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// [`SubscribeError`] when nothing is wanted, or there is no connection.
    pub async fn open(self) -> Result<Subscriber<T>, SubscribeError> {
        let Self { bus, kinds, room } = self;
        if kinds.is_empty() {
            return Err(SubscribeError::NoTypes);
        }
        let subjects = filter::without_covered(kinds.iter().map(|kind| kind.subject.to_owned()).collect());
        let unavailable = |Unavailable(reason)| SubscribeError::Unavailable { subjects: subjects.join(", "), reason };
        let subscription = bus.transport().subscribe(&subjects, None, room).await.map_err(unavailable)?;
        let unheard = Some(subscription.unheard().shared());
        Ok(Subscriber { bus, kinds, subscription, unheard })
    }
}

/// Live events, one after the other. Dropped, it listens no more.
pub struct Subscriber<T> {
    bus: Bus,
    kinds: Vec<LiveKind<T>>,
    subscription: Box<dyn Subscription>,
    /// Nothing once it has come.
    unheard: Option<Shared<BoxFuture<'static, Unheard>>>,
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("kinds", &self.kinds).field("missed", &self.missed()).finish_non_exhaustive()
    }
}

impl<T> Subscriber<T> {
    /// The next event, or why what came is none; `None` once the bus is shut down, or after
    /// [`LiveError::Denied`] and [`LiveError::Unauthorized`]. May be dropped
    /// without losing an event.
    ///
    /// While the connection is lost nothing comes, and what is sent meanwhile is missed without a count.
    pub async fn next(&mut self) -> Option<Result<T, LiveError>> {
        loop {
            let unheard = self.unheard.clone()?;
            let live = tokio::select! {
                biased;
                unheard = unheard => {
                    self.unheard = None;
                    return Some(Err(unheard.into()));
                }
                live = self.subscription.next() => live?,
            };
            if let Some(event) = kind::read(&self.kinds, &live.message, &self.bus) {
                return Some(event);
            }
        }
    }

    /// How many events were missed so far, as they found no room.
    pub fn missed(&self) -> u64 {
        self.subscription.missed()
    }
}
