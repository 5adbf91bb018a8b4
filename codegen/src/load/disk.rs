//! The files of a catalogue's folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::manifest;

use super::part::{Texts, is_part, is_skipped};

/// The folder of the nearest `eventsmith.toml`, from `start` upward.
pub fn find(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join(manifest::FILE_NAME).is_file()).map(Path::to_owned)
}

/// Reads every file of a folder that is part of its catalogue.
pub(super) fn read(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Texts {
    let mut files = vec![manifest::FILE_NAME.to_owned()];
    list(dir, "", &mut files, diagnostics);
    let text = |path: String| {
        let text = fs::read_to_string(dir.join(&path)).map_err(|error| error.to_string());
        (path, text)
    };
    files.into_iter().map(text).collect()
}

fn list(dir: &Path, below: &str, files: &mut Vec<String>, diagnostics: &mut Vec<Diagnostic>) {
    let entries = match fs::read_dir(dir.join(below)) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", dir.join(below).display());
            diagnostics.push(Diagnostic::error("unreadable", below, message, "check that the folder exists"));
            return;
        }
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            let message = format!("the name of {} is not UTF-8", entry.path().display());
            diagnostics.push(Diagnostic::error("unreadable", below, message, "rename the file"));
            continue;
        };
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.path().is_dir() {
            if !is_skipped(&name, below.is_empty()) {
                list(dir, &path, files, diagnostics);
            }
        } else if path != manifest::FILE_NAME && is_part(&path) {
            files.push(path);
        }
    }
}
