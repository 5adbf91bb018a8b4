//! Publishing events: from a value to a message, and until it is known to be stored.

mod all;
mod append;
mod atomic;
mod bulk;
mod error;
mod expect;
mod known;
mod observed;
mod options;
mod prepare;
mod publisher;

pub use all::PublishAllError;
#[doc(hidden)]
pub use append::Append;
pub use atomic::PublishBatch;
pub use bulk::{BulkError, BulkPlace, BulkPublished, BulkPublisher};
pub use error::PublishError;
pub use expect::Expect;
pub use options::{PublishOptions, Published};
pub(crate) use publisher::Publisher;
