//! `use` lines in place of long paths.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{format_ident, quote};

use super::runtime::Runtime;

/// Types of the runtime that keep their paths: names that a catalogue may well give to types of its own.
const UNIMPORTED: &[&str] = &["Idempotent", "State"];

/// What the prelude has in every module, with the variants that it has, too. No generated type has one of these names.
const PRELUDE: &[(&[&str], &str, &[&str])] = &[
    (&["std", "option"], "Option", &["Some", "None"]),
    (&["std", "result"], "Result", &["Ok", "Err"]),
    (&["std", "string"], "String", &[]),
];

/// What one module imports of well-known types. No generated type has one of their names; [`lower`](crate::lower) sees to that.
pub(super) struct Imports<'a> {
    runtime: &'a Runtime,
    /// By module.
    of_runtime: BTreeMap<Vec<String>, BTreeSet<String>>,
    serde: BTreeSet<String>,
    std: BTreeSet<String>,
}

impl<'a> Imports<'a> {
    pub(super) fn new(runtime: &'a Runtime) -> Self {
        Self { runtime, of_runtime: BTreeMap::new(), serde: BTreeSet::new(), std: BTreeSet::new() }
    }

    /// Takes in what other items of the same module import.
    pub(super) fn extend(&mut self, other: Self) {
        for (module, names) in other.of_runtime {
            self.of_runtime.entry(module).or_default().extend(names);
        }
        self.serde.extend(other.serde);
        self.std.extend(other.std);
    }

    /// Shortens the paths in some items, and notes what they import.
    pub(super) fn shorten(&mut self, tokens: TokenStream) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut shortened = Vec::with_capacity(tokens.len());
        let mut at = 0;
        while at < tokens.len() {
            if let Some((steps, length)) = path(&tokens[at..])
                && !shortened.last().is_some_and(is_step)
                && let Some((last, rest)) = steps.split_last()
            {
                if let Some((name, length)) = of_prelude(rest, last, &tokens[at..], length) {
                    shortened.push(TokenTree::Ident(name));
                    at += length;
                    continue;
                }
                if self.import(rest, last) {
                    shortened.push(TokenTree::Ident(last.clone()));
                    at += length;
                    continue;
                }
            }
            shortened.push(match &tokens[at] {
                TokenTree::Group(group) => {
                    TokenTree::Group(Group::new(group.delimiter(), self.shorten(group.stream())))
                }
                other => other.clone(),
            });
            at += 1;
        }
        shortened.into_iter().collect()
    }

    /// Notes an import; `false` when the path is to stay as it is.
    fn import(&mut self, module: &[Ident], name: &Ident) -> bool {
        let steps: Vec<String> = module.iter().map(ToString::to_string).collect();
        let module: Vec<&str> = steps.iter().map(String::as_str).collect();
        match module.as_slice() {
            ["serde"] => drop(self.serde.insert(name.to_string())),
            ["std", "collections"] if name == "BTreeMap" => drop(self.std.insert("collections::BTreeMap".to_owned())),
            ["std", "borrow"] if name == "Cow" => drop(self.std.insert("borrow::Cow".to_owned())),
            module if self.runtime.is_module(module) && !UNIMPORTED.contains(&name.to_string().as_str()) => {
                self.of_runtime.entry(steps).or_default().insert(name.to_string());
            }
            _ => return false,
        }
        true
    }

    /// The `use` lines.
    pub(super) fn uses(&self) -> TokenStream {
        let std = self.std.iter().filter_map(|path| format!("use ::std::{path};").parse::<TokenStream>().ok());
        let list = |module: TokenStream, names: &BTreeSet<String>| {
            let names = names.iter().map(|name| format_ident!("{}", name));
            match names.len() {
                0 => TokenStream::new(),
                1 => quote!(use #module::#(#names)*;),
                _ => quote!(use #module::{#(#names),*};),
            }
        };
        let of_runtime = self.of_runtime.iter().map(|(module, names)| {
            let steps = module.iter().map(|step| format_ident!("{}", step));
            list(quote!(#(::#steps)*), names)
        });
        let serde = list(quote!(::serde), &self.serde);
        quote!(#(#std)* #(#of_runtime)* #serde)
    }
}

/// Whether a token is the step of a path, so that what follows it goes on from there: a group may have the name of a crate.
fn is_step(token: &TokenTree) -> bool {
    const KEYWORDS: &[&str] = &[
        "as", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut", "pub", "ref",
        "return", "static", "type", "unsafe", "use", "where", "while",
    ];
    matches!(token, TokenTree::Ident(ident) if !KEYWORDS.contains(&ident.to_string().as_str()))
}

/// The name that the prelude has for an absolute path at the start of tokens, and how many tokens both are.
fn of_prelude(module: &[Ident], name: &Ident, tokens: &[TokenTree], length: usize) -> Option<(Ident, usize)> {
    let is = |(path, of, _): &&(&[&str], &str, &[&str])| name == of && module.iter().eq(path.iter());
    let (_, _, variants) = PRELUDE.iter().find(is)?;
    match path(&tokens[length..]) {
        Some((steps, more)) if steps.len() == 1 && variants.iter().any(|variant| steps[0] == variant) => {
            Some((steps[0].clone(), length + more))
        }
        _ => Some((name.clone(), length)),
    }
}

/// The steps of an absolute path to a type at the start of tokens, and how many tokens it takes.
fn path(tokens: &[TokenTree]) -> Option<(Vec<Ident>, usize)> {
    let mut steps = Vec::new();
    let mut at = 0;
    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(step), ..] = &tokens[at..] {
        if one.as_char() != ':' || two.as_char() != ':' {
            break;
        }
        steps.push(step.clone());
        at += 3;
        if step.to_string().starts_with(char::is_uppercase) {
            return Some((steps, at));
        }
    }
    None
}
