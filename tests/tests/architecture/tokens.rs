//! What the tokens of an item name: paths, imports and macros, also within the calls of macros.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::ItemUse;
use syn::parse::Parser;

use crate::modules::{Path, is_for_tests};

/// Macros whose tokens are the text of another crate.
const QUOTING: &[&str] = &["quote", "quote_spanned", "parse_quote", "parse_quote_spanned"];

/// A thing that tokens name.
pub(crate) enum Found {
    Use(ItemUse),
    /// A path of at least two segments.
    Path(Path),
    /// A macro that is called by its bare name.
    MacroCall(Path),
    MacroDefinition(String),
    /// An identifier outside of imports.
    Word(String),
}

/// Everything that tokens name, without what is compiled for tests only.
pub(crate) fn scan(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    scan_into(tokens, false, &mut found);
    found
}

fn scan_into(tokens: TokenStream, in_attribute: bool, found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        at += match &tokens[at] {
            TokenTree::Punct(sign) if sign.as_char() == '#' => attribute(&tokens[at..], found),
            TokenTree::Ident(word) if word == "use" => import(&tokens[..], at, found),
            TokenTree::Ident(_) => path(&tokens, at, found),
            TokenTree::Group(group) => {
                scan_into(group.stream(), in_attribute, found);
                1
            }
            TokenTree::Literal(literal) => {
                // `#[serde(with = "a::b")]`
                if in_attribute && let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    let line = literal.span().start().line;
                    let segments: Vec<String> = text.value().split("::").map(str::to_owned).collect();
                    let is_path = segments.len() > 1
                        && segments.iter().all(|part| syn::parse_str::<syn::Ident>(part).is_ok() || is_keyword(part));
                    found.extend(is_path.then_some(Found::Path(Path { segments, line })));
                }
                1
            }
            TokenTree::Punct(_) => 1,
        };
    }
}

/// Reads an attribute; how many tokens there is nothing more to be said about. A `cfg` for tests takes its item along.
fn attribute(tokens: &[TokenTree], found: &mut Vec<Found>) -> usize {
    let Some(group) = tokens.get(1).and_then(bracketed) else { return 1 };
    let stream: TokenStream = tokens[..2].iter().cloned().collect();
    let attributes = syn::Attribute::parse_outer.parse2(stream).unwrap_or_default();
    if attributes.iter().any(is_for_tests) {
        let ends = |token: &TokenTree| match token {
            TokenTree::Punct(sign) => matches!(sign.as_char(), ';' | ','),
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        return tokens.iter().skip(2).position(ends).map_or(tokens.len(), |position| position + 3);
    }
    if !attributes.iter().any(|attribute| attribute.path().is_ident("doc")) {
        scan_into(group.stream(), true, found);
    }
    2
}

fn bracketed(token: &TokenTree) -> Option<&Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group),
        _ => None,
    }
}

/// Reads a `use`, with the visibility before it.
fn import(tokens: &[TokenTree], at: usize, found: &mut Vec<Found>) -> usize {
    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ';');
    let Some(length) = tokens[at..].iter().position(is_end) else { return 1 };
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
    let visibility = (1..=2).find(|back| at.checked_sub(*back).is_some_and(|before| is_pub(&tokens[before])));
    let begin = at - visibility.unwrap_or(0);
    match syn::parse2(tokens[begin..=at + length].iter().cloned().collect()) {
        Ok(item) => {
            found.push(Found::Use(item));
            length + 1
        }
        // `impl Trait + use<'a>` is no import.
        Err(_) => 1,
    }
}

/// Reads the path that begins at an identifier, and the macro that it may call.
fn path(tokens: &[TokenTree], at: usize, found: &mut Vec<Found>) -> usize {
    let line = tokens[at].span().start().line;
    let mut segments = vec![tokens[at].to_string()];
    let mut end = at + 1;
    while is_sign(tokens, end, ':')
        && is_sign(tokens, end + 1, ':')
        && let Some(TokenTree::Ident(next)) = tokens.get(end + 2)
    {
        segments.push(next.to_string());
        end += 3;
    }
    let continues = at >= 2 && is_sign(tokens, at - 1, ':') && is_sign(tokens, at - 2, ':');
    found.extend(segments.iter().map(|word| Found::Word(word.clone())));
    let last = segments[segments.len() - 1].clone();
    let calls = is_sign(tokens, end, '!') && matches!(tokens.get(end + 1), Some(TokenTree::Group(_)));
    if last == "macro_rules" && is_sign(tokens, end, '!') {
        found.extend(tokens.get(end + 1).map(|name| Found::MacroDefinition(name.to_string())));
    }
    // `::name::..`, or what follows a `>::`.
    if !continues && segments.len() > 1 {
        found.push(Found::Path(Path { segments, line }));
    } else if !continues && calls {
        found.push(Found::MacroCall(Path { segments, line }));
    }
    let is_quoting = calls && QUOTING.contains(&last.as_str());
    end - at + if is_quoting { 2 } else { 0 }
}

fn is_sign(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "crate" | "self" | "super")
}
