//! What is written.

/// A file, by its path below the folder that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path, with `/` between steps.
    pub path: String,
    /// The text.
    pub text: String,
}
