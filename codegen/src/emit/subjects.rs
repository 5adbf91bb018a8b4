//! Subject constants in modules that mirror the hierarchy, and builders for subject templates.

use std::collections::{BTreeMap, HashMap};

use heck::ToShoutySnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::load::Loaded;
use crate::model::{Event, Token};
use crate::shape::identifiers::{Style, distinct, snake};

use super::docs::lines;
use super::fields::field_of;
use super::layout::allowed;
use super::source::Source;
use super::types::{Types, field_ident};

/// The path of each event's constant in the module `subjects`.
pub(super) struct Subjects {
    /// By the type of an event or request: the steps below `subjects`, and the value.
    constants: BTreeMap<String, (Vec<String>, String)>,
}

/// One level of the hierarchy.
#[derive(Default)]
struct Level {
    items: TokenStream,
    levels: BTreeMap<String, (String, Level)>,
}

impl Subjects {
    /// The paths, and the module itself.
    pub(super) fn new(loaded: &Loaded, source: Source<'_>) -> (Self, TokenStream) {
        let root = loaded.catalogue.manifest.root.get_ref();
        let mut top = Level::default();
        let mut constants = BTreeMap::new();
        let names = constant_names(loaded);
        // Documents are not published: whoever reads or writes them names their bucket.
        for event in loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()) {
            let mut steps = vec![event.kind.as_str()];
            steps.extend(event.event_type.split('.'));
            let name = steps.pop().unwrap_or_default();
            let mut level = &mut top;
            let mut path = Vec::new();
            let mut prefix = root.clone();
            for step in steps {
                prefix = format!("{prefix}.{step}");
                path.push(snake(step));
                level = &mut level.levels.entry(snake(step)).or_insert_with(|| (prefix.clone(), Level::default())).1;
            }
            let constant = names.get(event.event_type.as_str()).cloned().unwrap_or_default();
            let newest = &event.versions[event.versions.len() - 1];
            let subject = newest.subject(event);
            let (ident, text) = (format_ident!("{}", constant), format!("Subject of `{}`.", event.event_type));
            let doc = lines(&text);
            level.items.extend(quote!(#doc pub const #ident: &str = #subject;));
            let mut module = vec!["subjects".to_owned()];
            module.extend(path.iter().cloned());
            level.items.extend(builder(source, event, name, &module));
            path.push(constant);
            constants.insert(event.event_type.clone(), (path, subject));
        }
        let inner = top.tokens(root);
        let allowed = allowed();
        let module = quote! {
            /// The subjects of all events, and the wildcards of their groups.
            #allowed
            pub mod subjects { #inner }
        };
        (Self { constants }, module)
    }

    /// An expression for the subject of an event's version, `depth` modules below the root.
    pub(super) fn expression(&self, event: &Event, subject: &str, depth: usize) -> TokenStream {
        match self.constants.get(&event.event_type) {
            Some((path, value)) if value == subject => {
                let up = std::iter::repeat_n(quote!(super::), depth);
                let path = path.iter().map(|step| field_ident(step));
                quote!(#(#up)* subjects #(::#path)*)
            }
            _ => quote!(#subject),
        }
    }
}

/// The names of the constants of all events but documents, by their types. The one for all events below a level is `ALL`.
fn constant_names(loaded: &Loaded) -> HashMap<&str, String> {
    let mut levels: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()) {
        let (group, name) = event.event_type.rsplit_once('.').unwrap_or(("", &event.event_type));
        let level = (event.kind.as_str(), group.split('.').map(snake).collect::<Vec<_>>());
        levels.entry(level).or_default().push((event.event_type.as_str(), name));
    }
    let named = levels.into_values().flat_map(|events| {
        let names = distinct(Style::Field, &["all"], events.iter().map(|(_, name)| (*name, "")));
        events.into_iter().map(|(event_type, _)| event_type).zip(names)
    });
    named.map(|(event_type, name)| (event_type, name.to_shouty_snake_case())).collect()
}

impl Level {
    fn tokens(&self, prefix: &str) -> TokenStream {
        let (items, all) = (&self.items, format!("{prefix}.>"));
        let levels = self.levels.iter().map(|(name, (prefix, level))| {
            let doc = lines(&format!("Subjects below `{prefix}`."));
            let (name, inner) = (field_ident(name), level.tokens(prefix));
            quote!(#doc pub mod #name { #inner })
        });
        let doc = lines(&format!("Every subject below `{prefix}`."));
        quote!(#doc pub const ALL: &str = #all; #items #(#levels)*)
    }
}

/// A function that fills the newest template of an event.
fn builder(source: Source<'_>, event: &Event, name: &str, module: &[String]) -> Option<TokenStream> {
    let newest = event.versions.last()?;
    let template = newest.template.as_ref()?;
    let root = source.program.root_of(&newest.file)?;
    let types = Types::new(source, module);
    let (token, scalar_text) = (source.runtime.internal("SubjectToken"), source.runtime.internal("scalar_text"));
    let mut parameters = Vec::new();
    let mut tokens = Vec::new();
    for part in &template.tokens {
        match part {
            Token::Literal(text) => tokens.push(quote!(#token::Literal(#text))),
            Token::Property(property) => {
                let field = field_of(source.program, root, property)?;
                let (ident, ty) = (field_ident(&field.name), types.parameter(&field.shape));
                parameters.push(quote!(#ident: #ty));
                tokens.push(quote!(#token::Property(#property, #scalar_text(#ident))));
            }
        }
    }
    let function = field_ident(&snake(name));
    let doc = lines(&format!(
        "The subject of one `{}`.\n\n# Errors\nWhen a value is not one legal subject token.",
        event.event_type
    ));
    let (invalid, fill) = (source.runtime.item("error::InvalidToken"), source.runtime.internal("fill_subject"));
    Some(quote! {
        #doc
        pub fn #function(#(#parameters),*) -> Result<String, #invalid> {
            #fill([#(#tokens),*])
        }
    })
}
