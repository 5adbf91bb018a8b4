//! Events that are stored right behind the last message of some subjects, all or none: what histories of aggregates are made of.

use std::borrow::Cow;

use eventsmith_event::event::Event;
use eventsmith_event::wire::Wire;
use serde::Serialize;
use uuid::Uuid;

use super::error::PublishError;
use super::expect::Expect;
use super::observed::created;
use super::options::{PublishOptions, Published};
use super::prepare::{prepare_any, prepare_payload, type_of};
use super::publisher::Publisher;
use crate::observe::MessageType;
use crate::outgoing::Sender;
use crate::publish::prepare::Prepared;
use crate::transport::Headers;

/// The most messages that the server takes in one batch.
const MOST: usize = 1_000;

/// Events to be appended. For the wings above: they decide what their headers say, and what the subjects are.
#[derive(Debug, Clone)]
#[must_use = "nothing is stored before Bus::append"]
pub struct Append {
    sender: Sender,
    filter: String,
    last: u64,
    events: Vec<Prepared>,
}

impl Append {
    pub(crate) fn new(sender: &Sender, filter: &str, last: u64) -> Self {
        Self { sender: sender.clone(), filter: filter.to_owned(), last, events: Vec::new() }
    }

    /// Adds an event behind those that are there, with headers of its own. Its subject must be one of those that the filter
    /// matches.
    ///
    /// # Errors
    /// [`PublishError`] when the event is invalid, or the batch full with 1,000.
    pub fn push<E: Event>(
        &mut self,
        event: &E,
        options: PublishOptions,
        headers: Vec<(&'static str, String)>,
    ) -> Result<(), PublishError> {
        let prepared =
            created(&self.sender, type_of::<E>(), || prepare_any(&self.sender, event, &self.expecting(options)))?;
        self.add(prepared, headers).map(drop)
    }

    /// Adds what is no event of the catalogue, and returns its id. The type and the version are those of its envelope.
    ///
    /// # Errors
    /// [`PublishError`] when it cannot be encoded, or the batch is full with 1,000.
    pub fn push_payload<T: Serialize>(
        &mut self,
        (payload_type, version): (&'static str, u32),
        subject: String,
        data: &T,
        options: PublishOptions,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Uuid, PublishError> {
        // It has no subject of the catalogue.
        let kind = MessageType { name: payload_type, version, template: payload_type };
        let payload = (kind, Cow::Owned(subject), data);
        let prepared = prepare_payload(&self.sender, Wire::Plain, payload, &self.expecting(options))?;
        self.add(prepared, headers)
    }

    /// The first one says where the subjects must end.
    fn expecting(&self, options: PublishOptions) -> PublishOptions {
        let expect = self.events.is_empty().then_some(Expect::LastSubjectSequence(self.last));
        PublishOptions { expect, ..options }
    }

    fn add(&mut self, mut prepared: Prepared, headers: Vec<(&'static str, String)>) -> Result<Uuid, PublishError> {
        let is_first = self.events.is_empty();
        if self.events.len() == MOST {
            let reason = "it has 1,000 events, and a server takes no more at once; append fewer";
            return Err(PublishError::Batch { subject: prepared.message.subject, reason });
        }
        // Whoever appends finds out by the history what was stored before under the same ids.
        prepared.is_given = false;
        if is_first {
            prepared.message.headers.push(Headers::EXPECTED_SUBJECT, self.filter.clone());
            prepared.filter = Some(self.filter.clone());
        }
        for (name, value) in headers {
            prepared.message.headers.push(name, value);
        }
        let id = prepared.id;
        self.events.push(prepared);
        Ok(id)
    }
}

impl Publisher {
    /// Stores the events, one after the other, unless the subjects end elsewhere than was expected.
    pub(crate) async fn append(&self, append: &Append) -> Result<Vec<Published>, PublishError> {
        if let Some(server) = self.transport.without_filtered_expectations() {
            return Err(PublishError::AppendUnsupported { server });
        }
        let stored = async {
            match append.events.as_slice() {
                [one] => Ok(vec![self.store(one, None).await?]),
                events => self.store_together(events).await,
            }
        };
        self.together(&append.events, stored).await
    }
}
