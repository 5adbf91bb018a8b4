//! The streams that a projection reads, each in its order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::transport::{
    Follow, FollowStart, Followed, Follower, MessageSelector, ServerFailure, StreamExtent, StreamMessage,
};
use eventsmith_event::stream::Retention;
use futures_util::FutureExt;
use futures_util::future::select_all;
use jiff::Timestamp;

use super::checkpoint::StreamPosition;
use super::error::ProjectionError;
use super::filter::merged;
use super::route::Wanted;

/// A stream that is read.
pub(crate) struct Source {
    pub(crate) stream: Arc<str>,
    pub(crate) filter: String,
    /// When the stream was created, where that is known.
    pub(crate) created: Option<Timestamp>,
    /// The number of its last message, of any subject, when reading began.
    pub(crate) end_at_begin: u64,
    /// Whether all that was there when reading began has come, as far as the server knows that delivers: one that is behind others
    /// knows less.
    pub(crate) is_current: bool,
    /// The number that has to have come until that is believed: the last one of the subject when it said so, by the server that leads.
    pub(crate) goal: Option<u64>,
    /// Whether it is believed.
    pub(crate) is_complete: bool,
    name: String,
    follower: Box<dyn Follower>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.filter, self.stream)
    }
}

/// The streams that hold events, and for each the subject with wildcards by which they are read.
pub(crate) async fn streams_of(
    bus: &Bus,
    name: &str,
    wanted: &[Wanted],
) -> Result<BTreeMap<String, String>, ProjectionError> {
    let mut subjects: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for Wanted { subject, .. } in wanted {
        let found = bus.transport().streams_of(subject).await;
        let found = found.map_err(|error| ProjectionError::unavailable(format!("the stream of {subject}"), error.0))?;
        if found.is_empty() {
            return Err(ProjectionError::NoStream { name: name.to_owned(), subject: (*subject).to_owned() });
        }
        for stream in found {
            subjects.entry(stream).or_default().push(subject);
        }
    }
    Ok(subjects.into_iter().map(|(stream, subjects)| (stream, merged(subjects))).collect())
}

/// Where a stream begins and ends, if a projection can read it.
pub(crate) async fn extent(bus: &Bus, name: &str, stream: &str, filter: &str) -> Result<StreamExtent, ProjectionError> {
    let found = bus.transport().extent(stream).await;
    let found = found.map_err(|error| ProjectionError::unavailable(format!("the stream {stream}"), error.0))?;
    let name = || name.to_owned();
    let extent = found.ok_or_else(|| ProjectionError::NoStream { name: name(), subject: filter.to_owned() })?;
    if extent.retention != Retention::Limits {
        return Err(ProjectionError::Retention { name: name(), stream: stream.to_owned() });
    }
    Ok(extent)
}

/// The number of the last message on a subject; 0 if there is none.
pub(crate) async fn last_of(bus: &Bus, stream: &str, filter: &str) -> Result<u64, ProjectionError> {
    let last = bus.transport().message(stream, MessageSelector::LastOf(filter)).await;
    let last =
        last.map_err(|error| ProjectionError::unavailable(format!("the end of {filter} in {stream}"), error.0))?;
    Ok(last.map_or(0, |last| last.sequence))
}

impl Source {
    /// Begins to read behind a position.
    pub(crate) async fn open(
        bus: &Bus,
        name: &str,
        (stream, filter): (&str, &str),
        position: &StreamPosition,
    ) -> Result<Self, ProjectionError> {
        let extent = extent(bus, name, stream, filter).await?;
        check(name, stream, position, &extent)?;
        Self::begin(bus, name, (stream, filter), (position.sequence, &extent)).await
    }

    /// Begins to read behind a position for side effects: where the stream is not the one that was read, what it holds by now has none.
    pub(crate) async fn open_for_effects(
        bus: &Bus,
        name: &str,
        (stream, filter): (&str, &str),
        position: &mut StreamPosition,
    ) -> Result<Self, ProjectionError> {
        let extent = extent(bus, name, stream, filter).await?;
        let is_another = position.created.is_some() && extent.created.is_some() && position.created != extent.created;
        if is_another || position.sequence > extent.last {
            tracing::warn!(
                projection = name,
                stream,
                last = extent.last,
                "the stream is another one: no side effects of what it holds"
            );
            position.sequence = extent.last;
        } else if extent.first > position.sequence + 1 && extent.last >= extent.first {
            let (from, to) = (position.sequence + 1, extent.first - 1);
            tracing::warn!(
                projection = name,
                stream,
                from,
                to,
                "the stream has dropped messages whose side effects never came"
            );
        }
        position.created = extent.created;
        Self::begin(bus, name, (stream, filter), (position.sequence, &extent)).await
    }

