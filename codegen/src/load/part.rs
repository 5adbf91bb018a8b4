//! Which files of a folder are part of its catalogue.

use std::collections::BTreeMap;

use crate::manifest;
use crate::model::{Kind, VersionPart};

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
    let is_event = Kind::of_folder(kind).is_some() && version_name(stem).is_some();
    // On some systems `.JSON` is `.json`.
    let is_other = OTHER_FORMATS.contains(&format) || format != "json" && format.eq_ignore_ascii_case("json");
    (is_event && is_other).then_some(format)
}

/// The name of a version of an event or a request, or of an answer: `created.v1`, `create.v1.reply` or `create.v1.error`.
pub(crate) struct VersionName<'a> {
    pub(crate) name: &'a str,
    /// The digits of the number.
    pub(crate) number: &'a str,
    pub(crate) part: VersionPart,
}

/// Reads a path without its format; `None` if it does not end as that of a version does.
pub(crate) fn version_name(stem: &str) -> Option<VersionName<'_>> {
    let (stem, part) = of_part(stem);
    let (name, number) = stem.rsplit_once(".v")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(VersionName { name, number, part })
}

/// A name without what says which part of a version it is: `get.v1.reply` is `get.v1` and the reply.
pub(super) fn of_part(stem: &str) -> (&str, VersionPart) {
    let of = |part: VersionPart| Some((stem.strip_suffix(part.as_str())?.strip_suffix('.')?, part));
    VersionPart::ANSWERS.into_iter().find_map(of).unwrap_or((stem, VersionPart::Itself))
}

pub(super) fn is_skipped(folder: &str, at_the_top: bool) -> bool {
    folder.starts_with('.') || at_the_top && SKIPPED_FOLDERS.contains(&folder)
}
