//! Files that look like events and are none: in a folder that is no kind.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::version_name;
use crate::lookup;
use crate::model::{Catalogue, Kind};

/// Adds a warning for each file that is named like a version of an event, is in a folder that is no kind, and that no event
/// refers to.
pub(super) fn check(catalogue: &Catalogue, used: &HashSet<&str>, diagnostics: &mut Vec<Diagnostic>) {
    for path in catalogue.documents.keys().filter(|path| !used.contains(path.as_str())) {
        let Some((folder, below)) = path.split_once('/') else { continue };
        if Kind::of_folder(folder).is_some() || below.strip_suffix(".json").and_then(version_name).is_none() {
            continue;
        }
        let kinds = Kind::ALL.map(Kind::as_str);
        let help = match lookup::nearest(folder, kinds.into_iter()).first() {
            Some(kind) => format!("did you mean {kind}/{below}?"),
            None => format!(
                "the first folder of an event is its kind: {}; name other files without a version",
                kinds.join(", ")
            ),
        };
        let message = format!("{folder:?} is no kind of event, so that this file describes none");
        let finding = Diagnostic::error("stray-file", path, message, help);
        diagnostics.push(Diagnostic { severity: Severity::Warning, ..finding });
    }
}
