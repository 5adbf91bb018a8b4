//! `#[domain_event]`: a struct of the user's own as an event of the catalogue.
//!
//! Tokens in, tokens out; the macro crate only passes them on. `args` reads the attribute, `check` compares the
//! struct with the schema, `expand` writes what becomes of it. Every mistake is reported at its own place, all at
//! once, and the struct stays an event of sorts, so that one mistake gives one message.

mod answers;
mod args;
mod check;
mod errors;
mod expand;
mod nearest;
mod serde_attributes;

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Fields, Item, ItemStruct};

use crate::diagnostic::{Diagnostic, has_errors};
use crate::generate::{load, load_event, types};
use crate::load::{Loaded, locate, locate_in};
use crate::lookup;
use crate::model::{Event, Version, VersionPart};

use args::{Args, Older};
use check::Against;
use errors::Errors;
use expand::{Bound, Trait};
use nearest::nearest;
use serde_attributes::Container;

/// Where the attribute stands.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The folder of the crate's `Cargo.toml`.
    pub crate_dir: &'a Path,
    /// The source file, if the compiler reveals it.
    pub source_file: Option<&'a Path>,
}

/// Expands `#[domain_event(args)] item`.
pub fn domain_event(args: TokenStream, item: TokenStream, site: Site<'_>) -> TokenStream {
    let mut errors = Errors::default();
    let expansion = expand(args, &item, site, &mut errors);
    let errors = errors.tokens();
    quote!(#item #expansion #errors)
}

fn expand(args: TokenStream, item: &TokenStream, site: Site<'_>, errors: &mut Errors) -> TokenStream {
    let (args, item) = (Args::parse(args), structure(item));
    let (args, item) = match (args, item) {
        (Ok(args), Ok(item)) => (args, item),
        (args, item) => {
            let (args, item) = (args.map(drop), item.map(drop));
            args.err().into_iter().chain(item.err()).for_each(|error| errors.push(error));
            return TokenStream::new();
        }
    };
    errors.name_runtime(args.runtime.name());
    let version = args.number().unwrap_or_default();
    let stub = || match args.part {
        VersionPart::Itself => expand::stub(&args.runtime, &item.ident, &args.event_type.value(), version),
        part => expand::answer_stub(&args.runtime, &item.ident, part),
    };
    let loaded = match catalogue(&args, site) {
        Ok(loaded) => loaded,
        Err(error) => {
            errors.push(error);
            return stub();
        }
    };
    match find(&loaded, &args) {
        Ok((event, version)) => match args.part {
            VersionPart::Itself => bound(&args, &item, &loaded, (event, version), errors),
            part => bound_answer(&args, &item, &loaded, (event, version, part), errors),
        },
        Err(error) => {
            errors.push(error);
            stub()
        }
    }
}

/// The struct with named fields that the attribute stands on.
fn structure(item: &TokenStream) -> syn::Result<ItemStruct> {
    const WANTED: &str = "an event is a struct with named fields, one for each property of its schema";
    match syn::parse2(item.clone())? {
        Item::Struct(item) if !item.generics.params.is_empty() => {
            Err(syn::Error::new_spanned(&item.generics, format!("{WANTED}; it has no generic parameters")))
        }
        Item::Struct(item) if matches!(item.fields, Fields::Named(_)) => Ok(item),
        Item::Struct(item) => Err(syn::Error::new_spanned(&item.ident, format!("{WANTED}; name the fields"))),
        Item::Enum(item) => Err(syn::Error::new_spanned(&item.ident, format!("{WANTED}, not an enum"))),
        other => Err(syn::Error::new_spanned(other.to_token_stream(), format!("{WANTED}; put the attribute on one"))),
    }
}

fn catalogue(args: &Args, site: Site<'_>) -> syn::Result<Loaded> {
    let dir: PathBuf = match &args.schemas {
        Some(schemas) => {
            let base = site.source_file.and_then(Path::parent).unwrap_or(site.crate_dir);
            locate_in(base, &schemas.value()).map_err(|error| {
                syn::Error::new_spanned(schemas, format!("{error}; the path is relative to this source file"))
            })?
        }
        None => locate(site.crate_dir).map_err(|error| syn::Error::new_spanned(&args.event_type, error))?,
    };
    // Only what the event needs; where that is not all right, or the event is not there, the whole catalogue says why.
    let loaded = load_event(&dir, &args.event_type.value()).unwrap_or_else(|| load(&dir));
    if has_errors(&loaded.diagnostics) {
        let problems: Vec<String> = loaded.diagnostics.iter().map(Diagnostic::to_string).collect();
        let message = format!("the catalogue has errors; mend them first\n{}", problems.join("\n"));
        return Err(syn::Error::new_spanned(&args.event_type, message));
    }
    Ok(loaded)
}

/// The version of the event that the arguments name.
fn find<'a>(loaded: &'a Loaded, args: &Args) -> syn::Result<(&'a Event, &'a Version)> {
    let wanted = args.event_type.value();
    let Some(event) = loaded.catalogue.event(&wanted) else {
        let types = || loaded.catalogue.events.iter().map(|event| event.event_type.as_str());
        let near: Vec<String> = nearest(&wanted, types()).into_iter().take(3).map(|name| format!("{name:?}")).collect();
        let way_out = lookup::did_you_mean(&near).unwrap_or_else(|| {
            "an event is named by the path of its schema: domain/rule/created.v1.json is \"rule.created\"".to_owned()
        });
        let message = format!("the catalogue has no event {wanted:?}; {way_out}");
        return Err(syn::Error::new_spanned(&args.event_type, message));
    };
    let number = args.number()?;
    let version = event.versions.iter().find(|version| version.number == number).ok_or_else(|| {
        let numbers: Vec<String> = event.versions.iter().map(|version| version.number.to_string()).collect();
        let message = format!("{wanted} has no version {number}; it has {}", numbers.join(", "));
        syn::Error::new_spanned(&args.version, message)
    })?;
    Ok((event, version))
}

