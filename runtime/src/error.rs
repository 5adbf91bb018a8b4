//! What errors are made of: what went wrong below them, what a server does not allow, and what is no text of its type.

pub use eventsmith_event::subject::InvalidToken;
pub use eventsmith_event::text::InvalidText;

#[cfg(feature = "bus")]
pub use eventsmith_bus::{
    cause::Cause,
    transport::{Denied, DeniedAction},
};
