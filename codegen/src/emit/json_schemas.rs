//! Where the schemas of types stand within those of payloads, for schemars.

use std::collections::{BTreeMap, HashMap};

use crate::bundle::bundle_with_origins;
use crate::load::Loaded;
use crate::model::Version;
use crate::parallel;
use crate::references::Location;
use crate::shape::{Body, Definition, Program, Struct};

use super::payload::schema_name;
use super::runtime::Runtime;
use super::types::field_ident;

/// The widest line, as everywhere in the generated files.
const WIDEST: usize = 110;

/// A place within the schema of a payload: the name of that schema, and a pointer.
type Place = (String, String);

/// The call of the macro that tells schemars of every type whose schema says all about it.
pub(super) fn text(loaded: &Loaded, program: &Program, runtime: &Runtime) -> String {
    let places = places(loaded);
    let mut by_schema: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for definition in program.definitions.iter().filter(|definition| is_said_by_its_schema(definition)) {
        let Some((schema, pointer)) = place(&places, &definition.location) else { continue };
        let path = definition.module.iter().map(|step| field_ident(step).to_string());
        let mut entry = path.chain([definition.name.clone()]).collect::<Vec<_>>().join("::");
        if pointer != format!("/$defs/{}", definition.name) {
            entry.push_str(&format!(" {pointer:?}"));
        }
        if definition.is_without_null {
            entry.push_str(" without null");
        }
        by_schema.entry(schema).or_default().push(entry);
    }
    if by_schema.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}! {{\n", runtime.internal_text("json_schemas"));
    for (schema, entries) in by_schema {
        let mut line = format!("    schemas::{schema}:");
        let last = entries.len() - 1;
        for (index, entry) in entries.iter().enumerate() {
            if line.len() + entry.len() + 2 > WIDEST {
                text.push_str(&line);
                text.push('\n');
                line = "       ".to_owned();
            }
            line.push_str(&format!(" {entry}{}", if index < last { "," } else { ";\n" }));
        }
        text.push_str(&line);
    }
    text.push_str("}\n");
    text
}

/// Whether the schema that a type comes from accepts its values and no others: it is not one of several that hold together, nor one
/// that the type lacks the tag of.
fn is_said_by_its_schema(definition: &Definition) -> bool {
    definition.is_of_one_schema && !matches!(&definition.body, Body::Open | Body::Struct(Struct { tag: Some(_), .. }))
}

/// Where each file, and each definition of one, was copied to first. Only of schemas whose references are pointers.
fn places(loaded: &Loaded) -> HashMap<Location, Place> {
    let of_version = |(event, version)| {
        let named = move |(part, file): (_, &String)| (schema_name(event, version, part), file.clone());
        Version::parts(version).map(named)
    };
    let files: Vec<(String, String)> = loaded.catalogue.versions().flat_map(of_version).collect();
    let found = parallel::map(&files, |(name, file)| {
        let (_, origins) = bundle_with_origins(loaded, file);
        let is_plain = loaded.references.is_plain(file) && origins.embedded().next().is_none();
        let copied = origins.copied().map(|(pointer, location)| (location.clone(), (name.clone(), pointer.to_owned())));
        let own = std::iter::once((Location::root(file), (name.clone(), String::new())));
        if is_plain { own.chain(copied).collect() } else { Vec::new() }
    });
    let mut places = HashMap::new();
    for (location, place) in found.into_iter().flatten() {
        places.entry(location).or_insert(place);
    }
    places
}

/// The place of a schema, or below that of what it lies in.
fn place<'p>(places: &'p HashMap<Location, Place>, location: &Location) -> Option<(&'p str, String)> {
    let pointer = &location.pointer;
    let ends = pointer.match_indices('/').map(|(at, _)| at).chain([pointer.len()]).collect::<Vec<_>>();
    ends.into_iter().rev().find_map(|end| {
        let outer = Location { file: location.file.clone(), pointer: pointer[..end].to_owned() };
        let (schema, home) = places.get(&outer)?;
        Some((schema.as_str(), format!("{home}{}", &pointer[end..])))
    })
}
