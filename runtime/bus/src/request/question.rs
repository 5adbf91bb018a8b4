//! What is asked: a request of a type, or one that a descriptor describes.

use std::borrow::Cow;

use eventsmith_event::descriptor::EventDescriptor;
use eventsmith_event::event::{Kind, Reply, Request};
use eventsmith_event::invalid::{Invalid, Violation};
use eventsmith_event::reply::{AnyReply, NoReply};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::observe::MessageType;

/// A request with what is known of its answers.
pub(crate) trait Question {
    type Data: Serialize;
    type Reply;
    type Error;

    /// What it is, for observers.
    fn message_type(&self) -> MessageType;

    /// Whether to ask again is harmless where the request may be under way already.
    fn is_repeatable(&self) -> bool;

    /// Checks the request by its schema, and says where it goes.
    fn address(&self) -> Result<Cow<'static, str>, Invalid>;

    /// The payload.
    fn data(&self) -> &Self::Data;

    fn reply(&self, payload: &[u8]) -> Result<Self::Reply, Invalid>;

    fn refusal(&self, payload: &[u8]) -> Result<Self::Error, Invalid>;
}

/// A request of a type.
pub(crate) struct Typed<'a, R>(pub(crate) &'a R);

impl<R: Request> Question for Typed<'_, R> {
    type Data = R;
    type Reply = R::Reply;
    type Error = R::Error;

    fn message_type(&self) -> MessageType {
        MessageType { name: R::TYPE, version: R::VERSION, template: R::SUBJECT }
    }

    fn is_repeatable(&self) -> bool {
        R::KIND == Kind::Query || R::IDEMPOTENT.is_some()
    }

    fn address(&self) -> Result<Cow<'static, str>, Invalid> {
        self.0.validate()?;
        self.0.subject()
    }

    fn data(&self) -> &R {
        self.0
    }

    fn reply(&self, payload: &[u8]) -> Result<R::Reply, Invalid> {
        R::Reply::decode(payload)
    }

    fn refusal(&self, payload: &[u8]) -> Result<R::Error, Invalid> {
        R::Error::decode(payload)
    }
}

/// A request that a descriptor describes.
pub(crate) struct Described<'a> {
    descriptor: &'a EventDescriptor,
    subject: Cow<'static, str>,
    data: &'a RawValue,
}

impl<'a> Described<'a> {
    /// The request with this payload, if its schema accepts it.
    pub(crate) fn new(descriptor: &'a EventDescriptor, data: &'a [u8]) -> Result<Self, Invalid> {
        let wrong =
            |expected| Invalid::new(descriptor.event_type, descriptor.version, vec![Violation::new("", "", expected)]);
        if !matches!(descriptor.kind, Kind::Command | Kind::Query) {
            return Err(wrong("a command or query: nobody answers what is neither"));
        }
        let subject = (descriptor.subject_of)(data)?;
        let data = serde_json::from_slice(data).map_err(|_| wrong("JSON in UTF-8"))?;
        Ok(Self { descriptor, subject, data })
    }
}

impl<'a> Question for Described<'a> {
    type Data = &'a RawValue;
    type Reply = AnyReply;
    type Error = AnyReply;

    fn message_type(&self) -> MessageType {
        let EventDescriptor { event_type, version, subject, .. } = *self.descriptor;
        MessageType { name: event_type, version, template: subject }
    }

    fn is_repeatable(&self) -> bool {
        self.descriptor.kind == Kind::Query || self.descriptor.idempotent.is_some()
    }

    fn address(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(self.subject.clone())
    }

    fn data(&self) -> &&'a RawValue {
        &self.data
    }

    fn reply(&self, payload: &[u8]) -> Result<AnyReply, Invalid> {
        match self.descriptor.reply {
            Some(reply) => (reply.decode)(payload)?,
            None => NoReply::decode(payload).map(drop)?,
        }
        AnyReply::decode(payload)
    }

    fn refusal(&self, payload: &[u8]) -> Result<AnyReply, Invalid> {
        match self.descriptor.error {
            Some(error) => (error.decode)(payload)?,
            None => {
                return Err(Invalid::new(
                    self.descriptor.event_type,
                    self.descriptor.version,
                    vec![Violation::new("", "", "no refusal: the catalogue has none for this request")],
                ));
            }
        }
        AnyReply::decode(payload)
    }
}
