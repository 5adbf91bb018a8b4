//! Where generated text finds the runtime: the only place that names its paths.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The modules of the runtime that hold what only generated text needs.
const INTERNAL: &[&str] = &["generated"];

/// The module of the runtime that describes a catalogue as data.
const CATALOGUE: &[&str] = &["catalogue"];

/// The crate that generated text calls, under the name that the dependency has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    root: String,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { root: "eventsmith".to_owned() }
    }
}

impl Runtime {
    /// A dependency that is renamed in `Cargo.toml`; `None` if no crate can have that name.
    ///
    /// ```
    /// use eventsmith_codegen::Runtime;
    ///
    /// assert!(Runtime::named("my_events").is_some());
    /// assert!(Runtime::named("my-events").is_some());
    /// assert!(Runtime::named("my::events").is_none());
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        let root = name.replace('-', "_");
        syn::parse_str::<Ident>(&root).ok().map(|_| Self { root })
    }

    /// The name of the dependency, as it stands in paths.
    pub(crate) fn name(&self) -> &str {
        &self.root
    }

    /// The path of an item that services name too: `Event`.
    pub(crate) fn item(&self, path: &str) -> TokenStream {
        self.path(&[], path)
    }

    /// The path of an item that only generated text names: `checks::length`, or the macro `pattern`.
    pub(crate) fn internal(&self, path: &str) -> TokenStream {
        self.path(INTERNAL, path)
    }

    /// The path of a type that describes a catalogue: `StreamDescriptor`.
    pub(crate) fn catalogue(&self, path: &str) -> TokenStream {
        self.path(CATALOGUE, path)
    }

    /// [`internal`](Self::internal) as text, for attributes that take paths in quotes.
    pub(crate) fn internal_text(&self, path: &str) -> String {
        self.internal(path).to_string().replace(' ', "")
    }

    /// Whether a module is one whose types are imported: the runtime itself, or where the internal ones are.
    pub(super) fn is_module(&self, module: &[&str]) -> bool {
        module.split_first().is_some_and(|(root, below)| {
            *root == self.root && (below.is_empty() || below == INTERNAL || below == CATALOGUE)
        })
    }

    fn path(&self, modules: &[&str], path: &str) -> TokenStream {
        let steps = std::iter::once(self.root.as_str()).chain(modules.iter().copied()).chain(path.split("::"));
        let steps = steps.map(|step| Ident::new(step, Span::call_site()));
        quote!(#(::#steps)*)
    }
}
