//! One document of a schema and everything it refers to.
//!
//! Most schemas refer to definitions by path and pointer. Those definitions are copied to the document's own definitions: the
//! bundle holds what the schema needs and nothing else. Where anchors or nested identifiers make that unsafe, whole documents
//! are embedded under their URIs, as the standard describes.
//!
//! The validator's own bundling always embeds whole documents, keeps no record of where a definition came from, and stops at
//! the first reference without a target. `Event::SCHEMA` and the texts that `breaking` compares need the smaller form.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::load::Loaded;
use crate::model::Document;
use crate::pointer::{self, fragment};
use crate::references::{Location, Target, file_uri};
use crate::schema;
use crate::shape::identifiers::unique;

/// The self-contained schema of a file of the catalogue. A reference that leads nowhere stays as it is.
pub fn bundle(loaded: &Loaded, file: &str) -> Value {
    bundled(loaded, file).into_owned()
}

/// The same, borrowed where the file refers to no other: a value takes many times as much memory as its text.
pub(crate) fn bundled<'a>(loaded: &'a Loaded, file: &str) -> Cow<'a, Value> {
    bundle_with_origins(loaded, file).0
}

/// The [bundle] as generated code holds it: what its hash is taken of.
pub fn bundle_text(loaded: &Loaded, file: &str) -> String {
    eventsmith_exact::schema::text(&bundled(loaded, file))
}

/// Where the definitions of a bundle were copied from, by their pointers in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    file: String,
    copied: BTreeMap<String, Location>,
}

impl Origins {
    /// The file and pointer that a pointer of the bundle stands for.
    pub(crate) fn of(&self, pointer: &str) -> Location {
        let slashes = pointer.match_indices('/').map(|(at, _)| at).chain([pointer.len()]);
        let home = slashes.rev().find_map(|end| Some(self.copied.get(&pointer[..end])?.below(&pointer[end..])));
        home.unwrap_or_else(|| Location { file: self.file.clone(), pointer: pointer.to_owned() })
    }

    /// What was copied from elsewhere: its pointer in the bundle, and where it comes from.
    pub(crate) fn copied(&self) -> impl Iterator<Item = (&str, &Location)> {
        self.copied.iter().map(|(pointer, location)| (pointer.as_str(), location))
    }

    /// The files that were embedded whole. A validator names locations in them by pointers of their own.
    pub(crate) fn embedded(&self) -> impl Iterator<Item = &str> {
        self.copied.values().filter(|location| location.pointer.is_empty()).map(|location| location.file.as_str())
    }
}

/// The bundle of a file, and the origins of its parts.
pub(crate) fn bundle_with_origins<'a>(loaded: &'a Loaded, file: &str) -> (Cow<'a, Value>, Origins) {
    let mut origins = Origins { file: file.to_owned(), copied: BTreeMap::new() };
    let Some(document) = loaded.catalogue.documents.get(file) else {
        return (Cow::Owned(Value::Bool(true)), origins);
    };
    let mut bundler =
        Bundler { loaded, root: file, names: BTreeMap::new(), taken: HashSet::new(), definitions: Map::new() };
    if !bundler.leaves_file(file) && !loaded.references.has_mounts() && !names_itself(loaded, document) {
        return (Cow::Borrowed(&document.schema), origins);
    }
    let keyword = format!("/{}", schema::definitions_keyword(&document.schema));
    if !bundler.is_plain() {
        let others = files_from(loaded, file).into_iter().skip(1);
        let documents = others.filter_map(|file| loaded.catalogue.documents.get(&file));
        let key = |other: &Document| pointer::join(&keyword, &identified(&other.schema, &other.path).0);
        origins.copied = documents.map(|other| (key(other), Location::root(&other.path))).collect();
        return (Cow::Owned(embed(loaded, file, &document.schema)), origins);
    }
    let mut bundled = bundler.rewrite(&Location::root(file), &document.schema);
    if let Value::Object(members) = &mut bundled {
        let own = members.entry(&keyword[1..]).or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            own.extend(bundler.definitions);
        }
    }
    origins.copied =
        bundler.names.into_iter().map(|(location, name)| (pointer::join(&keyword, &name), location)).collect();
    (Cow::Owned(bundled), origins)
}

/// Whether a reference of a file leads back to it by its name, which the text of the schema does not have.
fn names_itself(loaded: &Loaded, document: &Document) -> bool {
    loaded.references.links(&document.path).iter().any(|link| {
        let reference = document.schema.pointer(&link.pointer).and_then(|schema| schema.get(link.keyword));
        let is_named = reference.and_then(Value::as_str).is_some_and(|reference| !reference.starts_with('#'));
        is_named && matches!(&link.target, Some(Target::Location(target)) if target.file == document.path)
    })
}

/// A file and all files that it refers to, directly or not.
pub(crate) fn files_from(loaded: &Loaded, file: &str) -> Vec<String> {
    let mut files = vec![file.to_owned()];
    let mut seen: HashSet<&str> = HashSet::from([file]);
    let mut next = 0;
    while let Some(file) = files.get(next) {
        let others = loaded.references.neighbours(file).iter().filter(|other| seen.insert(other)).cloned();
        files.extend(others.collect::<Vec<_>>());
        next += 1;
    }
    files
}

struct Bundler<'a> {
    loaded: &'a Loaded,
    root: &'a str,
    /// The key below the definitions for each copied schema.
    names: BTreeMap<Location, String>,
    /// Those keys.
    taken: HashSet<String>,
    definitions: Map<String, Value>,
}

impl<'a> Bundler<'a> {
    /// Whether any reference of the file leads to another file.
    fn leaves_file(&self, file: &str) -> bool {
        files_from(self.loaded, file).len() > 1
    }

