//! What becomes of a struct: an event with a test.

use std::path::Path;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, ItemStruct};

use crate::bundle::{bundle_text, files_from};
use crate::emit::event_impl::{
    Answer, Check, EventImpl, Older, ReplyImpl, bucket_of, event_impl, field_text, reply_impl, trait_of,
};
use crate::emit::{Runtime, raw_string};
use crate::load::Loaded;
use crate::manifest::{FILE_NAME, Wire};
use crate::model::{Event, Kind, Token, Usage, Version, VersionPart};
use crate::pointer;

use super::check::StructField;

/// A struct and the version that it is bound to.
pub(super) struct Bound<'a> {
    pub(super) name: &'a Ident,
    pub(super) fields: &'a [StructField<'a>],
    pub(super) event: &'a Event,
    pub(super) version: &'a Version,
    /// The type of the version before that it is upcast from, and the number of that version.
    pub(super) older: Option<(&'a syn::Path, u32)>,
    /// The types that a request is answered with.
    pub(super) answer: Option<Answer>,
}

/// What a struct implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    Event,
    Request,
    Reply,
    State,
}

impl Trait {
    pub(super) const fn of(kind: Kind) -> Self {
        match kind.usage() {
            Usage::Event => Self::Event,
            Usage::Request => Self::Request,
            Usage::Document => Self::State,
        }
    }
}

