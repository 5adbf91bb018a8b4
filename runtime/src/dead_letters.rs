//! Dead letters: events that a consumer gave up on, kept with the reason until somebody replays or purges them.

mod burial;
mod letter;

pub(crate) use burial::{Buried, Origin, bury};
pub use letter::{DeadLetter, DeadReason};
