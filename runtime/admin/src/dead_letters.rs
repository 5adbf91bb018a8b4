//! Dead letters for operators: to look at, to replay, to purge, and to search for those that nobody wrote.

mod filter;
mod list;
mod pages;
mod recovery;
mod replay;
mod store;
#[cfg(test)]
mod tests;

pub use eventsmith_bus::dead_letters::reason::DeadReason;
pub use eventsmith_bus::dead_letters::record::DeadLetter;
pub use filter::DeadLetterFilter;
pub use list::DeadLetterList;
pub use recovery::Recovered;
pub use replay::{ReplayTo, Replayed};
pub use store::{DeadLetterError, DeadLetters};