    async fn begin(
        bus: &Bus,
        name: &str,
        (stream, filter): (&str, &str),
        (behind, extent): (u64, &StreamExtent),
    ) -> Result<Self, ProjectionError> {
        let wanted = Follow {
            stream: stream.to_owned(),
            subject: filter.to_owned(),
            start: FollowStart::Sequence(behind + 1),
            headers_only: false,
        };
        let follower =
            bus.transport().follow(&wanted).await.map_err(|failure| failed(name, stream, filter, failure))?;
        Ok(Self {
            stream: stream.into(),
            filter: filter.to_owned(),
            created: extent.created,
            end_at_begin: extent.last,
            is_current: false,
            goal: None,
            is_complete: false,
            name: name.to_owned(),
            follower,
        })
    }

    /// What has come already, behind a first message, up to as many.
    pub(crate) fn arrived(&mut self, first: StreamMessage, most: usize) -> Result<Vec<StreamMessage>, ProjectionError> {
        let mut messages = vec![first];
        while messages.len() < most {
            match self.follower.next().now_or_never() {
                Some(Ok(Followed::Message(next))) => messages.push(next),
                Some(Ok(Followed::Current)) => self.is_current = true,
                // It says so again.
                Some(Err(_)) | None => break,
            }
        }
        Ok(messages)
    }

    fn failed(&self, failure: ServerFailure) -> ProjectionError {
        failed(&self.name, &self.stream, &self.filter, failure)
    }
}

/// The next message of any of the streams, and which it is; `None` where one has come to what was its end. The streams take turns in who
/// is asked first.
pub(crate) async fn next_of(
    sources: &mut [Source],
    turn: &mut usize,
) -> Result<(usize, Option<StreamMessage>), ProjectionError> {
    let count = sources.len();
    *turn = (*turn + 1) % count.max(1);
    let (before, from) = sources.split_at_mut(*turn);
    let each = from.iter_mut().zip(*turn..).chain(before.iter_mut().zip(0..));
    let nexts = each.map(|(source, index)| source.follower.next().map(move |next| (index, next)));
    let ((index, next), ..) = select_all(nexts).await;
    match next {
        Ok(Followed::Message(message)) => Ok((index, Some(message))),
        Ok(Followed::Current) => {
            sources[index].is_current = true;
            Ok((index, None))
        }
        Err(failure) => Err(sources[index].failed(failure)),
    }
}

fn check(name: &str, stream: &str, position: &StreamPosition, extent: &StreamExtent) -> Result<(), ProjectionError> {
    let StreamPosition { sequence: position, created, .. } = *position;
    let (name, stream) = (name.to_owned(), stream.to_owned());
    if position == 0 {
        if extent.first > 1 && extent.last >= extent.first {
            tracing::info!(projection = name, stream, first = extent.first, "the stream has dropped what was before");
        }
        return Ok(());
    }
    if created.is_some() && extent.created.is_some() && created != extent.created {
        return Err(ProjectionError::Recreated { name, stream, position });
    }
    if position > extent.last {
        return Err(ProjectionError::BeyondEnd { name, stream, position, last: extent.last });
    }
    if extent.first > position + 1 {
        return Err(ProjectionError::Truncated { name, stream, position, first: extent.first });
    }
    Ok(())
}

/// Why a stream is not read any more. That it is gone or another one is found out when it is looked at again.
fn failed(name: &str, stream: &str, filter: &str, failure: ServerFailure) -> ProjectionError {
    let what = format!("the projection {name} cannot read {filter} of the stream {stream}");
    match failure {
        ServerFailure::Unavailable(reason) => ProjectionError::unavailable(what, reason),
        ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason } => ProjectionError::unavailable(what, reason),
        failure => ProjectionError::Refused { what, reason: eventsmith_bus::cause::Cause::of(failure) },
    }
}
