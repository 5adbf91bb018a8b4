//! Why something is given, in words.

use eventsmith_operations::permissions::Grant;

/// Why something is given, and where that stands.
pub(super) fn because(grant: &Grant, manifest: &str) -> String {
    match grant.line {
        Some(line) => format!("{}, {manifest}:{line}", grant.reason),
        None => grant.reason.clone(),
    }
}
