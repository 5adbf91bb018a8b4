//! Which files of a folder are part of its catalogue.

use std::collections::BTreeMap;

use crate::manifest;

/// Folders that hold no schemas though a catalogue may be a crate or a repository.
const SKIPPED_FOLDERS: &[&str] = &["target", "src", "node_modules"];

/// Texts by path, relative to the catalogue's folder; or why a file has none.
pub(super) type Texts = BTreeMap<String, Result<String, String>>;

/// Whether a file of a catalogue's folder is part of the catalogue, by its path relative to it.
pub fn is_part(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let skipped = folders.split('/').enumerate().any(|(depth, folder)| is_skipped(folder, depth == 0));
    path == manifest::FILE_NAME || name.ends_with(".json") && !skipped
}

pub(super) fn is_skipped(folder: &str, at_the_top: bool) -> bool {
    folder.starts_with('.') || at_the_top && SKIPPED_FOLDERS.contains(&folder)
}
