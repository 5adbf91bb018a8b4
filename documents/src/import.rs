//! A catalogue made of an AsyncAPI document, 2.x or 3.x, of others or of our own.
//!
//! Every message becomes a version of an event, or of a command where it is answered; every schema that is referred to stands once in a
//! file of shared definitions. What cannot be taken over is noted, and what a catalogue cannot have is left out until the rest has no
//! error.

mod manifest;
mod messages;
mod names;
mod notes;
mod plan;
mod schemas;
mod settle;
mod source;
mod yaml;

use std::collections::BTreeMap;

use serde_json::Value;

use notes::Notes;
use plan::Plan;
use schemas::Schemas;
use source::{Place, Source};

pub use notes::ImportNote;
pub use source::Read;

/// A catalogue that was made of a document.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The files, by their paths in the catalogue.
    pub files: BTreeMap<String, String>,
    /// What was not taken over, in the order of the document.
    pub notes: Vec<ImportNote>,
    /// How many versions of events and requests there are.
    pub versions: usize,
}

/// Makes a catalogue of the document in a file, which `read` reads, and with it what the document refers to beside it: paths are as
/// seen from the folder of the document.
///
/// ```
/// use eventsmith_documents::import::import;
///
/// let document = r#"
/// asyncapi: 3.0.0
/// info: {title: Accounts, version: 1.0.0}
/// channels:
///   user: {address: user/signedup, messages: {UserSignedUp: {payload: {type: object, properties: {name: {type: string}}}}}}
/// "#;
/// let imported = import("api.yaml", &mut |_| Ok(document.to_owned()))?;
/// assert!(imported.files.contains_key("domain/user_signed_up.v1.json"));
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// When the document cannot be read, is no AsyncAPI document, or is too large to be looked at; a part of a sentence.
pub fn import(file: &str, read: &mut Read<'_>) -> Result<Imported, String> {
    let mut source = Source::new(read);
    let root = Place { file: file.to_owned(), pointer: String::new() };
    let specification = messages::text(&mut source, &root, "asyncapi")?;
    let is_v2 = match specification.as_deref() {
        Some(version) if version.starts_with("2.") => true,
        Some(version) if version.starts_with("3.") => false,
        Some(version) => return Err(format!("{file} is AsyncAPI {version}, and 2.x and 3.x are what can be imported")),
        None => return Err(format!("{file} is no AsyncAPI document: it has no member `asyncapi`")),
    };
    let (mut notes, mut schemas) = (Notes::default(), Schemas::new());
    let mut plan = Plan::of(&mut source, &root, is_v2, &mut schemas, &mut notes)?;
    plan.shared = schemas.shared(&mut source, &mut notes)?;
    not_taken(&mut source, &root, is_v2, &mut notes)?;
    let files = settle::settled(&mut plan, &mut notes)?;
    Ok(Imported { files, versions: plan.versions(), notes: notes.0.into_iter().collect() })
}

/// Notes what a catalogue has no place for.
fn not_taken(source: &mut Source<'_>, root: &Place, is_v2: bool, notes: &mut Notes) -> Result<(), String> {
    let servers = root.below("servers");
    if !source.children(&servers)?.is_empty() {
        notes.add(&servers, "is left out: who connects where is configuration (`Config`, EVENTSMITH_SERVERS)");
    }
    let security = root.below("components").below("securitySchemes");
    if !source.children(&security)?.is_empty() {
        notes.add(&security, "is left out: permissions follow from what services publish and consume");
    }
    let operations = if is_v2 { "channels" } else { "operations" };
    for operation in source.children(&root.below(operations))? {
        for left in ["bindings", "traits"] {
            let at = operation.below(left);
            if source.at(&at)?.is_some_and(|value| !value.is_null()) && !is_ours(source, &operation)? {
                notes.add(&at, "is left out");
            }
        }
    }
    Ok(())
}

fn is_ours(source: &mut Source<'_>, place: &Place) -> Result<bool, String> {
    Ok(source.at(&place.below("x-eventsmith"))?.is_some_and(Value::is_object))
}
