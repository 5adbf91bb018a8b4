//! Where a finding about what is no schema stands: in a file of the current catalogue, or in its manifest.

use toml::Spanned;

use crate::diagnostic::{Diagnostic, Position};
use crate::manifest::FILE_NAME;
use crate::model::Catalogue;

/// A finding at a place of a file, if the file and the place are still there.
pub(super) fn in_file(
    rule: &'static str,
    current: &Catalogue,
    file: &str,
    pointer: &str,
    message: String,
    help: &str,
) -> Diagnostic {
    match current.documents.get(file) {
        Some(document) if document.schema.pointer(pointer).is_some() => document.error(rule, pointer, message, help),
        Some(document) => document.error(rule, "", message, help),
        None => Diagnostic::error(rule, file, message, help),
    }
}

/// A finding at a text of the manifest.
pub(super) fn in_manifest(
    rule: &'static str,
    current: &Catalogue,
    at: Option<&Spanned<String>>,
    message: String,
    help: &str,
) -> Diagnostic {
    let position = at.map(|at| Position::of(&current.manifest_source, at.span().start));
    Diagnostic::error(rule, FILE_NAME, message, help).at(position)
}
