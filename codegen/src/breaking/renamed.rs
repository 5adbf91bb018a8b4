//! Names of Rust that changed: code of users names them, and where two have changed places, it goes on compiling.

use std::collections::HashMap;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Severity, has_errors};
use crate::generate::types;
use crate::load::Loaded;
use crate::pointer::join;
use crate::references::Location;
use crate::shape::variants::spelled;
use crate::shape::{Alternative, Body, Id, Program, Shape, Type, Union};

use super::places::in_file;

const RULE: &str = "renamed-in-rust";

/// Every type, field and variant of a version that is in both catalogues, whose name is another one now.
pub(super) fn findings(previous: &Loaded, current: &Loaded) -> Vec<Diagnostic> {
    if has_errors(&previous.diagnostics) || has_errors(&current.diagnostics) {
        // Without types there are no names, and what is wrong is reported.
        return Vec::new();
    }
    let (then, now) = (types(previous), types(current));
    let (then, now) = (Side::new(previous, &then), Side::new(current, &now));
    let mut walk = Walk { then, now, seen: HashMap::new(), findings: Vec::new() };
    for file in current.catalogue.versions().flat_map(|(_, version)| version.files()) {
        if let Some(pair) = walk.then.program.root_of(file).zip(walk.now.program.root_of(file)) {
            walk.open(pair);
        }
    }
    walk.findings
}

/// A catalogue and its types.
struct Side<'a> {
    loaded: &'a Loaded,
    program: &'a Program,
    /// The names of the types.
    names: Vec<String>,
}

impl<'a> Side<'a> {
    fn new(loaded: &'a Loaded, program: &'a Program) -> Self {
        Self { loaded, program, names: program.definitions.iter().map(|definition| definition.name.clone()).collect() }
    }

    /// What an alternative accepts, as a text that depends neither on its place nor on its name.
    fn content(&self, variant: &Alternative) -> String {
        let (Type::Named(id) | Type::Boxed(id)) = variant.shape.ty else { return spelled(&self.names, &variant.shape) };
        let Location { file, pointer } = &self.program.definitions[id].location;
        let schema = self.loaded.catalogue.documents.get(file).and_then(|document| document.schema.pointer(pointer));
        let Some(Value::Object(members)) = schema else { return String::new() };
        let said =
            members.iter().filter(|(keyword, _)| !["title", "description", "x-name"].contains(&keyword.as_str()));
        said.map(|(keyword, value)| format!("{keyword:?}: {value}, ")).collect()
    }
}

