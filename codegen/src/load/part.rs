//! Which files of a folder are part of its catalogue.

use std::collections::BTreeMap;

use crate::manifest;
use crate::model::Kind;

/// Folders that hold no schemas though a catalogue may be a crate or a repository.
const SKIPPED_FOLDERS: &[&str] = &["target", "src", "node_modules"];

/// In which people write schemas, and which are not read.
const OTHER_FORMATS: &[&str] = &["yml", "yaml", "json5", "jsonc"];

/// Texts by path, relative to the catalogue's folder; or why a file has none.
pub(super) type Texts = BTreeMap<String, Result<String, String>>;

/// Whether a file of a catalogue's folder is part of the catalogue, by its path relative to it.
pub fn is_part(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let skipped = folders.split('/').enumerate().any(|(depth, folder)| is_skipped(folder, depth == 0));
    path == manifest::FILE_NAME || !skipped && (name.ends_with(".json") || other_format(path).is_some())
}

/// The format of a file below the folder of a kind that is named as an event, and is not JSON.
pub(super) fn other_format(path: &str) -> Option<&str> {
    let (kind, name) = path.split_once('/')?;
    let (stem, format) = name.rsplit_once('.')?;
    let number = stem.strip_suffix(".reply").unwrap_or(stem).rsplit_once(".v")?.1;
    let is_version = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (Kind::of_folder(kind).is_some() && is_version && OTHER_FORMATS.contains(&format)).then_some(format)
}

pub(super) fn is_skipped(folder: &str, at_the_top: bool) -> bool {
    folder.starts_with('.') || at_the_top && SKIPPED_FOLDERS.contains(&folder)
}
