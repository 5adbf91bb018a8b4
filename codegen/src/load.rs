//! From files to the model: the only code that reads disk.
//!
//! Loading never stops at the first problem: it returns what it could make of the folder, and everything that is
//! wrong with it.

mod event_files;
mod event_options;
mod locate;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::check;
use crate::diagnostic::{Diagnostic, Position};
use crate::manifest::{self, Manifest};
use crate::model::{Catalogue, Document};
use crate::references::References;

pub use locate::{locate, locate_in};

/// A catalogue with all that is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// What could be made of the files.
    pub catalogue: Catalogue,
    /// Every JSON file of the folder, whether it could be read or not.
    pub files: Vec<String>,
    /// Where its references lead.
    pub references: References,
    /// Everything that is wrong, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Folders that hold no schemas though a catalogue may be a crate or a repository.
const SKIPPED_FOLDERS: &[&str] = &["target", "src", "node_modules"];

/// Loads the catalogue in a folder that holds `eventsmith.toml`.
pub fn load(dir: &Path) -> Loaded {
    let mut diagnostics = Vec::new();
    let (manifest, manifest_source) = read_manifest(dir, &mut diagnostics);
    let mut files = Vec::new();
    list_files(dir, "", &mut files, &mut diagnostics);
    files.sort();
    let documents = read_documents(dir, &files, &mut diagnostics);
    let events = event_files::events(manifest.root.get_ref(), &files, &documents, &mut diagnostics);
    let catalogue = Catalogue { dir: dir.to_owned(), manifest, manifest_source, events, documents };
    let references = References::new(&catalogue.documents);
    check::catalogue(&catalogue, &references, &mut diagnostics);
    diagnostics.sort_by(|a, b| (&a.file, a.position, &a.pointer).cmp(&(&b.file, b.position, &b.pointer)));
    diagnostics.dedup();
    Loaded { catalogue, files, references, diagnostics }
}

/// The folder of the nearest `eventsmith.toml`, from `start` upward.
pub fn find(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|dir| dir.join(manifest::FILE_NAME).is_file()).map(Path::to_owned)
}

fn read_manifest(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> (Manifest, String) {
    const HELP: &str = "an eventsmith.toml needs at least one line: root = \"rules\"";
    let source = match fs::read_to_string(dir.join(manifest::FILE_NAME)) {
        Ok(source) => source,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", dir.join(manifest::FILE_NAME).display());
            diagnostics.push(Diagnostic::error("no-manifest", manifest::FILE_NAME, message, HELP));
            return (manifest::placeholder(), String::new());
        }
    };
    match toml::from_str(&source) {
        Ok(manifest) => (manifest, source),
        Err(error) => {
            let position = error.span().map(|span| Position::of(&source, span.start));
            let message = error.message().trim().to_owned();
            diagnostics.push(Diagnostic::error("bad-manifest", manifest::FILE_NAME, message, HELP).at(position));
            (manifest::placeholder(), source)
        }
    }
}

fn list_files(dir: &Path, below: &str, files: &mut Vec<String>, diagnostics: &mut Vec<Diagnostic>) {
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
            let skipped = name.starts_with('.') || below.is_empty() && SKIPPED_FOLDERS.contains(&name.as_str());
            if !skipped {
                list_files(dir, &path, files, diagnostics);
            }
        } else if name.ends_with(".json") {
            files.push(path);
        }
    }
}

fn read_documents(dir: &Path, files: &[String], diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    for path in files {
        let source = match fs::read_to_string(dir.join(path)) {
            Ok(source) => source,
            Err(error) => {
                let message = format!("the file cannot be read: {error}");
                let help = "schema files are UTF-8 text";
                diagnostics.push(Diagnostic::error("unreadable", path, message, help));
                continue;
            }
        };
        match Document::parse(path, source) {
            Ok(document) => {
                documents.insert(path.clone(), document);
            }
            Err(error) => {
                let position = Position { line: error.line().max(1), column: error.column().max(1) };
                let message = format!("this is not JSON: {error}");
                let help = "mend the syntax; comments and trailing commas are not JSON";
                diagnostics.push(Diagnostic::error("bad-json", path, message, help).at(Some(position)));
            }
        }
    }
    documents
}
