//! Folders and files that fall together where they become names of Rust.

use std::collections::HashMap;

use crate::diagnostic::Diagnostic;
use crate::model::{Catalogue, Kind};
use crate::shape::identifiers::snake;

/// Adds an error for every group or event whose name in Rust another one of its kind has already.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
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
