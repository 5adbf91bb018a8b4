//! From types to Rust text. Pure functions: the same catalogue gives the same text.

mod catalogue;
mod checks;
pub mod event_impl;
mod fields;
mod imports;
mod layout;
mod pattern;
mod payload;
mod rules;
mod subjects;
mod types;
mod upcast;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use crate::diagnostic::{Diagnostic, has_errors};
use crate::load::Loaded;
use crate::lower::lower;
use crate::shape::{Id, Program};

use payload::Payload;
use subjects::Subjects;
use types::{Types, doc, field_ident};

/// The Rust text of a catalogue.
///
/// # Errors
/// Every finding, if one of them is an error.
pub fn rust(loaded: &Loaded) -> Result<String, Vec<Diagnostic>> {
    if has_errors(&loaded.diagnostics) {
        return Err(loaded.diagnostics.clone());
    }
    let program = lower(loaded);
    let mut diagnostics = loaded.diagnostics.clone();
    fields::check(loaded, &program, &mut diagnostics);
    if has_errors(&diagnostics) {
        return Err(diagnostics);
    }
    let tokens = Emitter::new(loaded, &program).tokens();
    layout::format(tokens).map_err(|error| vec![internal(&error)])
}

/// Text that does not parse is a mistake of this crate, not of the catalogue; it must be told all the same.
fn internal(error: &syn::Error) -> Diagnostic {
    let message = format!("the generated text is not Rust: {error}");
    Diagnostic::error("internal", crate::manifest::FILE_NAME, message, "this is a bug in eventsmith; please report it")
}

/// A literal that shows a text as it is, without escapes where possible.
pub(crate) fn raw_string(text: &str) -> Literal {
    let mut hashes = String::new();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    let plain = !text.contains(['\r', '\0', '"', '\\']);
    let raw = format!("r{hashes}\"{text}\"{hashes}");
    match raw.parse() {
        Ok(literal) if !plain && !text.contains(['\r', '\0']) => literal,
        _ => Literal::string(text),
    }
}

struct Emitter<'a> {
    loaded: &'a Loaded,
    program: &'a Program,
    /// Which definitions have something to check beyond their types.
    checked: Vec<bool>,
    /// Definitions of payloads that types and checks decide without the validator.
    fast: BTreeSet<Id>,
    /// What makes a definition a payload.
    payloads: BTreeMap<Id, Payload<'a>>,
}

impl<'a> Emitter<'a> {
    fn new(loaded: &'a Loaded, program: &'a Program) -> Self {
        let roots = program.roots.values().copied();
        let fast = roots.filter(|root| program.gaps(*root).is_empty()).flat_map(|root| program.reachable(root));
        let payloads = payload::payloads(loaded, program);
        Self { loaded, program, checked: checks::checked(program), fast: fast.collect(), payloads }
    }
}

/// A module with what stands in it.
#[derive(Default)]
struct Module {
    items: TokenStream,
    modules: BTreeMap<String, Module>,
}

impl Module {
    fn at(&mut self, path: &[String]) -> &mut Self {
        path.iter().fold(self, |module, step| module.modules.entry(step.clone()).or_default())
    }

    fn tokens(&self, path: &mut Vec<String>) -> TokenStream {
        let items = imports::shorten(self.items.clone());
        let mut modules = Vec::new();
        for (name, module) in &self.modules {
            let parent = path.join(".");
            path.push(name.clone());
            let (doc, ident) = (doc(&module_doc(name, &parent), String::new), field_ident(name));
            let inner = module.tokens(path);
            path.pop();
            modules.push(quote!(#doc pub mod #ident { #inner }));
        }
        quote!(#items #(#modules)*)
    }
}

fn module_doc(name: &str, parent: &str) -> String {
    match name.strip_prefix('v').filter(|number| number.parse::<u32>().is_ok()) {
        Some(number) if parent.is_empty() => format!("Version {number} of the events without a group."),
        Some(number) => format!("Version {number} of the `{parent}` events."),
        None if parent.is_empty() => format!("The types of `{name}`, in their newest versions."),
        None => format!("The types of `{parent}.{name}`, in their newest versions."),
    }
}

impl Emitter<'_> {
    fn tokens(&self) -> TokenStream {
        let subjects = Subjects::new(self.loaded, self.program);
        let mut root = Module::default();
        let mut modules: BTreeMap<&[String], Vec<Id>> = BTreeMap::new();
        for (id, definition) in self.program.definitions.iter().enumerate() {
            modules.entry(&definition.module).or_default().push(id);
        }
        for (path, ids) in modules {
            let types = Types::importing(self.program, path, &ids);
            let items = &mut root.at(path).items;
            items.extend(types.imports());
            for id in ids {
                let declaration = types.declaration(id);
                let is_valid = self.fast.contains(&id).then(|| checks::is_valid(self.program, id, &self.checked));
                let is_valid = is_valid.flatten();
                let payload = self.payload(id, &subjects);
                items.extend(quote!(#declaration #is_valid #payload));
            }
        }
        for (module, exports) in self.exports() {
            root.at(&module).items.extend(exports);
        }
        let modules = root.tokens(&mut Vec::new());
        let constants = catalogue::constants(self.loaded, self.program);
        let (subjects, schemas) = (&subjects.module, payload::schemas(self.loaded));
        let constants = imports::shorten(constants);
        quote!(#constants #subjects #modules #schemas)
    }

    /// Re-exports of the newest version of every event, with the types it is made of, by module.
    fn exports(&self) -> BTreeMap<Vec<String>, TokenStream> {
        let mut chosen: BTreeMap<Vec<String>, BTreeMap<String, Id>> = BTreeMap::new();
        let newest: Vec<Id> = self.newest_roots();
        let parts = newest.iter().flat_map(|root| self.program.reachable(*root));
        for id in newest.iter().copied().chain(parts) {
            let definition = &self.program.definitions[id];
            let Some((version, group)) = definition.module.split_last() else { continue };
            if version.starts_with('v') && self.program.roots.contains_key(&definition.place.file) {
                chosen.entry(group.to_vec()).or_default().entry(definition.name.clone()).or_insert(id);
            }
        }
        chosen.into_iter().map(|(group, types)| (group, self.uses(types.values().copied().collect()))).collect()
    }

    fn uses(&self, types: BTreeSet<Id>) -> TokenStream {
        let mut by_version: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for id in types {
            let definition = &self.program.definitions[id];
            let version = definition.module.last().map_or("", String::as_str);
            by_version.entry(version).or_default().insert(&definition.name);
        }
        by_version
            .into_iter()
            .map(|(version, names)| {
                let version = field_ident(version);
                let names = names.into_iter().map(|name| format_ident!("{}", name));
                quote!(pub use #version::{#(#names),*};)
            })
            .collect()
    }

    fn newest_roots(&self) -> Vec<Id> {
        let newest = self.loaded.catalogue.events.iter().filter_map(|event| event.versions.last());
        let files = newest.flat_map(|version| [Some(&version.file), version.reply.as_ref()]);
        files.flatten().filter_map(|file| self.program.root_of(file)).collect()
    }
}
