//! What stands in the parentheses of `#[domain_event(..)]`.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitInt, LitStr, Path, Token};

use crate::emit::Runtime;
use crate::model::VersionPart;

/// The arguments of the attribute.
pub(super) struct Args {
    /// The type of the event: `"rule.created"`.
    pub(super) event_type: LitStr,
    /// The version: `version = 1`.
    pub(super) version: LitInt,
    /// The folder of the catalogue, relative to the source file: `schemas = "../schemas"`.
    pub(super) schemas: Option<LitStr>,
    /// The type of the version before: `older = RuleCreatedV1`, or that there is none: `older = none`.
    pub(super) older: Option<Older>,
    /// The type of the reply to a request: `reply = RuleGetReply`.
    pub(super) reply: Option<Path>,
    /// The type of its refusal: `error = RuleGetError`.
    pub(super) error: Option<Path>,
    /// Which part of a request the struct is: `part = "reply"`, `part = "error"`, or the request itself.
    pub(super) part: VersionPart,
    /// The name of the dependency on the runtime, where it is renamed: `crate = "events"`.
    pub(super) runtime: Runtime,
}

/// What becomes of payloads of older versions.
pub(super) enum Older {
    /// They are read as this type, and upcast from it.
    Through(Path),
    /// They are refused.
    Refused(Ident),
}

const USAGE: &str = "write #[domain_event(\"rule.created\", version = 1)]";

/// The names of all arguments.
const NAMES: [&str; 7] = ["version", "older", "reply", "error", "part", "schemas", "crate"];

impl Args {
    pub(super) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        if tokens.is_empty() {
            let message = format!("which event is this? {USAGE}");
            return Err(syn::Error::new(Span::call_site(), message));
        }
        (|input: ParseStream<'_>| input.parse()).parse2(tokens)
    }

    /// The type that a part of a request is said to be.
    pub(super) fn answer(&self, part: VersionPart) -> Option<&Path> {
        match part {
            VersionPart::Itself => None,
            VersionPart::Reply => self.reply.as_ref(),
            VersionPart::Error => self.error.as_ref(),
        }
    }

    /// The number of the version.
    pub(super) fn number(&self) -> syn::Result<u32> {
        self.version.base10_parse().map_err(|_| {
            let message = format!("a version is a whole number from 1 on: {USAGE}");
            syn::Error::new_spanned(&self.version, message)
        })
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(LitStr) {
            return Err(input.error(format!("the type of the event comes first: {USAGE}")));
        }
        let event_type: LitStr = input.parse()?;
        let (mut version, mut schemas, mut older, mut runtime) = (None, None, None, Runtime::default());
        let (mut reply, mut error, mut part) = (None, None, VersionPart::Itself);
        let mut said = BTreeSet::new();
        while !input.is_empty() {
            if !input.peek(Token![,]) {
                return Err(input.error(format!("a comma stands between arguments: {USAGE}")));
            }
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let name = name(input)?;
            if !said.insert(name.to_string()) {
                return Err(syn::Error::new_spanned(&name, format!("`{name}` is said twice; remove one of them")));
            }
            match name.to_string().as_str() {
                "version" if input.peek(LitInt) => version = Some(input.parse()?),
                "version" => return Err(input.error(format!("a version is a whole number from 1 on: {USAGE}"))),
                "schemas" => schemas = Some(text(input, "write the folder in quotes: schemas = \"../schemas\"")?),
                "older" => older = Some(Older::of(a_type(input, &name)?)),
                "reply" => reply = Some(a_type(input, &name)?),
                "error" => error = Some(a_type(input, &name)?),
                "part" => part = answer(&text(input, PARTS)?)?,
                "crate" => {
                    let name = text(input, "write the name of the dependency in quotes: crate = \"eventsmith\"")?;
                    runtime = Runtime::named(&name.value()).ok_or_else(|| {
                        let message = "write the name of the dependency: crate = \"eventsmith\"";
                        syn::Error::new_spanned(&name, message)
                    })?;
                }
                _ => return Err(unknown(&name)),
            }
        }
        let version = version.ok_or_else(|| {
            let message = format!("which version? write #[domain_event({:?}, version = 1)]", event_type.value());
            syn::Error::new_spanned(&event_type, message)
        })?;
        Ok(Self { event_type, version, schemas, older, reply, error, part, runtime })
    }
}

const PARTS: &str = "a struct is the reply to a request or its refusal: write part = \"reply\" or part = \"error\"";

/// The part of a request that a text names.
fn answer(text: &LitStr) -> syn::Result<VersionPart> {
    let part = VersionPart::ANSWERS.into_iter().find(|part| part.as_str() == text.value());
    part.ok_or_else(|| syn::Error::new_spanned(text, PARTS))
}

/// A text in quotes, or what to write instead of something else.
fn text(input: ParseStream<'_>, way_out: &str) -> syn::Result<LitStr> {
    input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), way_out))
}

