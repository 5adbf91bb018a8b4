//! The modules of a crate, read from its sources: which file defines which name, and where a path leads.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token, UseTree, Visibility};

use crate::tokens::{Found, scan};

/// The position of a module in [`Modules::all`].
pub(crate) type Id = usize;

/// A crate as a tree of modules, the root first. Test modules are left out.
pub(crate) struct Modules {
    pub(crate) all: Vec<Module>,
    /// Macros that `#[macro_export]` puts into the root, and the modules that define them.
    exported_macros: BTreeMap<String, Id>,
}

/// A module, be it a file or inline.
pub(crate) struct Module {
    /// The file that holds it.
    pub(crate) file: String,
    parent: Option<Id>,
    children: BTreeMap<String, Id>,
    /// The names that it defines itself.
    items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two and more segments outside of imports.
    pub(crate) paths: Vec<Path>,
    /// Macros that are called by a bare name.
    pub(crate) macro_calls: Vec<Path>,
    /// Every identifier outside of imports.
    pub(crate) words: BTreeSet<String>,
}

/// A name that a `use` brings into a module, or `*`.
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) path: Path,
    /// Whether the name is more than private.
    pub(crate) is_reexport: bool,
}

/// A path and its place.
#[derive(Clone)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// Where a path leads.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Target {
    Module(Id),
    /// Something that this module defines.
    ItemOf(Id),
    /// Something of another crate.
    Outside,
}

impl Modules {
    /// Reads the crate that begins at a file. `text_of` gives the text of a file, if there is one.
    pub(crate) fn read<'a>(root: &str, text_of: &dyn Fn(&str) -> Option<&'a str>) -> Result<Self, Box<dyn Error>> {
        let mut modules = Self { all: Vec::new(), exported_macros: BTreeMap::new() };
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        modules.read_file(root, &folder, None, text_of)?;
        Ok(modules)
    }

    fn read_file<'a>(
        &mut self,
        file: &str,
        folder: &str,
        parent: Option<Id>,
        text_of: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<Id, Box<dyn Error>> {
        let text = text_of(file).ok_or_else(|| format!("{file} is declared as a module and does not exist"))?;
        let parsed = syn::parse_file(text).map_err(|error| format!("{file}: {error}"))?;
        self.read_items(parsed.items, file, folder, parent, text_of)
    }

    /// Reads a module whose own submodules lie in `folder`.
    fn read_items<'a>(
        &mut self,
        items: Vec<Item>,
        file: &str,
        folder: &str,
        parent: Option<Id>,
        text_of: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<Id, Box<dyn Error>> {
        let id = self.all.len();
        self.all.push(Module::new(file, parent));
        for item in items {
            let Item::Mod(module) = item else {
                self.read_item(id, &item);
                continue;
            };
            if module.attrs.iter().any(is_for_tests) {
                continue;
            }
            let name = module.ident.to_string();
            let below = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let child = match module.content {
                Some((_, items)) => self.read_items(items, file, &below, Some(id), text_of)?,
                None => {
                    let in_folder = format!("{below}/mod.rs");
                    let file = if text_of(&in_folder).is_some() { in_folder } else { format!("{below}.rs") };
                    self.read_file(&file, &below, Some(id), text_of)?
                }
            };
            self.all[id].children.insert(name, child);
        }
        Ok(id)
    }

    fn read_item(&mut self, id: Id, item: &Item) {
        if let Some(name) = defined_name(item) {
            if let Item::Macro(definition) = item
                && definition.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"))
            {
                self.exported_macros.insert(name.clone(), id);
            }
            self.all[id].items.insert(name);
        }
        self.all[id].read_tokens(item.to_token_stream());
    }

    /// What a path may mean in a module: a name may stand for a module and for an item at once.
    pub(crate) fn resolve(&self, from: Id, segments: &[String]) -> Vec<Target> {
        self.resolve_guarded(from, segments, &mut Vec::new())
    }

    fn resolve_guarded(&self, from: Id, segments: &[String], guard: &mut Vec<(Id, String)>) -> Vec<Target> {
        let mut is_rooted = true;
        let mut at = from;
        let mut rest = segments;
        match rest.first().map(String::as_str) {
            Some("crate") => (at, rest) = (0, &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            _ => is_rooted = false,
        }
        while let [first, after @ ..] = rest
            && first == "super"
        {
            at = self.all[at].parent.unwrap_or(at);
            rest = after;
        }
        let mut targets = vec![Target::Module(at)];
        for (depth, name) in rest.iter().enumerate() {
            let mut next = Vec::new();
            for target in targets {
                let Target::Module(module) = target else {
                    next.push(target);
                    continue;
                };
                let found = self.lookup(module, name, guard);
                if found.is_empty() {
                    // What no item declares, a macro makes.
                    let is_ours = is_rooted || depth > 0;
                    next.push(if is_ours { Target::ItemOf(module) } else { Target::Outside });
                }
                next.extend(found);
            }
            // What a path goes on through is the module, where a function has the same name.
            let goes_on = depth + 1 < rest.len();
            if goes_on && next.iter().any(|target| matches!(target, Target::Module(_))) {
                next.retain(|target| matches!(target, Target::Module(_)));
            }
            targets = next;
        }
        targets
    }

    /// What a name means in a module, re-exports followed.
    fn lookup(&self, id: Id, name: &str, guard: &mut Vec<(Id, String)>) -> Vec<Target> {
        let key = (id, name.to_owned());
        if guard.contains(&key) {
            return Vec::new();
        }
        guard.push(key);
        let module = &self.all[id];
        let mut targets: Vec<Target> =
            module.children.get(name).map(|child| Target::Module(*child)).into_iter().collect();
        targets.extend(module.items.contains(name).then_some(Target::ItemOf(id)));
        for import in module.imports.iter().filter(|import| import.name == name) {
            targets.extend(self.resolve_guarded(id, &import.path.segments, guard));
        }
        if targets.is_empty() {
            for import in module.imports.iter().filter(|import| import.name == "*") {
                for target in self.resolve_guarded(id, &import.path.segments, guard) {
                    if let Target::Module(source) = target {
                        targets.extend(self.lookup(source, name, guard));
                    }
                }
            }
        }
        if targets.is_empty() && id == 0 {
            targets.extend(self.exported_macros.get(name).map(|definer| Target::ItemOf(*definer)));
        }
        guard.pop();
        targets
    }

    /// The names that a glob import of a module brings.
    pub(crate) fn names_in(&self, id: Id) -> BTreeSet<&String> {
        let module = &self.all[id];
        let imported = module.imports.iter().map(|import| &import.name);
        module.children.keys().chain(&module.items).chain(imported).filter(|name| *name != "*").collect()
    }

    /// The modules that define a macro of this name.
    pub(crate) fn definers_of_macro(&self, name: &str) -> Vec<Id> {
        let defines = |id: &Id| self.all[*id].macros().any(|defined| defined == name);
        (0..self.all.len()).filter(defines).collect()
    }

    /// Whether `inner` is a module below `outer`.
    pub(crate) fn is_below(&self, inner: Id, outer: Id) -> bool {
        std::iter::successors(self.all[inner].parent, |id| self.all[*id].parent).any(|id| id == outer)
    }
}