/// The implementation of `Event`, `Request` or `State`. Only the validator knows what a type of the user's own proves about a payload.
pub(super) fn implementation(
    runtime: &Runtime,
    Bound { name, fields, event, version, older, answer }: Bound<'_>,
    loaded: &Loaded,
) -> TokenStream {
    let template = version.template.as_ref().map(|template| {
        let properties = template.tokens.iter().filter_map(|token| match token {
            Token::Property(property) => Some(property),
            Token::Literal(_) => None,
        });
        (template, properties.map(|property| text_at(runtime, fields, &pointer::join("", property))).collect())
    });
    let key = version.key.as_ref().map(|key| (key.as_str(), text_at(runtime, fields, key)));
    let subject = version.subject(event);
    let schema = raw_string(&bundle_text(loaded, &version.file));
    let is_older = older.map(|(path, number)| {
        let (event_trait, check) = (runtime.item(trait_of(event.kind)), runtime.internal("assert_is_older"));
        let event_type = &event.event_type;
        quote! {
            const _: () = #check(
                (<#path as #event_trait>::TYPE, <#path as #event_trait>::VERSION),
                (#event_type, #number),
            );
        }
    });
    let versions = event.versions.iter().map(|other| other.number).filter(|number| *number < version.number);
    let older = older.map(|(path, _)| Older { path: quote!(#path), versions: versions.collect(), derived: false });
    let implementation = event_impl(
        runtime,
        &EventImpl {
            name,
            kind: event.kind,
            event_type: &event.event_type,
            version: version.number,
            subject: quote!(#subject),
            bucket: bucket_of(loaded, event),
            template,
            schema: quote!(#schema),
            key,
            aggregate: version.aggregate.as_deref(),
            wire: loaded.catalogue.wire_of(event),
            idempotent: version.idempotent,
            check: Check::Validator,
            answer,
            older,
        },
    );
    quote!(#implementation #is_older)
}

/// The text that the subject or the key is made of. What is no plain field of the struct itself is taken from what serde writes: only
/// that knows how a nested struct names its fields, and what a function of the user's own makes of one.
fn text_at(runtime: &Runtime, fields: &[StructField<'_>], place: &str) -> TokenStream {
    let steps = pointer::steps(place).unwrap_or_default();
    let first =
        steps.first().and_then(|first| fields.iter().find(|field| field.property == *first && field.is_plain()));
    let pointed_text = runtime.internal("pointed_text");
    match (first, steps.len()) {
        (Some(field), 1) => {
            let ident = field.ident;
            field_text(runtime, &quote!(#ident))
        }
        (Some(field), _) => {
            let (ident, below) =
                (field.ident, steps[1..].iter().fold(String::new(), |path, step| pointer::join(&path, step)));
            quote!(#pointed_text(&self.#ident, #below))
        }
        (None, _) => quote!(#pointed_text(self, #place)),
    }
}

/// Stands in for the implementation when the event is not known, so that one mistake gives one message.
pub(super) fn stub(runtime: &Runtime, name: &Ident, event_type: &str, version: u32) -> TokenStream {
    event_impl(
        runtime,
        &EventImpl {
            name,
            kind: Kind::Domain,
            event_type,
            version,
            subject: quote!(""),
            bucket: None,
            template: None,
            schema: quote!("false"),
            key: None,
            aggregate: None,
            wire: Wire::Plain,
            idempotent: None,
            check: Check::Validator,
            answer: None,
            older: None,
        },
    )
}

/// The implementation of `Reply`.
pub(super) fn answer(
    runtime: &Runtime,
    name: &Ident,
    loaded: &Loaded,
    of: (&Event, &Version, VersionPart),
    file: &str,
) -> TokenStream {
    let schema = raw_string(&bundle_text(loaded, file));
    reply_impl(runtime, &ReplyImpl { name, of, schema: quote!(#schema), check: Check::Validator })
}

/// Stands in for the implementation of `Reply` when the request is not known.
pub(super) fn answer_stub(runtime: &Runtime, name: &Ident, part: VersionPart) -> TokenStream {
    let (kind, event_type, subject, file) = (Kind::Query, String::new(), String::new(), String::new());
    let version = Version {
        number: 1,
        file,
        key: None,
        template: None,
        aggregate: None,
        idempotent: None,
        reply: None,
        error: None,
    };
    let event = Event { kind, event_type, subject, versions: Vec::new() };
    let of = (&event, &version, part);
    reply_impl(runtime, &ReplyImpl { name, of, schema: quote!("false"), check: Check::Validator })
}

/// What stands beside the implementation: that the compiler builds again when a file changes, the test, and that the runtime is
/// of the right version.
pub(super) fn rest(
    runtime: &Runtime,
    loaded: &Loaded,
    item: &ItemStruct,
    file: &str,
    implemented: Trait,
) -> TokenStream {
    let (name, tracked) = (&item.ident, tracked(loaded, file));
    // Of several attributes on one struct the last has nothing below it. All others say in the names of their tests what they are about.
    let is_last = !item.attrs.iter().any(is_domain_event);
    let test = test(runtime, name, implemented, (!is_last).then_some(file));
    let (generated_by, version) = (runtime.internal("generated_by"), env!("CARGO_PKG_VERSION"));
    quote!(#tracked #test #generated_by!(#version);)
}

/// Makes the compiler build again when a file that the event depends on changes.
fn tracked(loaded: &Loaded, file: &str) -> TokenStream {
    let dir: &Path = &loaded.catalogue.dir;
    let files = std::iter::once(FILE_NAME.to_owned()).chain(files_from(loaded, file));
    let paths = files.map(|file| dir.join(file).display().to_string());
    quote!(#(const _: &str = ::core::include_str!(#paths);)*)
}

fn is_domain_event(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "domain_event")
}

/// The test that the struct and the schema accept the same payloads.
fn test(runtime: &Runtime, name: &Ident, implemented: Trait, of_file: Option<&str>) -> TokenStream {
    let agreement_test = runtime.internal("agreement_test");
    let (mut test, mut in_module) = (test_name(name), in_module(name));
    if let Some(file) = of_file {
        test = format_ident!("{}_{}", test, file.trim_end_matches(".json").to_snake_case());
        in_module = TokenStream::new();
    }
    let assertion = match implemented {
        Trait::Event => quote!(assert_agrees),
        Trait::Request => quote!(assert_request_agrees),
        Trait::Reply => quote!(assert_reply_agrees),
        Trait::State => quote!(assert_state_agrees),
    };
    quote! {
        #[cfg(test)]
        #agreement_test!(#test, #name, #assertion);
        #in_module
    }
}

/// The name of the test of a struct. Structs whose names only differ in case, or in underscores, have tests of different names.
fn test_name(name: &Ident) -> Ident {
    let text = name.unraw().to_string();
    let snake = text.to_snake_case();
    if snake.to_upper_camel_case() == text {
        return format_ident!("{}_agrees_with_its_schema", snake);
    }
    // Each capital letter and each underscore shows, so that no two names come to one. No word of a usual name begins with a digit.
    let spelled: String = text
        .chars()
        .flat_map(|c| match c {
            '_' => "_0".chars().collect::<Vec<_>>(),
            c if c.is_uppercase() => std::iter::once('_').chain(c.to_lowercase()).collect(),
            c => vec![c],
        })
        .collect();
    format_ident!("struct_0{}_agrees_with_its_schema", spelled)
}

/// Fails to compile the tests of a struct that stands in a function: no test in there is ever run, which would pass unnoticed. `self`
/// is the module around the function, which knows no name of the function's own.
fn in_module(name: &Ident) -> TokenStream {
    let plain = name.unraw();
    let told = format_ident!(
        "{}_stands_in_a_function_where_no_test_can_run_so_move_it_to_a_module",
        plain,
        span = name.span()
    );
    let path = quote_spanned!(name.span()=> self::#told);
    quote! {
        #[cfg(test)]
        #[allow(unused_imports, reason = "in a function it is unused, too")]
        use #name as #told;
        #[cfg(test)]
        const _: ::core::marker::PhantomData<#path> = ::core::marker::PhantomData;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_whose_names_differ_in_case_have_tests_of_different_names() {
        let names = [
            "RuleCreated",
            "Rulecreated",
            "RULECreated",
            "rule_created",
            "Rule_created",
            "Rule_Created",
            "rulecreated",
            "StructRuleCreated",
            "Structrulecreated",
            "Struct0rulecreated",
        ];

        let tests: std::collections::BTreeSet<String> =
            names.iter().map(|name| test_name(&format_ident!("{}", name)).to_string()).collect();

        assert_eq!(tests.len(), names.len(), "{tests:?}");
        assert!(tests.contains("rule_created_agrees_with_its_schema"));
    }
}