/// The path of a type, which is no text.
fn a_type(input: ParseStream<'_>, argument: &Ident) -> syn::Result<Path> {
    if input.peek(LitStr) {
        let quoted: LitStr = input.parse()?;
        let message = format!("`{argument}` names a type; write it without quotes: {argument} = {}", quoted.value());
        return Err(syn::Error::new_spanned(quoted, message));
    }
    let way_out = format!("`{argument}` names a type: write {argument} = a_module::AType");
    input.parse().map_err(|error: syn::Error| syn::Error::new(error.span(), way_out))
}

/// The name of an argument, and the sign behind it.
fn name(input: ParseStream<'_>) -> syn::Result<Ident> {
    let name = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(error.span(), format!("all that follows the type of the event has a name: {USAGE}"))
    })?;
    if !NAMES.iter().any(|known| name == known) {
        return Err(unknown(&name));
    }
    if !input.peek(Token![=]) {
        return Err(syn::Error::new_spanned(&name, format!("`{name}` needs a value: write {name} = ..")));
    }
    input.parse::<Token![=]>()?;
    Ok(name)
}

fn unknown(name: &Ident) -> syn::Error {
    let [all @ .., last] = NAMES.map(|name| format!("`{name}`"));
    let message = format!("unknown argument `{name}`; there are {} and {last}: {USAGE}", all.join(", "));
    syn::Error::new_spanned(name, message)
}

impl Older {
    fn of(path: Path) -> Self {
        match path.get_ident() {
            Some(none) if none == "none" => Self::Refused(none.clone()),
            _ => Self::Through(path),
        }
    }
}

impl ToTokens for Older {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Through(path) => path.to_tokens(tokens),
            Self::Refused(none) => none.to_tokens(tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn refusal(tokens: TokenStream) -> String {
        Args::parse(tokens).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn type_and_version_are_all_that_is_needed() {
        let args = Args::parse(quote!("rule.created", version = 2)).unwrap();

        assert_eq!((args.event_type.value().as_str(), args.number().unwrap()), ("rule.created", 2));
        assert!(args.schemas.is_none() && args.older.is_none());
    }

    #[test]
    fn the_catalogue_may_be_named() {
        let args = Args::parse(quote!("rule.created", version = 2, schemas = "../schemas",)).unwrap();

        assert_eq!(args.schemas.map(|schemas| schemas.value()).as_deref(), Some("../schemas"));
    }

    #[test]
    fn a_renamed_runtime_is_named() {
        let args = Args::parse(quote!("rule.created", version = 2, crate = "my-events")).unwrap();

        assert_eq!(args.runtime.item("Event").to_string(), quote!(::my_events::Event).to_string());
        assert_eq!(
            refusal(quote!("rule.created", version = 2, crate = "a::b")),
            "write the name of the dependency: crate = \"eventsmith\""
        );
    }

    #[test]
    fn a_struct_may_be_what_a_request_is_answered_with() {
        let args = |tokens| Args::parse(tokens).unwrap();

        assert_eq!(args(quote!("rule.get", version = 1)).part, VersionPart::Itself);
        assert_eq!(args(quote!("rule.get", version = 1, part = "reply")).part, VersionPart::Reply);
        assert_eq!(args(quote!("rule.get", version = 1, part = "error")).part, VersionPart::Error);
        assert_eq!(
            refusal(quote!("rule.get", version = 1, part = "answer")),
            "a struct is the reply to a request or its refusal: write part = \"reply\" or part = \"error\""
        );
    }

    #[test]
    fn whatever_is_missing_or_unknown_is_said_with_an_example() {
        let example = "write #[domain_event(\"rule.created\", version = 1)]";

        assert_eq!(refusal(quote!()), format!("which event is this? {example}"));
        assert_eq!(refusal(quote!(version = 1)), format!("the type of the event comes first: {example}"));
        assert_eq!(refusal(quote!("rule.created")), format!("which version? {example}"));
        assert_eq!(
            refusal(quote!("rule.created", version = "1")),
            format!("a version is a whole number from 1 on: {example}")
        );
        assert_eq!(
            refusal(quote!("rule.created", version = 1, version = 2)),
            "`version` is said twice; remove one of them"
        );
        assert_eq!(
            refusal(quote!("rule.created", version = 2, older = "RuleCreatedV1")),
            "`older` names a type; write it without quotes: older = RuleCreatedV1"
        );
        assert_eq!(
            refusal(quote!("rule.created", version = 2, older = 1)),
            "`older` names a type: write older = a_module::AType"
        );
        assert_eq!(refusal(quote!("rule.created", version)), "`version` needs a value: write version = ..");
        assert_eq!(
            refusal(quote!("rule.created", 1)),
            format!("all that follows the type of the event has a name: {example}")
        );
        assert_eq!(refusal(quote!("rule.created" version = 1)), format!("a comma stands between arguments: {example}"));
        assert_eq!(
            refusal(quote!("rule.created", version = 2, schemas = schemas)),
            "write the folder in quotes: schemas = \"../schemas\""
        );
        assert_eq!(
            refusal(quote!("rule.created", verson = 1)),
            format!(
                "unknown argument `verson`; there are `version`, `older`, `reply`, `error`, `part`, `schemas` and `crate`: \
                 {example}"
            )
        );
    }
}
