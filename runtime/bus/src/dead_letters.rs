//! Dead letters: events that a consumer could not handle, kept with the reason until somebody replays or purges them.
//!
//! Here is what a consumer needs: the format, and writing each dead letter once. Listing, replaying and searching are for
//! operators, in the wing `admin`.

pub mod advisories;
pub mod origin;
pub mod reason;
pub mod record;
pub mod runs;
pub mod writer;

use crate::settings::DEAD_LETTERS;
use crate::transport::{Transport, Unavailable};

/// The subjects of the dead letters of a consumer.
pub(crate) fn subjects_of(root: &str, consumer: &str) -> String {
    format!("{root}.{DEAD_LETTERS}.{consumer}.>")
}

/// The name of the stream that holds the dead letters of a catalogue, if there is one.
///
/// # Errors
/// [`Unavailable`] when the server does not answer.
pub async fn stream_of(transport: &dyn Transport, root: &str) -> Result<Option<String>, Unavailable> {
    let subject = format!("{root}.{DEAD_LETTERS}.>");
    Ok(transport.streams_of(&subject).await?.into_iter().next())
}
