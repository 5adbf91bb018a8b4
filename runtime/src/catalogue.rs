//! A catalogue as data: what generated code says of its events, streams and services, for tools and tests.

pub use eventsmith_event::aggregate::{AggregateEvents, WithEvent};
pub use eventsmith_event::descriptor::{EventDescriptor, ReplyDescriptor};
pub use eventsmith_event::event::Idempotent;
pub use eventsmith_event::reply::AnyReply;
pub use eventsmith_event::stream::{
    BucketDescriptor, ConsumerDescriptor, DeliverFrom, Discard, Retention, ServiceDescriptor, Storage, StreamDescriptor,
};
