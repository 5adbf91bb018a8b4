//! What is found in payloads.

use crate::diagnostic::Diagnostic;
use crate::excerpt::Excerpt;

/// A violation in a payload file.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What is wrong and where. The pointer leads into the payload file, or into its line in NDJSON.
    pub diagnostic: Diagnostic,
    /// The schema's demand; `None` when the payload did not get as far as a schema.
    pub demand: Option<Demand>,
    /// The line of the payload file that it is about; `None` if values are masked.
    pub excerpt: Option<Excerpt>,
}

/// The part of a schema that a payload violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The schema file, relative to the catalogue's folder.
    pub file: String,
    /// JSON pointer of the violated keyword.
    pub pointer: String,
    /// What was expected.
    pub expected: String,
    /// What was found; `None` if values are masked.
    pub found: Option<String>,
}