/// Two programs, followed from payload to part side by side.
struct Walk<'a> {
    then: Side<'a>,
    now: Side<'a>,
    /// With which types of before those of today were compared.
    seen: HashMap<Id, Vec<Id>>,
    findings: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn open(&mut self, root: (Id, Id)) {
        // With the types that hold them: a part that follows its owner's name is no finding of its own.
        let mut open = vec![(root, None)];
        while let Some((pair, owner)) = open.pop() {
            if self.is_new(pair) {
                self.compare_names(pair, owner);
                open.extend(self.compare_bodies(pair).into_iter().map(|part| (part, Some(pair))));
            }
        }
    }

    /// Whether two types are to be compared. Circles of different lengths would pair all of one with all of the other.
    fn is_new(&mut self, (then, now): (Id, Id)) -> bool {
        const MOST_PARTNERS: usize = 8;
        let partners = self.seen.entry(now).or_default();
        if partners.len() == MOST_PARTNERS || partners.contains(&then) {
            return false;
        }
        partners.push(then);
        true
    }

    fn compare_names(&mut self, (then, now): (Id, Id), owner: Option<(Id, Id)>) {
        let (was, is) = (&self.then.program.definitions[then].name, &self.now.program.definitions[now].name);
        let follows = owner.is_some_and(|(then, now)| {
            let rest = was.strip_prefix(self.then.program.definitions[then].name.as_str());
            rest.is_some() && rest == is.strip_prefix(self.now.program.definitions[now].name.as_str())
        });
        if was != is && !follows {
            let help = format!("code names it: keep the name by \"x-name\": {was:?} beside the schema");
            self.report(now, "", format!("the type {was} is called {is} now"), &help);
        }
    }

    /// Reports the fields and variants of a type, and returns the types that it is made of.
    fn compare_bodies(&mut self, (then, now): (Id, Id)) -> Vec<(Id, Id)> {
        let (older, newer) = (&self.then.program.definitions[then], &self.now.program.definitions[now]);
        let of = &newer.name;
        let mut parts = Vec::new();
        let mut renamed: Vec<(String, String, String)> = Vec::new();
        match (&older.body, &newer.body) {
            (Body::Struct(older), Body::Struct(newer)) => {
                for field in &newer.fields {
                    let Some(old) = older.fields.iter().find(|old| old.property == field.property) else { continue };
                    if old.name != field.name {
                        let message = format!("the field {} of {of} is called {} now", old.name, field.name);
                        renamed.push((join("/properties", &field.property), message, old.name.clone()));
                    }
                    pairs(&old.shape, &field.shape, &mut parts);
                }
            }
            (Body::Enum(older), Body::Enum(newer)) => {
                for variant in newer {
                    let Some(old) = older.iter().find(|old| old.value == variant.value) else { continue };
                    if old.name != variant.name {
                        let message = format!(
                            "the variant {of}::{} for {:?} is called {of}::{} now",
                            old.name, variant.value, variant.name
                        );
                        renamed.push((String::new(), message, old.name.clone()));
                    }
                }
            }
            (Body::Union(older), Body::Union(newer)) => {
                for variant in &newer.variants {
                    let Some(old) = self.twin(older, newer, variant) else { continue };
                    if old.name != variant.name {
                        let message = format!("the variant {of}::{} is called {of}::{} now", old.name, variant.name);
                        renamed.push((String::new(), message, old.name.clone()));
                    }
                    pairs(&old.shape, &variant.shape, &mut parts);
                }
            }
            (Body::Wrapper(older), Body::Wrapper(newer)) => pairs(older, newer, &mut parts),
            _ => {}
        }
        for (below, message, name) in renamed {
            let help = format!("code names it: keep the name by \"x-name\": {name:?} beside the property or constant");
            self.report(now, &below, message, &help);
        }
        parts
    }

    /// The alternative of before: the one with the same tag; else the only one with the same content; else the one with the same name;
    /// else the one whose type comes from the same place.
    fn twin<'b>(&self, older: &'b Union, newer: &Union, variant: &Alternative) -> Option<&'b Alternative> {
        if !variant.tags.is_empty() {
            return older.variants.iter().find(|old| old.tags.iter().any(|tag| variant.tags.contains(tag)));
        }
        let content = self.now.content(variant);
        let mut equal = older.variants.iter().filter(|old| self.then.content(old) == content);
        let is_alone = newer.variants.iter().filter(|other| self.now.content(other) == content).count() == 1;
        if let (true, Some(only), None) = (is_alone, equal.next(), equal.next()) {
            return Some(only);
        }
        let same_place = |old: &&Alternative| match (&old.shape.ty, &variant.shape.ty) {
            (Type::Named(old) | Type::Boxed(old), Type::Named(new) | Type::Boxed(new)) => {
                self.then.program.definitions[*old].location == self.now.program.definitions[*new].location
            }
            _ => false,
        };
        let of_name = || older.variants.iter().find(|old| old.name == variant.name);
        of_name().or_else(|| older.variants.iter().find(same_place))
    }

    fn report(&mut self, of: Id, below: &str, message: String, help: &str) {
        let location = &self.now.program.definitions[of].location;
        let document = self.now.loaded.catalogue.documents.get(&location.file);
        let at = format!("{}{below}", location.pointer);
        // What holds together with another schema may stand there.
        let is_there = document.is_some_and(|document| document.schema.pointer(&at).is_some());
        let at = if is_there { at } else { location.pointer.clone() };
        let finding = in_file(RULE, &self.now.loaded.catalogue, &location.file, &at, message, help);
        self.findings.push(Diagnostic { severity: Severity::Warning, ..finding });
    }
}

/// The types that two shapes name at the same place.
fn pairs(then: &Shape, now: &Shape, found: &mut Vec<(Id, Id)>) {
    match (&then.ty, &now.ty) {
        (Type::Named(then) | Type::Boxed(then), Type::Named(now) | Type::Boxed(now)) => found.push((*then, *now)),
        (Type::List(then), Type::List(now)) | (Type::Map(then), Type::Map(now)) => pairs(then, now, found),
        (Type::Tuple(then), Type::Tuple(now)) => then.iter().zip(now).for_each(|(then, now)| pairs(then, now, found)),
        _ => {}
    }
}
