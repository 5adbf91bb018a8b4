//! Types that a module re-exports, because they are looked for there and stand elsewhere.
//!
//! The module of a version shows every type that its files define, also where an equal one stands in another module. The module
//! of a group shows the newest versions of its events, with the types that they are made of. No module shows two types with
//! one name: its own types come first, then the types of its files, in the order of the catalogue.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::load::Loaded;
use crate::model::Version;
use crate::shape::{Id, Program};

use super::builder::Builders;
use super::types::{Exports, Types};

/// The re-exports of all modules that have some.
pub(super) fn exports(loaded: &Loaded, program: &Program, builders: &Builders<'_>) -> BTreeMap<Vec<String>, Exports> {
    let mut shown = Shown::new(program, builders);
    for (id, definition) in program.definitions.iter().enumerate() {
        for module in &definition.copies {
            shown.show(module, id, &definition.module);
        }
    }
    let versions: HashSet<&[String]> =
        program.roots.values().map(|root| program.definitions[*root].module.as_slice()).collect();
    let newest = newest_roots(loaded, program);
    let parts = newest.iter().flat_map(|root| program.reachable(*root).into_iter().skip(1));
    for id in newest.iter().copied().chain(parts) {
        let module = &program.definitions[id].module;
        if versions.contains(module.as_slice()) {
            shown.show(group(module), id, module);
        }
    }
    for root in newest {
        let of_root = group(&program.definitions[root].module);
        for id in program.reachable(root) {
            let mut copies = program.definitions[id].copies.iter();
            let is_version = |module: &&Vec<String>| group(module) == of_root && versions.contains(module.as_slice());
            if let Some(module) = copies.find(|module| is_version(module) && shown.shows(module, id)) {
                shown.show(of_root, id, module);
            }
        }
    }
    shown.exports
}

/// The `pub use` lines of a module.
pub(super) fn uses(types: &Types<'_>, builders: &Builders<'_>, exports: &Exports) -> TokenStream {
    let mut by_module: BTreeMap<&[String], BTreeSet<String>> = BTreeMap::new();
    for (id, module) in exports {
        let names = by_module.entry(module).or_default();
        names.insert(types.definition(*id).name.clone());
        names.extend(builders.required_name(*id).map(|name| name.to_string()));
    }
    // Modules at the top allow it for all that is in them; beside these nobody does.
    let allowed = types.is_at_top().then(|| {
        quote!(#[allow(unused_imports, clippy::allow_attributes, reason = "who takes in the text uses what they need")])
    });
    by_module
        .into_iter()
        .map(|(module, names)| {
            let path = types.module_path(module);
            let names = names.into_iter().map(|name| format_ident!("{}", name));
            quote!(#allowed pub use #path{#(#names),*};)
        })
        .collect()
}

struct Shown<'a> {
    program: &'a Program,
    builders: &'a Builders<'a>,
    /// The names of each module.
    names: HashMap<Vec<String>, HashSet<String>>,
    exports: BTreeMap<Vec<String>, Exports>,
}

impl<'a> Shown<'a> {
    fn new(program: &'a Program, builders: &'a Builders<'a>) -> Self {
        let mut shown = Self { program, builders, names: HashMap::new(), exports: BTreeMap::new() };
        for (id, definition) in program.definitions.iter().enumerate() {
            let names = shown.names_of(id);
            shown.names.entry(definition.module.clone()).or_default().extend(names);
        }
        shown
    }

    /// The name of a type, and that of the struct of its required properties.
    fn names_of(&self, id: Id) -> Vec<String> {
        let required = self.builders.required_name(id).map(|name| name.to_string());
        std::iter::once(self.program.definitions[id].name.clone()).chain(required).collect()
    }

    /// Re-exports a type, unless something in the module has its name, be it the type itself.
    fn show(&mut self, module: &[String], id: Id, from: &[String]) {
        let of_type = self.names_of(id);
        let names = self.names.entry(module.to_vec()).or_default();
        if of_type.iter().all(|name| !names.contains(name)) {
            names.extend(of_type);
            self.exports.entry(module.to_vec()).or_default().insert(id, from.to_vec());
        }
    }

    fn shows(&self, module: &[String], id: Id) -> bool {
        self.exports.get(module).is_some_and(|exports| exports.contains_key(&id))
    }
}

/// The module above that of a version.
fn group(module: &[String]) -> &[String] {
    module.split_last().map_or(&[], |(_, group)| group)
}

fn newest_roots(loaded: &Loaded, program: &Program) -> Vec<Id> {
    let newest = loaded.catalogue.events.iter().filter_map(|event| event.versions.last());
    newest.flat_map(Version::files).filter_map(|file| program.root_of(file)).collect()
}