    /// Whether every document involved is of one draft and free of anchors, dynamic references and identifiers
    /// below its root.
    fn is_plain(&self) -> bool {
        let documents = &self.loaded.catalogue.documents;
        let Some(root) = documents.get(self.root) else { return false };
        files_from(self.loaded, self.root).iter().filter_map(|file| documents.get(file)).all(|document| {
            self.loaded.references.is_plain(&document.path) && schema::same_draft(&root.schema, &document.schema)
        })
    }

    /// Copies a schema, with every reference to another file made one to a copied definition.
    fn rewrite(&mut self, location: &Location, schema: &Value) -> Value {
        let mut copy = schema.clone();
        let loaded = self.loaded;
        let links = loaded
            .references
            .links_within(location)
            .into_iter()
            .filter_map(|link| Some((link.pointer.strip_prefix(&location.pointer)?, link.target.as_ref()?)));
        for (at, target) in links {
            let Target::Location(target) = target else { continue };
            let reference = schema.pointer(at).and_then(|inner| inner.get("$ref")).and_then(Value::as_str);
            if location.file == self.root && reference.is_some_and(|reference| reference.starts_with('#')) {
                continue;
            }
            let reference = if target.file == self.root {
                fragment(&target.pointer)
            } else {
                let keyword = self.loaded.catalogue.documents.get(self.root).map(|root| &root.schema);
                let keyword = schema::definitions_keyword(keyword.unwrap_or(&Value::Null));
                fragment(&pointer::join(&format!("/{keyword}"), &self.define(target)))
            };
            if let Some(Value::Object(members)) = copy.pointer_mut(at) {
                members.insert("$ref".to_owned(), Value::String(reference));
            }
        }
        copy
    }

    /// Copies a definition of another file, once; returns its key.
    fn define(&mut self, target: &Location) -> String {
        if let Some(name) = self.names.get(target) {
            return name.clone();
        }
        let documents = &self.loaded.catalogue.documents;
        let stem = target.file.trim_end_matches(".json").rsplit('/').next().unwrap_or_default().to_owned();
        let step = pointer::steps(&target.pointer).and_then(|mut steps| steps.pop());
        let wanted = step.unwrap_or(stem);
        let is_taken = |name: &str| {
            let root = documents.get(self.root).map(|document| &document.schema);
            let own = root.and_then(|root| root.get(schema::definitions_keyword(root)));
            own.is_some_and(|own| own.get(name).is_some()) || self.taken.contains(name)
        };
        let name = unique(&wanted, is_taken);
        self.names.insert(target.clone(), name.clone());
        self.taken.insert(name.clone());
        let schema = documents.get(&target.file).and_then(|document| document.schema.pointer(&target.pointer));
        let mut copy = self.rewrite(target, schema.unwrap_or(&Value::Bool(true)));
        if let Value::Object(members) = &mut copy
            && target.pointer.is_empty()
        {
            for keyword in ["$id", "id", "$schema", "$defs", "definitions"] {
                members.shift_remove(keyword);
            }
        }
        self.definitions.insert(name.clone(), copy);
        name
    }
}

/// Embeds whole documents under their URIs, which is where references look for them.
fn embed(loaded: &Loaded, file: &str, root: &Value) -> Value {
    let identified = |document: &Value, file: &str| identified(&settled(loaded, document, file), file);
    let mut root = identified(root, file).1;
    let keyword = schema::definitions_keyword(&root);
    let others = files_from(loaded, file).into_iter().skip(1);
    let documents = others.filter_map(|file| loaded.catalogue.documents.get(&file));
    let embedded: Map<String, Value> = documents.map(|document| identified(&document.schema, &document.path)).collect();
    if let Value::Object(members) = &mut root
        && let Value::Object(definitions) = members.entry(keyword).or_insert_with(|| json!({}))
    {
        definitions.extend(embedded);
    }
    root
}

/// A document whose references name the URIs under which documents are embedded: one that is found by its path, or where a
/// folder stands for a URL, may be embedded under another than the reference says.
fn settled(loaded: &Loaded, document: &Value, file: &str) -> Value {
    let mut copy = document.clone();
    for link in loaded.references.links(file).iter().filter(|link| link.keyword == "$ref") {
        let Some(Target::Location(target)) = &link.target else { continue };
        let Some(embedded) = loaded.catalogue.documents.get(&target.file) else { continue };
        let Some(Value::Object(members)) = copy.pointer_mut(&link.pointer) else { continue };
        let uri = identified(&embedded.schema, &target.file).0;
        let uri = uri.trim_end_matches('#');
        let leads_elsewhere = |reference: &str| {
            let said = schema::resolve_uri(loaded.references.base(file, &link.pointer)?, reference)?;
            let said = said.split('#').next();
            // Within a document the identifiers of its parts count.
            let is_part = target.file == file && loaded.references.bases(file).any(|(_, base)| said == Some(base));
            Some(said != Some(uri) && !is_part)
        };
        if members.get("$ref").and_then(Value::as_str).and_then(leads_elsewhere) == Some(true) {
            members.insert("$ref".to_owned(), Value::String(format!("{uri}{}", fragment(&target.pointer))));
        }
    }
    copy
}

/// A document with its URI: the `$id` that it has, made absolute, or else that of its file.
fn identified(document: &Value, file: &str) -> (String, Value) {
    let own = file_uri(file);
    let mut members = match document {
        Value::Object(members) => members.clone(),
        accepts => Map::from_iter([("allOf".to_owned(), json!([accepts]))]),
    };
    let keyword = schema::id_keyword(document);
    let uri = members.get(keyword).and_then(Value::as_str).and_then(|id| schema::resolve_uri(&own, id)).unwrap_or(own);
    members.insert(keyword.to_owned(), Value::String(uri.clone()));
    (uri, Value::Object(members))
}
