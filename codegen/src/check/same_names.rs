//! Folders and files that fall together where they become names of Rust.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, has_errors};
use crate::model::{Catalogue, Kind};
use crate::shape::homes::Homes;
use crate::shape::identifiers::snake;
use crate::shape::names;

/// Adds an error for every group or event whose name in Rust another one has already.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    of_one_kind(catalogue, diagnostics);
    // Of two files for one event, and the like, something else is told.
    if !has_errors(diagnostics) {
        payloads(catalogue, diagnostics);
    }
}

/// Payloads of any kind, and of answers, that have one name in one module.
fn payloads(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let homes = Homes::new(catalogue);
    let mut known: HashMap<(Vec<String>, String, String), &str> = HashMap::new();
    for file in catalogue.versions().flat_map(|(_, version)| version.files()) {
        let (module, name) = homes.of(file);
        // Two of one path that have titles of their own are told apart by those.
        let title = catalogue.documents.get(file).map(|document| names::chosen(&document.schema)).unwrap_or_default();
        let first = *known.entry((module, name.clone(), title)).or_insert(file);
        if first != file {
            let message = format!("the type of this file is called {name} in Rust, as that of {first} is");
            let help = "rename one of the two files, or give the schemas titles that differ";
            diagnostics.push(Diagnostic::error("same-name", file, message, help));
        }
    }
}

/// Groups and events whose names another one of their kind has already.
fn of_one_kind(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let mut known: HashMap<(Kind, Vec<String>, bool), (&str, &str)> = HashMap::new();
    for event in &catalogue.events {
        let Some(version) = event.versions.first() else { continue };
        let tokens: Vec<&str> = event.event_type.split('.').collect();
        for length in 1..=tokens.len() {
            let is_event = length == tokens.len();
            let end = tokens[..length].join(".").len();
            let path = &event.event_type[..end];
            let names = tokens[..length].iter().map(|token| snake(token)).collect();
            let (first, file) = *known.entry((event.kind, names, is_event)).or_insert((path, &version.file));
            if first == path {
                continue;
            }
            let (what, name) = (if is_event { "event" } else { "group" }, snake(tokens[length - 1]));
            let message = format!("the {what} {path} has the name {name} in Rust, which {first} of {file} has already");
            let help = "rename one of the two: case, hyphens and underscores do not tell names of Rust apart";
            diagnostics.push(Diagnostic::error("same-name", &version.file, message, help));
            break;
        }
    }
}
