//! The whole line of work in its order: load, check, lower, shape, emit.
//!
//! Each phase is a module of its own, and none calls another. What is wrong with a catalogue is collected on the way:
//! loading and checking find all of it but for what only shows in the types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check;
use crate::diagnostic::{Diagnostic, has_errors};
use crate::emit::{self, Runtime};
use crate::load::Loaded;
use crate::lower;
use crate::parallel::with_room;
use crate::shape::{Program, settle};

/// Loads and checks the catalogue in a folder that holds `eventsmith.toml`.
pub fn load(dir: &Path) -> Loaded {
    checked(crate::load::read(dir))
}

/// Loads and checks what one event of a catalogue needs: its versions, and what they refer to. `None` where any of it is not all
/// right, or where there is no such event.
pub(crate) fn load_event(dir: &Path, event_type: &str) -> Option<Loaded> {
    let mut loaded = checked(crate::load::read_event(dir, event_type)?);
    // What the manifest says of other events cannot be checked without them.
    loaded.diagnostics.retain(|found| found.file != crate::manifest::FILE_NAME || check::is_about_reading(found));
    let is_sound = loaded.catalogue.event(event_type).is_some() && !has_errors(&loaded.diagnostics);
    is_sound.then_some(loaded)
}

/// Loads and checks a catalogue of files that need not be on disk, by their paths relative to its folder.
///
/// `label` stands where the folder of a catalogue on disk would: it names the catalogue in messages.
/// Files that [`is_part`](crate::load::is_part) does not want are left out, so that it does not matter what else the folder holds.
///
/// ```
/// use eventsmith_codegen::from_files;
///
/// let files = [("eventsmith.toml", "root = \"rules\""), ("domain/rule/created.v1.json", "{\"type\": \"object\"}")];
/// let loaded = from_files("main", files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect());
///
/// assert_eq!(loaded.catalogue.events[0].event_type, "rule.created");
/// ```
pub fn from_files(label: impl Into<PathBuf>, files: BTreeMap<String, Vec<u8>>) -> Loaded {
    checked(crate::load::from_files(label, files))
}

/// The Rust text of a catalogue.
///
/// # Errors
/// Every finding, if one of them is an error.
pub fn generate(loaded: &Loaded) -> Result<String, Vec<Diagnostic>> {
    generate_for(loaded, &Runtime::default())
}

/// The Rust text of a catalogue, for a crate where the runtime has another name.
///
/// # Errors
/// Every finding, if one of them is an error.
pub fn generate_for(loaded: &Loaded, runtime: &Runtime) -> Result<String, Vec<Diagnostic>> {
    with_room(|| {
        let program = sound(loaded)?;
        emit::text(loaded, &program, runtime).map_err(|error| vec![*error])
    })
}

/// What a build script writes: the Rust text, and the front page of its documentation.
pub(crate) struct Generated {
    pub(crate) text: emit::Text,
    /// Markdown: events, requests and documents by group, with links to their types, which are right in the module that takes in the
    /// text.
    pub(crate) front_page: String,
}

/// All that a build script writes of a catalogue.
///
/// # Errors
/// Every finding, if one of them is an error.
pub(crate) fn generate_all(loaded: &Loaded, runtime: &Runtime) -> Result<Generated, Vec<Diagnostic>> {
    with_room(|| {
        let program = sound(loaded)?;
        let text = emit::files(loaded, &program, runtime).map_err(|error| vec![*error])?;
        Ok(Generated { text, front_page: emit::front_page::text(loaded, &program, runtime) })
    })
}

/// Where the type of a payload stands in the generated text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadType {
    /// The modules around it, outermost first.
    pub module: Vec<String>,
    /// Its name.
    pub name: String,
}

/// The types of all payloads of a catalogue that is free of errors, by their schema files.
pub fn payload_types(loaded: &Loaded) -> BTreeMap<String, PayloadType> {
    let program = types(loaded);
    let of = |id: usize| {
        let definition = program.definitions.get(id)?;
        Some(PayloadType { module: definition.module.clone(), name: definition.name.clone() })
    };
    program.roots.iter().filter_map(|(file, id)| Some((file.clone(), of(*id)?))).collect()
}

/// Every finding about a catalogue: what loading and checking found, and what only shows in the types.
pub fn findings(loaded: &Loaded) -> Vec<Diagnostic> {
    with_room(|| sound(loaded).err()).unwrap_or_else(|| loaded.diagnostics.clone())
}

/// The types of a catalogue that is free of errors.
pub(crate) fn types(loaded: &Loaded) -> Program {
    with_room(|| settle::settle(loaded, lower::lower(loaded)))
}

/// The types of a catalogue as each of its files has them, before equal ones become one.
pub(crate) fn types_apart(loaded: &Loaded) -> Program {
    with_room(|| settle::apart(lower::lower(loaded)))
}

fn checked(mut loaded: Loaded) -> Loaded {
    with_room(|| check::check(&mut loaded));
    loaded
}

/// The types of a catalogue, if neither its files nor its types show an error.
fn sound(loaded: &Loaded) -> Result<Program, Vec<Diagnostic>> {
    if has_errors(&loaded.diagnostics) {
        return Err(loaded.diagnostics.clone());
    }
    let program = types(loaded);
    let mut diagnostics = loaded.diagnostics.clone();
    emit::fields::check(loaded, &program, &mut diagnostics);
    if has_errors(&diagnostics) { Err(diagnostics) } else { Ok(program) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(edited: &str) -> emit::Text {
        let schema = |name: &str, more: &str| {
            format!(
                "{{\"title\": {name:?}, \"type\": \"object\", \"properties\": {{\"id\": {{\"type\": \"string\"}}{more}}}}}"
            )
        };
        let files = [
            ("eventsmith.toml", "root = \"rules\"".to_owned()),
            ("domain/order/placed.v1.json", schema("OrderPlaced", edited)),
            ("domain/rule/created.v1.json", schema("RuleCreated", "")),
        ];
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
        generate_all(&from_files("memory", files), &Runtime::default()).unwrap().text
    }

    #[test]
    fn an_edit_moves_no_line_of_what_it_is_not_about() {
        let (before, after) = (generated(""), generated(", \"note\": {\"type\": \"string\"}"));

        assert_ne!(before.files["events/order.v1.rs"], after.files["events/order.v1.rs"]);
        assert_eq!(before.files["events/rule.v1.rs"], after.files["events/rule.v1.rs"]);
        let lines = |text: &str| text.lines().map(str::len).collect::<Vec<_>>().len();
        assert_eq!(lines(&before.text), lines(&after.text));
        let changed: Vec<(&str, &str)> =
            before.text.lines().zip(after.text.lines()).filter(|(before, after)| before != after).collect();
        assert!(matches!(changed.as_slice(), [(line, _)] if line.contains("DOMAIN_ORDER__PLACED_V1")), "{changed:?}");
    }

    #[test]
    fn the_text_takes_in_each_of_its_files() {
        let generated = generated("");

        assert!(generated.text.contains("        ::std::include!(\"events/rule.v1.rs\");\n"), "{}", generated.text);
        for file in generated.files.keys() {
            assert!(generated.text.contains(&format!("include!({file:?})")), "{file}");
        }
        assert!(generated.files["events/rule.v1.rs"].contains("\npub struct RuleCreated {"));
    }
}
