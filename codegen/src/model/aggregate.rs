//! Aggregates: the events that tell what became of one thing, which is known by its id.

use std::collections::BTreeMap;

use crate::filter::captures;
use crate::manifest::Stream;

use super::{Catalogue, Event};

/// The events whose schemas name one aggregate.
#[derive(Debug)]
pub struct Aggregate<'a> {
    /// Its name: `rule`.
    pub name: &'a str,
    /// The events, sorted by kind and type; at least one. The newest version of each names the aggregate.
    pub events: Vec<&'a Event>,
}

impl Catalogue {
    /// The aggregates, sorted by name.
    pub fn aggregates(&self) -> Vec<Aggregate<'_>> {
        let mut found: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &self.events {
            if let Some(name) = event.aggregate() {
                found.entry(name).or_default().push(event);
            }
        }
        found.into_iter().map(|(name, events)| Aggregate { name, events }).collect()
    }

    /// The name of the stream that holds the histories of an aggregate, if the catalogue declares it.
    pub fn stream_of(&self, aggregate: &Aggregate<'_>) -> Option<&str> {
        let event = aggregate.events.first()?;
        let mut streams = self.manifest.streams.iter();
        let captured = |stream: &Stream| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event));
        streams.find(|(_, stream)| captured(stream)).map(|(name, _)| name.get_ref().as_str())
    }

    /// Whether a stream holds histories of aggregates, of which nothing may be lost.
    pub fn holds_aggregates(&self, stream: &Stream) -> bool {
        let is_captured = |event: &Event| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event));
        self.events.iter().any(|event| event.aggregate().is_some() && is_captured(event))
    }
}

impl Event {
    /// The aggregate that it is of, if it is of one.
    pub fn aggregate(&self) -> Option<&str> {
        self.versions.last()?.aggregate.as_deref()
    }
}

impl Aggregate<'_> {
    /// The wildcard of the subjects of its events, whose last token is the id. In a sound catalogue no other event has such a
    /// subject.
    ///
    /// The token before the id is open however many events there are: a release that knows one more looks at the same history.
    pub fn subject(&self) -> String {
        let mut subjects = self.events.iter().filter_map(|event| Some(event.versions.last()?.subject(event)));
        let mut merged: Vec<String> = subjects.next().unwrap_or_default().split('.').map(ToOwned::to_owned).collect();
        for subject in subjects {
            for (token, other) in merged.iter_mut().zip(subject.split('.')) {
                if token != other {
                    "*".clone_into(token);
                }
            }
        }
        if let Some(before_id) = merged.iter_mut().nth_back(1) {
            "*".clone_into(before_id);
        }
        merged.join(".")
    }
}