/// The type of the version before. Where there is one, the attribute must say how its payloads become values of the struct:
/// else they would be dead-lettered, and nobody would know before.
fn older<'a>(args: &'a Args, event: &Event, version: &Version, errors: &mut Errors) -> Option<(&'a syn::Path, u32)> {
    let before = event.versions.iter().rev().find(|other| other.number < version.number);
    match (before, &args.older) {
        (Some(before), None) => {
            let (event_type, number, before) = (&event.event_type, version.number, before.number);
            let (stored, refused) = if event.kind.is_document() {
                ("documents", "to read none of them")
            } else {
                ("events", "to dead-letter them")
            };
            let message = format!(
                "stored {stored} of {event_type} may be of version {before}; name the type of that version, which this one \
                 is upcast from: #[domain_event({event_type:?}, version = {number}, older = ..)] and `impl Upcast`; or \
                 write older = none, {refused}"
            );
            errors.at(&args.version, message);
            None
        }
        (None, Some(older)) => {
            let message = format!("{} has no version before {}; remove `older`", event.event_type, version.number);
            errors.at(older, message);
            None
        }
        (Some(before), Some(Older::Through(path))) => Some((path, before.number)),
        (_, Some(Older::Refused(_)) | None) => None,
    }
}

/// The expansion of a struct that is bound to a version of an event.
fn bound(
    args: &Args,
    item: &ItemStruct,
    loaded: &Loaded,
    (event, version): (&Event, &Version),
    errors: &mut Errors,
) -> TokenStream {
    check_against(item, loaded, &version.file, errors);
    let fields = check::fields(item, &Container::of(&item.attrs));
    let (older, answer) = (older(args, event, version, errors), answers::answer(args, event, version, errors));
    let bound = Bound { name: &item.ident, fields: &fields, event, version, older, answer };
    let implementation = expand::implementation(&args.runtime, bound, loaded);
    if !errors.is_empty() {
        return implementation;
    }
    let assertions = answers::assertions(args, event, version);
    let rest = expand::rest(&args.runtime, loaded, item, &version.file, Trait::of(event.kind));
    quote!(#implementation #assertions #rest)
}

/// The expansion of a struct that a request is answered with.
fn bound_answer(
    args: &Args,
    item: &ItemStruct,
    loaded: &Loaded,
    (event, version, part): (&Event, &Version, VersionPart),
    errors: &mut Errors,
) -> TokenStream {
    answers::report_arguments_of_requests(args, errors);
    let Some(file) = version.part(part) else {
        let name = part.of(&event.event_type, version.number);
        let way_out = if !event.kind.is_request() {
            "only commands and queries have one".to_owned()
        } else {
            format!("add {}", answers::file_of(version, part))
        };
        errors.at(&args.event_type, format!("the catalogue does not describe {name}; {way_out}"));
        return expand::answer_stub(&args.runtime, &item.ident, part);
    };
    check_against(item, loaded, file, errors);
    let implementation = expand::answer(&args.runtime, &item.ident, loaded, (event, version, part), file);
    if !errors.is_empty() {
        return implementation;
    }
    let rest = expand::rest(&args.runtime, loaded, item, file, Trait::Reply);
    quote!(#implementation #rest)
}

/// Compares a struct with a schema file.
fn check_against(item: &ItemStruct, loaded: &Loaded, file: &str, errors: &mut Errors) {
    let program = types(loaded);
    if let Some(root) = program.root_of(file) {
        let body = &program.definitions[root].body;
        check::check(item, &Against { program: &program, body, file }, errors);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_that_the_event_depends_on_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("domain/rule")).unwrap();
        fs::write(dir.path().join("eventsmith.toml"), "root = \"rules\"\n").unwrap();
        fs::write(dir.path().join("common.json"), r#"{"$defs": {"Id": {"type": "string"}}}"#).unwrap();
        let schema = r##"{"type": "object", "required": ["id"],
            "properties": {"id": {"$ref": "../../common.json#/$defs/Id"}}}"##;
        fs::write(dir.path().join("domain/rule/created.v1.json"), schema).unwrap();
        let site = Site { crate_dir: dir.path(), source_file: None };

        let text = domain_event(
            quote!("rule.created", version = 1),
            quote!(
                struct RuleCreated {
                    id: String,
                }
            ),
            site,
        );

        let text = text.to_string();
        assert!(!text.contains("compile_error"), "{text}");
        for file in ["eventsmith.toml", "common.json", "domain/rule/created.v1.json"] {
            let path = fs::canonicalize(dir.path()).unwrap().join(file);
            assert!(text.contains(&format!("include_str ! ({:?})", path.display().to_string())), "{file}: {text}");
        }
        assert!(
            text.contains("agreement_test ! (rule_created_agrees_with_its_schema , RuleCreated , assert_agrees)"),
            "{text}"
        );
    }
}
