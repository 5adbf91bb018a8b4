//! Files that look like events and are none: in a folder that is no kind.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity};
use crate::lookup;
use crate::model::{Catalogue, Kind};

/// Adds a warning for each file that is named like a version of an event, is in a folder that is no kind, and that no event
/// refers to.
pub(super) fn check(catalogue: &Catalogue, used: &HashSet<&str>, diagnostics: &mut Vec<Diagnostic>) {
    for path in catalogue.documents.keys().filter(|path| !used.contains(path.as_str())) {
        let Some((folder, below)) = path.split_once('/') else { continue };
        if Kind::of_folder(folder).is_some() || !is_versioned(below) {
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

/// Whether a path ends as that of a version does: `.v1.json` or `.v1.reply.json`.
fn is_versioned(path: &str) -> bool {
    let stem = path.strip_suffix(".json").map(|stem| stem.strip_suffix(".reply").unwrap_or(stem));
    let number = stem.and_then(|stem| stem.rsplit_once(".v")).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