impl Module {
    fn new(file: &str, parent: Option<Id>) -> Self {
        Self {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: BTreeSet::new(),
            imports: Vec::new(),
            paths: Vec::new(),
            macro_calls: Vec::new(),
            words: BTreeSet::new(),
        }
    }

    /// The names of its macros, each of which the map of items holds with a final `!` as well.
    fn macros(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|name| name.strip_suffix('!'))
    }

    fn read_tokens(&mut self, tokens: TokenStream) {
        for found in scan(tokens) {
            match found {
                Found::Use(import) => self.import(import),
                Found::Path(path) => self.paths.push(path),
                Found::MacroCall(path) => self.macro_calls.push(path),
                Found::MacroDefinition(name) => drop(self.items.insert(format!("{name}!"))),
                Found::Word(word) => drop(self.words.insert(word)),
            }
        }
    }

    fn import(&mut self, item: syn::ItemUse) {
        // `::name` is another crate, whatever modules there are.
        if item.leading_colon.is_none() {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            self.import_tree(&item.tree, &mut Vec::new(), is_reexport);
        }
    }

    fn import_tree(&mut self, tree: &UseTree, prefix: &mut Vec<String>, is_reexport: bool) {
        let mut add = |name: &str, prefix: &[String], last: Option<&syn::Ident>, line: usize| {
            let last = last.map(ToString::to_string).filter(|last| last != "self");
            let segments: Vec<String> = prefix.iter().cloned().chain(last).collect();
            let name = if name == "self" { segments.last().map_or("", String::as_str) } else { name }.to_owned();
            self.imports.push(Import { name, path: Path { segments, line }, is_reexport });
        };
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import_tree(&path.tree, prefix, is_reexport);
                prefix.pop();
            }
            UseTree::Name(name) => {
                add(&name.ident.to_string(), prefix, Some(&name.ident), name.ident.span().start().line);
            }
            UseTree::Rename(rename) => {
                let line = rename.ident.span().start().line;
                add(&rename.rename.to_string(), prefix, Some(&rename.ident), line);
            }
            UseTree::Glob(glob) => add("*", prefix, None, glob.star_token.span.start().line),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import_tree(tree, prefix, is_reexport);
                }
            }
        }
    }
}

/// Whether an attribute is a `cfg` that asks for tests.
pub(crate) fn is_for_tests(attribute: &Attribute) -> bool {
    fn asks(meta: &Meta) -> bool {
        match meta {
            Meta::Path(path) => path.is_ident("test") || path.is_ident("doctest"),
            Meta::List(list) if list.path.is_ident("all") => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
                parts.is_ok_and(|parts| parts.iter().any(asks))
            }
            _ => false,
        }
    }
    attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| asks(&meta))
}

fn defined_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
