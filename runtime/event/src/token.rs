//! The seal on the traits of payloads.

/// Required by the traits of payloads, so that only generated code implements them.
#[derive(Debug, Clone, Copy)]
pub struct Token(());

impl Token {
    /// The token. Only the macros that complete generated implementations call this.
    #[must_use]
    pub const fn of_generated_code() -> Self {
        Self(())
    }
}
